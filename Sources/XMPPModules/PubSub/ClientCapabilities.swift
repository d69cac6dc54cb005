import Synchronization
import XMPPServer

/// Which nodes the clients of a host want to be told of (XEP-0060 §9.2): those for which they have said `…+notify` in what their
/// presence has a hash of. A hash that is known is looked up; for another one the client is asked.
///
/// A hash counts for others with the same one only if it is that of the answer. An answer that is not counts for whoever has given it.
final class ClientCapabilities: Sendable {
    /// What one client, or all with its hash, want.
    final class Interests: Sendable {
        let nodes: Set<String>

        init(_ nodes: Set<String>) { self.nodes = nodes }
    }

    /// What is known with an account.
    private final class OfAccount: Sendable {
        /// What its sessions want, by their full addresses.
        let bySession = Mutex<[JID: Interests]>([:])
        /// What contacts want whose clients are not at an account of this process, by their full addresses.
        let byContact = Mutex<[JID: Interests]>([:])
        /// How many answers its clients have to give, or wait for.
        let questions = Mutex<Int>(0)
    }

    private struct Known {
        var interests: [CapabilityHash: Interests] = [:]
        /// Whoever waits for an answer that another client with the same hash is asked for.
        var waiting: [CapabilityHash: [Asked]] = [:]
    }

    private struct Asked: Sendable {
        let client: JID
        /// Gets nil if it has not answered.
        let then: @Sendable (Interests?) -> Void
    }

    private static let ofAccount = AccountRecord.Slot("interests of clients") { OfAccount() }
    /// Hashes that are remembered. There are about as many as versions of clients.
    private static let capacity = 2_000
    /// Of one client.
    private static let maximumNodes = 200
    private static let maximumBytes = 16 << 10
    /// Questions under way about the clients of one account: who announces ever other hashes is not asked about all of them.
    private static let maximumQuestions = 16
    /// Clients elsewhere of one account's contacts.
    private static let maximumContacts = 1_000
    private static let patience = Duration.seconds(30)
    static let suffix = "+notify"

    private let host: Host
    private let known = Mutex(Known())
    /// Who wants to be told of a node: accounts with sessions that do, by their bare JIDs.
    private let accounts = Mutex<[String: [JID: AccountRecord]]>([:])

    init(host: Host) {
        self.host = host
        // Other settings were loaded: what clients have said still holds.
        for session in host.accounts.sessions {
            for node in Self.interests(of: session) {
                accounts.withLock { $0[node, default: [:]][session.record.jid] = session.record }
            }
        }
    }

    // MARK: Questions

    /// The accounts with sessions that want to be told of the node, by their bare JIDs.
    func accounts(interestedIn node: String) -> [JID: AccountRecord] { accounts.withLock { $0[node] ?? [:] } }

    /// The account's sessions that want to be told of the node.
    static func sessions(of record: AccountRecord, interestedIn node: String) -> [ClientSession] {
        var audience = Audience(of: node)
        audience.add(record)
        return audience.sessions
    }

    /// The sessions of some accounts that want to be told of a node.
    struct Audience {
        private(set) var sessions: [ClientSession] = []
        private let node: String
        /// Of the client that was looked at last: most have the same as another one before them.
        private var last: (interests: Interests, hasNode: Bool)?

        init(of node: String) {
            self.node = node
        }

        mutating func add(_ record: AccountRecord) {
            let interests = record[ofAccount].bySession.withLock { $0 }
            guard !interests.isEmpty else { return }
            for session in record.sessions {
                guard let interests = interests[session.jid], session.isAvailable else { continue }
                if last?.interests !== interests { last = (interests, interests.nodes.contains(node)) }
                if last?.hasNode == true { sessions.append(session) }
            }
        }
    }

    /// What the session wants to be told of.
    static func interests(of session: ClientSession) -> Set<String> {
        session.record[ofAccount].bySession.withLock { $0[session.jid]?.nodes ?? [] }
    }

    // MARK: Changes

    /// A session has announced what it is. On its loop.
    ///
    /// - Parameter then: called with what it wants, if that is known to be something else than before.
    func announced(
        _ presence: Element, by session: ClientSession, then: @escaping @Sendable (_ nodes: Set<String>) -> Void
    ) {
        guard let hash = CapabilityHash(of: presence) else { return }
        interests(hash, of: session.jid, for: session.record) { [self] interests in
            let former = Self.interests(of: session)
            set(interests, of: session)
            let added = interests.nodes.subtracting(former)
            if !added.isEmpty { then(added) }
        }
    }

    /// The session is not available any more.
    func forget(_ session: ClientSession) { set(nil, of: session) }

    /// A client elsewhere has announced to an account what it is.
    ///
    /// - Parameter then: as above.
    func announced(
        _ presence: Element, by contact: JID, to account: AccountRecord,
        then: @escaping @Sendable (_ nodes: Set<String>) -> Void
    ) {
        guard contact.isFull, let hash = CapabilityHash(of: presence) else { return }
        interests(hash, of: contact, for: account) { interests in
            let former = account[Self.ofAccount].byContact.withLock { byContact -> Set<String>? in
                let former = byContact[contact]
                guard former != nil || byContact.count < Self.maximumContacts else { return nil }
                byContact[contact] = interests
                return former?.nodes ?? []
            }
            guard let former else { return }
            let added = interests.nodes.subtracting(former)
            if !added.isEmpty { then(added) }
        }
    }

    /// A client elsewhere is not available any more for an account.
    static func forget(_ contact: JID, of account: AccountRecord) {
        account[ofAccount].byContact.withLock { byContact in
            if contact.isFull {
                byContact[contact] = nil
            } else {
                byContact = byContact.filter { !$0.key.isSameBare(as: contact) }
            }
        }
    }

    /// The full addresses of clients elsewhere that want an account to tell them of the node.
    static func contacts(of account: AccountRecord, interestedIn node: String) -> [JID] {
        let all = account[ofAccount].byContact.withLock { $0 }
        return all.isEmpty ? [] : all.filter { $0.value.nodes.contains(node) }.map(\.key)
    }

    private func set(_ interests: Interests?, of session: ClientSession) {
        let record = session.record
        record[Self.ofAccount].bySession.withLock { bySession in
            // A client that has got the resource in the meantime has said what it wants itself.
            let current = record.session(session.jid.resource ?? "")
            if interests != nil, current?.boundAt != session.boundAt { return }
            if interests == nil, let current, current.boundAt != session.boundAt, current.isAvailable { return }
            let former = bySession[session.jid]
            guard former !== interests else { return }
            bySession[session.jid] = interests
            let all = bySession.values.reduce(into: Set()) { $0.formUnion($1.nodes) }
            accounts.withLock { accounts in
                for node in interests?.nodes ?? [] { accounts[node, default: [:]][record.jid] = record }
                for node in former?.nodes ?? [] where !all.contains(node) {
                    accounts[node]?[record.jid] = nil
                    if accounts[node]?.isEmpty == true { accounts[node] = nil }
                }
            }
        }
    }

    // MARK: Hashes

    /// - Parameter account: with which the questions are counted.
    private func interests(
        _ hash: CapabilityHash, of client: JID, for account: AccountRecord,
        then: @escaping @Sendable (Interests) -> Void
    ) {
        let questions = account[Self.ofAccount]
        let asked = Asked(client: client) { interests in
            questions.questions.withLock { $0 -= 1 }
            if let interests { then(interests) }
        }
        let (interests, mustAsk) = known.withLock { known -> (Interests?, Bool) in
            if let interests = known.interests[hash] { return (interests, false) }
            let isTooMuch = questions.questions.withLock { count in
                guard count < Self.maximumQuestions else { return true }
                count += 1
                return false
            }
            if isTooMuch { return (nil, false) }
            guard known.waiting[hash] != nil else {
                known.waiting[hash] = []
                return (nil, true)
            }
            known.waiting[hash]?.append(asked)
            return (nil, false)
        }
        if let interests { then(interests) } else if mustAsk { ask(asked, hash) }
    }

    private func ask(_ asked: Asked, _ hash: CapabilityHash) {
        host.router.request(.get, from: host.jid, at: host, to: asked.client, within: Self.patience) { writer in
            writer.element("query", .discoInfo, ["node": hash.node])
        } then: { [self] answer in
            guard case .result(let description?) = answer, description.isNamed("query", .discoInfo) else {
                asked.then(nil)
                return askOthers(hash)
            }
            let interests = Interests(Self.nodes(in: description))
            guard hash.isOf(description) else {
                asked.then(interests)
                return askOthers(hash)
            }
            let waiting = known.withLock { known in
                if known.interests.count >= Self.capacity, let some = known.interests.keys.first {
                    known.interests[some] = nil
                }
                known.interests[hash] = interests
                return known.waiting.removeValue(forKey: hash) ?? []
            }
            for asked in [asked] + waiting { asked.then(interests) }
        }
    }

    /// What one has answered does not help the others: each is asked itself, so that none waits for the silence of many.
    private func askOthers(_ hash: CapabilityHash) {
        let waiting = known.withLock { $0.waiting.removeValue(forKey: hash) ?? [] }
        for asked in waiting { ask(asked, hash) }
    }

    private static func nodes(in description: Element) -> Set<String> {
        var nodes: Set<String> = []
        var byteCount = 0
        for child in description.children where child.isNamed("feature", .discoInfo) {
            guard let feature = child["var"], feature.hasSuffix(suffix) else { continue }
            let node = String(feature.dropLast(suffix.count))
            byteCount += node.utf8.count
            guard !node.isEmpty, nodes.count < maximumNodes, byteCount <= maximumBytes else { continue }
            nodes.insert(node)
        }
        return nodes
    }
}
