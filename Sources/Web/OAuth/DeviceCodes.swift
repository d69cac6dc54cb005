import XMPP
import XMPPServer
import XMPPStream

/// Device authorizations that wait for the user's code, RFC 8628. In memory only.
final class DeviceCodes: Sendable {
    /// A waiting device.
    struct Request: Sendable {
        enum State: Sendable {
            case pending
            case allowed(OpenedAccount)
            case denied
            /// The device has been told that it is allowed, and gets its tokens.
            case taken(OpenedAccount)
        }

        let app: App
        let scopes: Set<String>
        let userCode: String
        var state = State.pending
        /// The minimum seconds between polls.
        var interval: Int64 = 5
        var askedAt: Timestamp?

        /// The account that has allowed it.
        var account: JID? {
            switch state {
            case .allowed(let opened), .taken(let opened): opened.record.jid
            case .pending, .denied: nil
            }
        }
    }

    /// The answer to a device's poll.
    enum Answer: Sendable {
        case wait
        case slowDown
        case allowed(Request, OpenedAccount)
        case denied
        case expired
    }

    /// In seconds.
    static let lifetime: Int64 = 600
    /// Letters that form no words and are hard to confuse, RFC 8628 §6.1.
    private static let alphabet = Array("BCDFGHJKLMNPQRSTVWXZ")

    private let requests = ExpiringTable<[UInt8], CIDRBlock, Request>(capacity: 10_000, share: 100)
    private let byUserCode = ExpiringTable<String, CIDRBlock, [UInt8]>(capacity: 10_000, share: 100)

    /// - Parameter client: the device's address; nil: not counted.
    /// - Returns: nil if there are too many, of the address or in total.
    func make(
        _ app: App, _ scopes: Set<String>, from client: CIDRBlock?, now: Timestamp
    ) -> (device: String, user: String)? {
        let device = SecureRandom.text(length: 43)
        let digest = Authenticator.digest(ofToken: device)
        var generator = SystemRandomNumberGenerator()
        let user = String((0..<8).compactMap { _ in Self.alphabet.randomElement(using: &generator) })
        let end = now.adding(Self.lifetime * 1000)
        let request = Request(app: app, scopes: scopes, userCode: user)
        guard byUserCode.add(digest, user, of: client, until: end, now: now) else { return nil }
        guard requests.add(request, digest, of: client, until: end, now: now) else {
            byUserCode.remove(user)
            return nil
        }
        return (device, Self.shown(user))
    }

    /// The waiting device with this user code, in any spelling.
    func find(userCode text: String, now: Timestamp) -> Request? {
        guard let digest = byUserCode.find(Self.normal(text), now: now),
            let request = requests.find(digest, now: now), case .pending = request.state
        else { return nil }
        return request
    }

    /// Records the person's decision. False: it is too late.
    func decide(userCode text: String, _ state: Request.State, now: Timestamp) -> Bool {
        let code = Self.normal(text)
        guard let digest = byUserCode.find(code, now: now) else { return false }
        byUserCode.remove(code)
        return requests.update(digest, now: now) { request in
            // Another person may have seen the same code.
            guard case .pending = request.state else { return false }
            request.state = state
            return true
        } ?? false
    }

    /// Answers a device's poll.
    func ask(_ device: String, _ app: App, now: Timestamp) -> Answer {
        let digest = Authenticator.digest(ofToken: device)
        let answer: Answer =
            requests.update(digest, now: now) { request in
                guard request.app.id == app.id else { return .expired }
                switch request.state {
                case .allowed(let account):
                    request.state = .taken(account)
                    return .allowed(request, account)
                case .denied: return .denied
                case .taken: return .expired
                case .pending: break
                }
                defer { request.askedAt = now }
                guard let before = request.askedAt, now.milliseconds - before.milliseconds < request.interval * 1000
                else {
                    return .wait
                }
                request.interval = min(request.interval + 5, 60)
                return .slowDown
            } ?? .expired
        switch answer {
        case .denied: requests.remove(digest)
        case .allowed, .wait, .slowDown, .expired: break
        }
        return answer
    }

    /// The device has its tokens. False: the app was signed out meanwhile.
    func exchanged(_ device: String) -> Bool { requests.remove(Authenticator.digest(ofToken: device)) }

    /// The app is signed out: earlier consents are void.
    func forget(app: String, of account: JID) {
        requests.removeAll { $0.app.id == app && $0.account == account }
    }

    /// The account is removed.
    func forget(_ account: JID) { requests.removeAll { $0.account == account } }

    /// The stored form: letters only.
    private static func normal(_ text: String) -> String {
        text.utf8.count > 64 ? "" : text.uppercased().filter(\.isLetter)
    }

    /// The shown form: two halves.
    static func shown(_ code: String) -> String { "\(code.prefix(4))-\(code.dropFirst(4))" }
}
