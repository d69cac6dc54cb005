import Crypto

/// The types of channel binding that the server can use, in order of preference.
public enum ChannelBindingType: String, Sendable, CaseIterable {
    /// Keying material exported from the connection (RFC 9266), on TLS 1.3.
    case tlsExporter = "tls-exporter"
    /// The hash of the server's certificate (RFC 5929 §4).
    case tlsServerEndPoint = "tls-server-end-point"
}

/// The channel binding data of a connection.
public struct ChannelBinding: Sendable, Equatable {
    /// The data of each available type.
    public var data: [ChannelBindingType: [UInt8]]

    /// A binding with this data; without data for a connection without TLS.
    public init(_ data: [ChannelBindingType: [UInt8]] = [:]) {
        self.data = data
    }

    /// The available types, for the stream feature of XEP-0440, in order of preference.
    public var types: [ChannelBindingType] {
        ChannelBindingType.allCases.filter { data[$0] != nil }
    }

    /// The mechanisms that can be used on this connection, in one of the two forms of sign-in.
    ///
    /// Clients of RFC 6120's form need not know XEP-0440, which announces the types of binding. On TLS 1.2 they assume
    /// tls-unique (RFC 5802 §6.1), which the server does not have, and fail with their preferred mechanism. So
    /// mechanisms with binding are offered to them only if the connection has the type that they assume on TLS 1.3 (RFC
    /// 9266 §3).
    func usable(_ mechanisms: [SASLMechanism], bySASL2: Bool) -> [SASLMechanism] {
        let hasBinding = bySASL2 ? !data.isEmpty : data[.tlsExporter] != nil
        return hasBinding ? mechanisms : mechanisms.filter { !$0.needsChannelBinding }
    }

    /// The types announced beside these mechanisms (XEP-0440 §2).
    func announced(for mechanisms: [SASLMechanism]) -> [ChannelBindingType] {
        mechanisms.contains(where: \.needsChannelBinding) ? types : []
    }

    /// The tls-server-end-point data of a certificate.
    ///
    /// - Parameters:
    ///   - leafDER: The certificate that the server showed on this connection, in DER.
    ///   - signatureHash: The hash in the certificate's signature algorithm.
    /// - Returns: nil where RFC 5929 §4.1 leaves the binding undefined.
    public static func serverEndPoint(leafDER: [UInt8], signatureHash: SignatureHash) -> [UInt8]? {
        switch signatureHash {
        case .md5, .sha1, .sha256: Array(SHA256.hash(data: leafDER))
        case .sha384: Array(SHA384.hash(data: leafDER))
        case .sha512: Array(SHA512.hash(data: leafDER))
        case .none: nil
        }
    }

    /// The hash of a certificate's signature algorithm.
    public enum SignatureHash: Sendable, CaseIterable {
        case md5, sha1, sha256, sha384, sha512
        /// The algorithm has no single hash of its own (Ed25519).
        case none
    }
}
