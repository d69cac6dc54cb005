import XMPP

/// The authentication of one stream (RFC 6120 §6): bytes in, actions out.
///
/// It does no input or output; look-ups are actions that events answer. One exchange serves all attempts of a stream;
/// its owner limits their number. The resulting account is always the authenticated one, whatever authorization
/// identity the client asked for. A class, as a stream has space for one and has none after sign-in.
public final class SASLExchange {
    /// The mechanisms of this stream in the form of sign-in used last, most preferred first: those announced, and no
    /// others are accepted.
    public private(set) var offered: [SASLMechanism]

    /// The mechanism of the present or last attempt.
    public internal(set) var mechanism: SASLMechanism?

    /// The maximum length of the text of `<auth>` or `<response>`, in bytes.
    public static let longestText = 10_240

    private let mechanisms: [SASLMechanism]
    private var usesSASL2 = false
    let binding: ChannelBinding
    let host: String
    let authorizationServer: String?
    let offersFAST: Bool
    let makeNonce: @Sendable () -> String
    var state = State.idle

    enum State {
        case idle
        case awaitingInitialResponse(SASLMechanism)
        case findingCredential(SCRAMAttempt)
        case scramChallenged(SCRAMAttempt.Challenge)
        case testingProof(SCRAMAttempt.Challenge, SCRAMClientFinal)
        case verifyingPassword(authorizationID: String?)
        case verifyingToken(SASLMechanism, authorizationID: String?)
        case verifyingProof(FASTMechanism)
        case refusalExplained(SASLFailure)
        case finished
    }

    /// Prepares an exchange.
    ///
    /// - Parameters:
    ///   - offered: The mechanisms to offer; those with channel binding are left out if `binding` has no data.
    ///   - binding: The connection's channel binding.
    ///   - host: The domain of the stream, which authorization identities must have.
    ///   - offersFAST: Whether clients can sign in with the tokens of their installations.
    ///   - authorizationServer: The address of the OAuth server's metadata (RFC 8414).
    ///   - nonce: Makes the server's part of a SCRAM nonce: printable ASCII without a comma, never the same twice.
    public init(
        offered: [SASLMechanism],
        binding: ChannelBinding,
        host: String,
        offersFAST: Bool = false,
        authorizationServer: String? = nil,
        nonce: @escaping @Sendable () -> String = { SecureRandom.text(length: 32) }
    ) {
        mechanisms = SASLMechanism.allCases.filter(offered.contains)
        self.offered = binding.usable(mechanisms, bySASL2: false)
        self.binding = binding
        self.host = JID(local: nil, domain: host, resource: nil)?.domain ?? host
        self.authorizationServer = authorizationServer
        self.offersFAST = offersFAST
        self.makeNonce = nonce
    }

    // MARK: What the client does

    /// The client sent `<auth>`.
    ///
    /// - Parameters:
    ///   - mechanism: The element's `mechanism`.
    ///   - initialResponse: The element's text as received; nil if there is none.
    ///   - request: The whole element in a sign-in by XEP-0388.
    public func started(
        mechanism name: String, initialResponse: String?, request: AuthenticationRequest? = nil
    ) -> SASLAction {
        guard case .idle = state else { return end(.malformedRequest) }
        usesSASL2 = request != nil
        offered = binding.usable(mechanisms, bySASL2: usesSASL2)
        if offersFAST, let request, let mechanism = FASTMechanism(rawValue: name) {
            return proceed { () throws(SASLFailure) in
                try begin(mechanism, Self.decode(initialResponse ?? ""), request)
            }
        }
        guard let mechanism = SASLMechanism(rawValue: name), offered.contains(mechanism) else {
            return end(.invalidMechanism)
        }
        self.mechanism = mechanism
        guard let text = initialResponse, !text.isEmpty else {
            state = .awaitingInitialResponse(mechanism)
            return .challenge([])
        }
        guard text.utf8.count <= Self.longestText else { return end(.malformedRequest) }
        if mechanism == .messengerOAuth2 { return begin(messengerToken: text) }
        return proceed { () throws(SASLFailure) in try begin(mechanism, Self.decode(text)) }
    }

    /// The client sent `<response>` with this text, as received.
    public func responded(_ text: String) -> SASLAction {
        guard text.utf8.count <= Self.longestText else { return end(.malformedRequest) }
        switch state {
        case .awaitingInitialResponse(.messengerOAuth2):
            return begin(messengerToken: text)
        case .awaitingInitialResponse(let mechanism):
            return proceed { () throws(SASLFailure) in try begin(mechanism, Self.decode(text)) }
        case .scramChallenged(let challenge):
            return proceed { () throws(SASLFailure) in
                state = .testingProof(challenge, try SCRAMClientFinal(parsing: Self.decode(text)))
                return .testProof(user: challenge.user)
            }
        case .refusalExplained(let failure):
            return end(failure)
        case .idle, .findingCredential, .testingProof, .verifyingPassword, .verifyingToken, .verifyingProof, .finished:
            return end(.malformedRequest)
        }
    }

    /// The client sent `<abort>`.
    public func aborted() -> SASLAction {
        end(.aborted)
    }

    // MARK: What the look-ups find

    /// Answers ``SASLAction/findCredential(user:hash:)``.
    public func credentialFound(_ credential: SCRAMCredential) -> SASLAction {
        guard case .findingCredential(let attempt) = state else { return .ignore }
        state = .idle
        guard credential.hash == attempt.hash else { return end(.temporaryAuthFailure) }
        let challenge = attempt.challenge(
            credential, nonce: makeNonce(), announcement: announcement.map { attempt.hash.digest(Array($0.utf8)) })
        state = .scramChallenged(challenge)
        return .challenge(challenge.serverFirst)
    }

    /// Answers ``SASLAction/testProof(user:)``: there were not too many attempts.
    public func mayTest() -> SASLAction {
        guard case .testingProof(let challenge, let message) = state else { return .ignore }
        state = .idle
        return proceed { () throws(SASLFailure) in
            let signature = try challenge.verify(message)
            state = .finished
            return .succeed(
                user: challenge.user, mechanism: mechanism?.rawValue ?? "",
                data: Array("v=".utf8) + Array(Base64.encode(signature).utf8))
        }
    }

    /// Answers ``SASLAction/verifyPassword(user:password:)``, ``SASLAction/verifyToken(_:user:)`` and
    /// ``SASLAction/verifyProof(_:)``: verified.
    ///
    /// - Parameters:
    ///   - account: The local part of the account, which the stream is then signed in to.
    ///   - data: Additional data for the success.
    public func verified(account: String, data: [UInt8]? = nil) -> SASLAction {
        switch state {
        case .verifyingProof(let mechanism):
            state = .finished
            return .succeed(user: account, mechanism: mechanism.rawValue, data: data)
        case .verifyingPassword(let authorizationID), .verifyingToken(_, let authorizationID):
            state = .idle
            if let authorizationID, accountName(authorizationID) != account { return end(.invalidAuthzid) }
            state = .finished
            return .succeed(user: account, mechanism: mechanism?.rawValue ?? "", data: nil)
        case .idle, .awaitingInitialResponse, .findingCredential, .scramChallenged, .testingProof, .refusalExplained,
            .finished:
            return .ignore
        }
    }

    /// Answers any look-up: it found nothing, or failed.
    public func refused(_ failure: SASLFailure) -> SASLAction {
        switch state {
        case .findingCredential, .testingProof, .verifyingPassword, .verifyingProof:
            state = .idle
            return end(failure)
        case .verifyingToken(let mechanism, _):
            state = .idle
            return refuseToken(mechanism, failure)
        case .idle, .awaitingInitialResponse, .scramChallenged, .refusalExplained, .finished:
            return .ignore
        }
    }
}

extension SASLExchange {
    /// The local part in an authentication or authorization identity on this host: a user name alone, or a bare JID
    /// with the host's domain. nil if it has none.
    func accountName(_ identity: String) -> String? { Self.accountName(identity, host: host) }

    static func accountName(_ identity: String, host: String) -> String? {
        guard identity.utf8.contains(UInt8(ascii: "@")) else {
            return JID(local: identity, domain: host, resource: nil)?.local
        }
        guard let jid = JID(identity), jid.isBare, jid.domain == host else { return nil }
        return jid.local
    }

    /// Ends the attempt. While a look-up is open, no other attempt can begin on this stream: the late answer would be
    /// taken for that of the next one.
    private func end(_ failure: SASLFailure) -> SASLAction {
        switch state {
        case .findingCredential, .testingProof, .verifyingPassword, .verifyingToken, .verifyingProof, .finished:
            state = .finished
        case .idle, .awaitingInitialResponse, .scramChallenged, .refusalExplained: state = .idle
        }
        return .fail(failure)
    }

    private func proceed(_ step: () throws(SASLFailure) -> SASLAction) -> SASLAction {
        do throws(SASLFailure) {
            return try step()
        } catch {
            return end(error)
        }
    }

    private func begin(_ mechanism: SASLMechanism, _ message: [UInt8]) throws(SASLFailure) -> SASLAction {
        if let hash = mechanism.scramHash { return try beginSCRAM(mechanism, hash, message) }
        switch mechanism {
        case .oauthBearer: return try beginBearer(message)
        case .plain: return try beginPlain(message)
        default: throw .invalidMechanism
        }
    }

    private func begin(
        _ mechanism: FASTMechanism, _ message: [UInt8], _ request: AuthenticationRequest
    ) throws(SASLFailure) -> SASLAction {
        guard mechanism.isUsable(binding) else { throw .invalidMechanism }
        let proof = try TokenProof(
            message, mechanism: mechanism, request: request, binding: binding, host: host)
        state = .verifyingProof(mechanism)
        return .verifyProof(proof)
    }

    /// What the client was offered, in the form that XEP-0474 §5.1 has it hashed, so that the client detects a change
    /// on the way. nil for clients without any feature newer than RFC 5802, as some fail on an unknown attribute.
    private var announcement: String? {
        guard usesSASL2 || mechanism?.needsChannelBinding == true else { return nil }
        func list(_ names: [String]) -> String {
            names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: "\u{1E}")
        }
        let types = binding.announced(for: offered)
        return list(offered.map(\.rawValue)) + (types.isEmpty ? "" : "\u{1F}" + list(types.map(\.rawValue)))
    }

    private func beginSCRAM(
        _ mechanism: SASLMechanism, _ hash: SCRAMHash, _ message: [UInt8]
    ) throws(SASLFailure) -> SASLAction {
        let first = try SCRAMClientFirst(parsing: message)
        guard let user = accountName(first.userName) else { throw .notAuthorized }
        if let wanted = first.header.authorizationID, accountName(wanted) != user { throw .invalidAuthzid }
        state = .findingCredential(
            SCRAMAttempt(
                user: user, hash: hash, first: first, bindingData: try bindingData(first.header.flag, mechanism)))
        return .findCredential(user: user, hash: hash)
    }

    /// The data that the client must prove, by its use of channel binding (RFC 5802 §6).
    private func bindingData(
        _ flag: GS2Header.BindingFlag, _ mechanism: SASLMechanism
    ) throws(SASLFailure) -> [UInt8] {
        switch flag {
        case .used(let name):
            guard mechanism.needsChannelBinding, let type = ChannelBindingType(rawValue: name),
                let data = binding.data[type]
            else { throw .malformedRequest }
            return data
        case .notOffered:
            // We offered it, so somebody between us removed it.
            guard !offered.contains(where: \.needsChannelBinding) else { throw .mechanismTooWeak }
            return []
        case .unsupported:
            guard !mechanism.needsChannelBinding else { throw .malformedRequest }
            return []
        }
    }

    /// RFC 4616 §2: `[authzid] NUL authcid NUL passwd`.
    private func beginPlain(_ message: [UInt8]) throws(SASLFailure) -> SASLAction {
        let fields = message.split(separator: 0, omittingEmptySubsequences: false)
        guard fields.count == 3,
            let wanted = String(validating: fields[0], as: UTF8.self),
            let name = String(validating: fields[1], as: UTF8.self), !name.isEmpty,
            let password = String(validating: fields[2], as: UTF8.self), !password.isEmpty
        else { throw .malformedRequest }
        guard let user = accountName(name) else { throw .notAuthorized }
        state = .verifyingPassword(authorizationID: wanted.isEmpty ? nil : wanted)
        return .verifyPassword(user: user, password: Redacted(password))
    }

    private func beginBearer(_ message: [UInt8]) throws(SASLFailure) -> SASLAction {
        let bearer = try BearerMessage(parsing: message)
        guard !bearer.token.isEmpty else { return refuseToken(.oauthBearer, .notAuthorized) }
        var user: String?
        if let wanted = bearer.authorizationID {
            user = accountName(wanted)
            guard user != nil else { throw .invalidAuthzid }
        }
        state = .verifyingToken(.oauthBearer, authorizationID: bearer.authorizationID)
        return .verifyToken(Redacted(bearer.token), user: user)
    }

    private func begin(messengerToken text: String) -> SASLAction {
        guard let token = MessengerToken.normalize(text) else { return end(.notAuthorized) }
        state = .verifyingToken(.messengerOAuth2, authorizationID: nil)
        return .verifyToken(Redacted(token), user: nil)
    }

    /// OAUTHBEARER gives the reason in a challenge, and fails after the client's answer to it (RFC 7628 §3.2.2). From
    /// it a client without a token learns how to get one (XEP-0493 §3.1.1).
    private func refuseToken(_ mechanism: SASLMechanism, _ failure: SASLFailure) -> SASLAction {
        guard mechanism == .oauthBearer, failure == .notAuthorized || failure == .credentialsExpired else {
            return end(failure)
        }
        state = .refusalExplained(failure)
        let discovery = authorizationServer.map { #","openid-configuration":"\#($0)""# } ?? ""
        return .challenge(Array(#"{"status":"invalid_token"\#(discovery)}"#.utf8))
    }

    /// The bytes of an element's text; a single equals sign stands for none (RFC 6120 §6.4.2).
    private static func decode(_ text: String) throws(SASLFailure) -> [UInt8] {
        if text.isEmpty || text == "=" { return [] }
        guard let bytes = Base64.decode(text) else { throw .incorrectEncoding }
        return bytes
    }
}
