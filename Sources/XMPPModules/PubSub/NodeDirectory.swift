import NIOCore
import Synchronization
import XMPPServer

/// What is in memory of the nodes at one address: all of an account, the ones used lately of a service.
///
/// What is in memory changes when the change is stored.
final class NodeDirectory: Sendable {
    struct Entry: Sendable {
        var node: PubSubNode
        var usage: NodeUsage
        /// What somebody is sent who becomes available; nil: that is not known.
        var last: LastItem?
        /// Whether it is known that nobody has subscribed.
        var hasNoSubscribers = false
    }

    /// The item that was published last, as it is written into a message.
    enum LastItem: Sendable {
        case missing
        case written(ByteBuffer)
        /// It is read when it is needed.
        case large

        var isMissing: Bool { if case .missing = self { true } else { false } }
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Whether all nodes are here that there are.
        var isComplete = false
        /// Rises with each change: what was read before that may be out of date.
        var generation = 0
        /// How many nodes some have made; bounded.
        var creations: [JID: Int] = [:]
        /// Rises whenever such a number may have become another.
        var creationsGeneration = 0
        /// Notifications that wait for those of the next change.
        var held: [PubSubEngine.Notification] = []
    }

    private static let maximumCreators = 1_000

    private let state = Mutex(State())
    /// How many nodes are kept; nil: all.
    private let capacity: Int?

    init(capacity: Int? = nil) {
        self.capacity = capacity
    }

    // MARK: Notifications

    /// Holds a notification back.
    ///
    /// - Returns: how many are held now.
    func hold(_ notification: PubSubEngine.Notification) -> Int {
        state.withLock { state in
            state.held.append(notification)
            return state.held.count
        }
    }

    func takeHeld() -> [PubSubEngine.Notification] { state.withLock { exchange(&$0.held, with: []) } }

    // MARK: Who has made them

    /// How many nodes somebody has made; nil: that has to be counted. And until when it counts what is found then.
    func creations(of entity: JID) -> (count: Int?, generation: Int) {
        state.withLock { ($0.creations[entity], $0.creationsGeneration) }
    }

    /// Takes note of how many nodes somebody has made.
    func note(creations count: Int, of entity: JID, at generation: Int) {
        state.withLock { state in
            guard state.creationsGeneration == generation else { return }
            if state.creations.count >= Self.maximumCreators { state.creations = [:] }
            state.creations[entity] = count
        }
    }

    /// Others than the entity itself change how many that are.
    func forgetCreations(of entity: JID) {
        state.withLock { state in
            state.creationsGeneration += 1
            state.creations[entity] = nil
        }
    }

    // MARK: Nodes

    /// What is known of the node. The outer nil: nothing; the inner: that there is none.
    func known(_ name: String) -> Entry?? {
        state.withLock { state in
            if let entry = state.entries[name] { return .some(entry) }
            return state.isComplete ? .some(nil) : nil
        }
    }

    /// Whether all nodes are known that there are.
    var isComplete: Bool { state.withLock { $0.isComplete } }

    /// All nodes, if they are known.
    var all: [Entry]? { state.withLock { $0.isComplete ? Array($0.entries.values) : nil } }

    /// Those of all nodes that have one of these names and are such as they are to be, if all are known.
    func entries(in names: Set<String>, where isMeant: (Entry) -> Bool) -> [Entry]? {
        state.withLock { state in
            guard state.isComplete else { return nil }
            var found: [Entry] = []
            if names.count < state.entries.count {
                for name in names {
                    if let entry = state.entries[name], isMeant(entry) { found.append(entry) }
                }
            } else {
                for (name, entry) in state.entries where names.contains(name) && isMeant(entry) { found.append(entry) }
            }
            return found
        }
    }

    /// Bytes of the items of all nodes that are known, but for one.
    func byteCount(besides name: String) -> Int {
        state.withLock { $0.entries.reduce(0) { $1.key == name ? $0 : $0 + $1.value.usage.bytes } }
    }

    var generation: Int { state.withLock { $0.generation } }

    /// Takes note of what was read.
    func read(_ entry: Entry, at generation: Int) {
        state.withLock { state in
            guard state.generation == generation, state.entries[entry.node.name] == nil else { return }
            Self.makeRoom(&state, capacity)
            state.entries[entry.node.name] = entry
        }
    }

    /// Takes note of all nodes that there are.
    func readAll(_ entries: [Entry], at generation: Int) {
        state.withLock { state in
            guard !state.isComplete, state.generation == generation else { return }
            state.entries = Dictionary(entries.map { ($0.node.name, $0) }, uniquingKeysWith: { $1 })
            state.isComplete = true
        }
    }

    /// A change has been stored.
    func put(_ entry: Entry) {
        state.withLock { state in
            state.generation += 1
            if state.entries[entry.node.name] == nil { Self.makeRoom(&state, capacity) }
            state.entries[entry.node.name] = entry
        }
    }

    /// What is sent to who becomes available is known now, unless the node has changed.
    func put(_ last: LastItem, of name: String, at generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            state.entries[name]?.last = last
        }
    }

    /// Whether it is known that nobody has subscribed to the node.
    func hasNoSubscribers(_ name: String) -> Bool { state.withLock { $0.entries[name]?.hasNoSubscribers ?? false } }

    /// Nobody has subscribed to the node, unless it has changed.
    func notedNoSubscribers(_ name: String, at generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            state.entries[name]?.hasNoSubscribers = true
        }
    }

    /// Somebody subscribes to the node.
    func willHaveSubscribers(_ name: String) {
        state.withLock { state in
            state.generation += 1
            state.entries[name]?.hasNoSubscribers = false
        }
    }

    /// The node's removal has been stored.
    func remove(_ name: String) {
        state.withLock { state in
            state.generation += 1
            state.entries[name] = nil
        }
    }

    /// Whatever is known may have changed.
    func forgetAll() {
        state.withLock { state in
            state.generation += 1
            state.entries = [:]
            state.isComplete = false
        }
    }

    private static func makeRoom(_ state: inout State, _ capacity: Int?) {
        guard let capacity, state.entries.count >= capacity, let some = state.entries.keys.first else { return }
        state.entries[some] = nil
    }
}
