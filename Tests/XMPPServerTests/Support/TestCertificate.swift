import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// A certificate made for one test, valid today.
struct TestCertificate {
    let certificate: Certificate
    let key: Certificate.PrivateKey

    init(_ domain: String) throws {
        key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName(domain) }
        certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: Date.now.addingTimeInterval(-3_600), notValidAfter: Date.now.addingTimeInterval(86_400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions { SubjectAlternativeNames([.dnsName(domain)]) },
            issuerPrivateKey: key)
    }

    var der: [UInt8] {
        get throws { try Array(certificate.serializeAsPEM().derBytes) }
    }

    /// Writes `NAME.crt` and `NAME.key`.
    func write(to directory: String, as name: String) throws {
        try certificate.serializeAsPEM().pemString
            .write(toFile: "\(directory)/\(name).crt", atomically: true, encoding: .utf8)
        try key.serializeAsPEM().pemString
            .write(toFile: "\(directory)/\(name).key", atomically: true, encoding: .utf8)
    }
}
