import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate that nobody has vouched for, with its key: enough to begin with, as clients ask people to accept it.
public struct SelfSignedCertificate: Sendable {
    /// So long that it changes when its owner wants it: who has accepted it is alarmed by another one.
    private static let years = 10

    /// The certificate, in PEM.
    public let certificate: String
    /// Its key on the curve P-256, in PEM (PKCS #8).
    public let key: String

    /// Makes one.
    ///
    /// - Parameter domain: the name that it is for, in ASCII.
    public init(domain: String, now: Date = Date()) throws {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName(domain) }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            // Clocks of clients may be behind.
            notValidBefore: now.addingTimeInterval(-86_400),
            notValidAfter: now.addingTimeInterval(Double(Self.years) * 365 * 86_400), issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                SubjectAlternativeNames([.dnsName(domain)])
            },
            issuerPrivateKey: key)
        self.certificate = try certificate.serializeAsPEM().pemString + "\n"
        self.key = try key.serializeAsPEM().pemString + "\n"
    }
}
