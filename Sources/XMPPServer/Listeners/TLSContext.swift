import NIOCore
import NIOSSL
import SwiftASN1
import X509
import XMPP
import XMPPStream

/// The certificates of the hosts, and the TLS context that shows each client the one of the host that it names (SNI).
public final class TLSContext: Sendable {
    /// One host's certificate chain and key.
    struct Identity: Sendable {
        let domain: String
        let chain: [NIOSSLCertificateSource]
        let key: NIOSSLPrivateKeySource
        let serverEndPoint: [UInt8]?
    }

    /// What connections are for.
    public enum Use: Sendable {
        case streams
        case web
    }

    let exporter = TLSExporter()
    private let context: NIOSSLContext
    private let identities: [Identity]

    /// - Returns: `nil` if no host has a certificate.
    public init?(_ hosts: [HostConfiguration], for use: Use = .streams) throws {
        var identities: [Identity] = []
        for host in hosts {
            guard let certificate = host.certificate, let key = host.key else { continue }
            identities.append(try Self.read(domain: host.domain, certificate: certificate, key: key))
        }
        guard let standard = identities.first else { return nil }
        self.identities = identities
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: standard.chain, privateKey: standard.key)
        configuration.minimumTLSVersion = .tlsv12
        // The stream has had its own goodbye by then.
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
                // The first is the context's own; setting it again would cost a check of its key.
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

    /// A server's end of one connection.
    public func makeHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: context) }

    /// The tls-server-end-point binding of the certificate that a client is shown; `nil` if there is none, or if the
    /// client's choice among several certificates is not known.
    func serverEndPoint(for name: ServerName) -> [UInt8]? {
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

    private static func read(domain: String, certificate: String, key: String) throws -> Identity {
        let chain = try NIOSSLCertificate.fromPEMFile(certificate)
        guard let leaf = chain.first else { throw ServerError("\(certificate) holds no certificate") }
        let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
        let der = try leaf.toDERBytes()
        let hash = try signatureHash(of: der)
        return Identity(
            domain: domain,
            chain: chain.map { .certificate($0) },
            key: .privateKey(privateKey),
            serverEndPoint: ChannelBinding.serverEndPoint(leafDER: der, signatureHash: hash)
        )
    }

    private static func signatureHash(of der: [UInt8]) throws -> ChannelBinding.SignatureHash {
        let algorithm = try X509.Certificate(derEncoded: der).signatureAlgorithm
        switch algorithm {
        case .sha1WithRSAEncryption: return .sha1
        case .ecdsaWithSHA256, .sha256WithRSAEncryption: return .sha256
        case .ecdsaWithSHA384, .sha384WithRSAEncryption: return .sha384
        case .ecdsaWithSHA512, .sha512WithRSAEncryption: return .sha512
        default: return .none
        }
    }
}
