import Crypto
import Foundation
import NIOSSL
import SwiftASN1
import X509

/// A self-signed certificate for all domains of tests, made once for each run.
public struct TestCertificate: Sendable {
    /// The names in it.
    public static let names = [
        "messenger.localhost", "localhost", "village.localhost", "other.localhost", "node.localhost",
    ]

    /// The one of this process.
    public static let shared = Result { try TestCertificate() }

    private let directory: TemporaryDirectory
    private let context: NIOSSLContext

    /// The PEM file with the certificate.
    public var certificatePath: String { directory.path + "/certificate.pem" }
    /// The PEM file with its key.
    public var keyPath: String { directory.path + "/key.pem" }

    private init() throws {
        directory = try TemporaryDirectory()
        let key = P256.Signing.PrivateKey()
        let name = try DistinguishedName { CommonName("Swallowtail tests") }
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSinceNow: -86_400),
            notValidAfter: Date(timeIntervalSinceNow: 86_400),
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                SubjectAlternativeNames(Self.names.map { .dnsName($0) })
            },
            issuerPrivateKey: .init(key)
        )
        let pem = try certificate.serializeAsPEM().pemString
        try pem.write(toFile: directory.path + "/certificate.pem", atomically: true, encoding: .utf8)
        try key.pemRepresentation.write(toFile: directory.path + "/key.pem", atomically: true, encoding: .utf8)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(pem.utf8)))
        configuration.applicationProtocols = ["xmpp-client"]
        context = try NIOSSLContext(configuration: configuration)
    }

    /// The client's TLS handler; it accepts only this certificate and its names.
    func makeClientHandler(host: String) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: host)
    }
}
