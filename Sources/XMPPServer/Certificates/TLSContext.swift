public import NIOCore
import NIOSSL
import SwiftASN1
import X509
import XMPP
public import XMPPStream

/// The hosts' certificates, and the TLS context that selects the one of the host that a client names (SNI).
public final class TLSContext: TLSProvider {
    /// One host's certificate chain and key.
    struct Identity: Sendable {
        let domain: String
        let chain: [NIOSSLCertificateSource]
        let key: NIOSSLPrivateKeySource
        let serverEndPoint: [UInt8]?
        /// The host's own certificate, in DER.
        let leaf: [UInt8]

        /// Reads both from their files.
        ///
        /// - Throws: also if the key does not fit the certificate.
        init(domain: String, certificate: String, key: String) throws {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate)
            guard let leaf = chain.first else { throw ServerError("\(certificate) holds no certificate") }
            let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
            let der = try leaf.toDERBytes()
            let parsed = try X509.Certificate(derEncoded: der)
            self.domain = domain
            self.leaf = der
            self.chain = chain.map { .certificate($0) }
            self.key = .privateKey(privateKey)
            // Only a context detects a key that does not fit.
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(certificateChain: self.chain, privateKey: self.key))
            serverEndPoint = ChannelBinding.serverEndPoint(leafDER: der, signatureHash: Self.signatureHash(of: parsed))
        }

        private static func signatureHash(of certificate: X509.Certificate) -> ChannelBinding.SignatureHash {
            switch certificate.signatureAlgorithm {
            case .sha1WithRSAEncryption: .sha1
            case .ecdsaWithSHA256, .sha256WithRSAEncryption: .sha256
            case .ecdsaWithSHA384, .sha384WithRSAEncryption: .sha384
            case .ecdsaWithSHA512, .sha512WithRSAEncryption: .sha512
            default: .none
            }
        }
    }

    /// The use of connections.
    enum Use {
        case streams
        case web
    }

    public let exporter: TLSExporter
    private let context: NIOSSLContext
    let identities: [Identity]

    /// - Parameter identities: at least one.
    init(_ identities: [Identity], for use: Use, _ exporter: TLSExporter) throws {
        self.exporter = exporter
        guard let standard = identities.first else { throw ServerError("no host has a certificate") }
        self.identities = identities
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: standard.chain, privateKey: standard.key)
        configuration.minimumTLSVersion = .tlsv12
        // By then the stream has closed.
        configuration.shutdownTimeout = .seconds(1)
        switch use {
        case .streams:
            configuration.applicationProtocols = ["xmpp-client"]
            configuration.keyLogCallback = { [exporter] in exporter.secretLogged($0) }
        case .web:
            configuration.applicationProtocols = ["http/1.1"]
        }
        if identities.count > 1 {
            configuration.sslContextCallback = { [identities] values, promise in
                var override = NIOSSLContextConfigurationOverride()
                // The first is the default of the context; setting it again would check its key again.
                if let identity = values.serverHostname.flatMap({ Self.identity(named: $0, in: identities) }),
                    identity.domain != identities.first?.domain
                {
                    override.certificateChain = identity.chain
                    override.privateKey = identity.key
                }
                promise.succeed(override)
            }
        }
        context = try NIOSSLContext(configuration: configuration)
    }

    /// The server's TLS handler for one connection.
    public func makeTLSHandler() -> any ChannelHandler { NIOSSLServerHandler(context: context) }

    /// The tls-server-end-point binding of the certificate for a client; nil if there is none, or if it is unknown
    /// which of several certificates the client was shown.
    public func serverEndPoint(for name: ServerName) -> [UInt8]? {
        let standard = identities.first?.serverEndPoint
        switch name {
        case .named(let name): return (Self.identity(named: name, in: identities) ?? identities.first)?.serverEndPoint
        case .absent: return standard
        case .unreadable: return identities.allSatisfy { $0.serverEndPoint == standard } ? standard : nil
        }
    }

    private static func identity(named name: String, in identities: [Identity]) -> Identity? {
        let name = name.lowercased()
        return identities.first { $0.domain == name }
    }
}
