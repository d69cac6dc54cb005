import XML
import XMPP

/// A client's proof that it knows the token of its installation: the initiator's message of the HT mechanisms, with the
/// additions of XEP-0484.
public struct TokenProof: Sendable {
    /// The local part of the account.
    public let user: String
    /// The installation's id.
    public let installation: String
    public let mechanism: FASTMechanism
    /// The client's count of the token's uses; nil: it does not count.
    public let count: Int?
    /// Whether the token becomes void.
    public let invalidates: Bool
    private let code: [UInt8]
    private let bindingData: [UInt8]

    /// - Parameter message: `authcid NUL hashed-token`.
    init(
        _ message: [UInt8], mechanism: FASTMechanism, request: AuthenticationRequest, binding: ChannelBinding,
        host: String
    ) throws(SASLFailure) {
        guard let end = message.firstIndex(of: 0), let name = String(validating: message[..<end], as: UTF8.self),
            !name.isEmpty, let fast = request.element.child("fast", .fast),
            let installation = request.userAgent?.id
        else { throw .malformedRequest }
        guard let user = SASLExchange.accountName(name, host: host) else { throw .notAuthorized }
        self.user = user
        self.installation = installation
        self.mechanism = mechanism
        code = Array(message[message.index(after: end)...])
        if let type = mechanism.binding {
            guard let data = binding.data[type] else { throw .invalidMechanism }
            bindingData = data
        } else {
            bindingData = []
        }
        count = try fast["count"].map { text throws(SASLFailure) in
            guard let count = Int(text), count > 0 else { throw .malformedRequest }
            return count
        }
        invalidates = ["1", "true"].contains(fast["invalidate"])
    }

    /// Whether this is the proof of that token, in constant time.
    public func isOf(token: String) -> Bool { constantTimeEquals(code, hash("Initiator", token)) }

    /// Proves to the client that the server knows the token.
    public func response(token: String) -> [UInt8] { hash("Responder", token) }

    private func hash(_ role: String, _ token: String) -> [UInt8] {
        SCRAMHash.sha256.authenticationCode(for: Array(role.utf8) + bindingData, key: Array(token.utf8))
    }
}
