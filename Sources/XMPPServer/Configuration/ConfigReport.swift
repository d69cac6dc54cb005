import Synchronization

/// The outcome of reading a configuration: the errors, the keys that were asked for, and, for the reference, every key
/// with its default and help.
public final class ConfigReport: Sendable {
    private struct State {
        var errors: [ConfigError] = []
        var roots: [ConfigNode] = []
        /// Values that some code has read.
        var read: Set<ObjectIdentifier> = []
        /// Values that are not searched for unknown keys: wrong as a whole, or switched off.
        var opaque: Set<ObjectIdentifier> = []
        /// For each mapping, the keys that code asks for there, in the order of asking.
        var known: [ObjectIdentifier: [String]] = [:]
        var reference: [ReferenceItem] = []
    }

    /// The file that is read, as the user named it.
    public let file: String
    /// Whether keys are collected for the reference instead of being looked up.
    let collectsReference: Bool
    private let state = Mutex(State())

    init(file: String, collectsReference: Bool = false) {
        self.file = file
        self.collectsReference = collectsReference
    }

    /// The errors noted so far, those of the main file first, each file's in the order of its lines.
    public var errors: [ConfigError] {
        let order: (ConfigError) -> (Int, String, Int, Int) = { [file] error in
            (error.file == file ? 0 : 1, error.file, error.line ?? 0, error.column ?? 0)
        }
        return state.withLock(\.errors).sorted { order($0) < order($1) }
    }

    /// Notes an error once, however many readers find it.
    public func note(_ error: ConfigError) {
        state.withLock { state in
            if !state.errors.contains(error) { state.errors.append(error) }
        }
    }

    /// Ends the reading: every key of the file that no code has asked for becomes an error, with the most similar known
    /// key of that place as suggested fix.
    ///
    /// - Returns: all errors; empty if the configuration is right.
    @discardableResult
    public func finish() -> [ConfigError] {
        let snapshot = state.withLock { $0 }
        for root in snapshot.roots {
            noteUnknownKeys(in: root, snapshot)
        }
        return errors
    }

    private func noteUnknownKeys(in node: ConfigNode, _ snapshot: State) {
        guard !snapshot.opaque.contains(node.id) else { return }
        switch node.content {
        case .empty, .scalar:
            return
        case .list(let items):
            for item in items { noteUnknownKeys(in: item, snapshot) }
        case .mapping(let entries):
            for entry in entries {
                if snapshot.read.contains(entry.value.id) {
                    noteUnknownKeys(in: entry.value, snapshot)
                } else {
                    note(unknownKey(entry, known: snapshot.known[node.id] ?? []))
                }
            }
        }
    }

    private func unknownKey(_ entry: ConfigEntry, known: [String]) -> ConfigError {
        let fix =
            if let nearest = nearestWord(to: entry.key, among: known) {
                "did you mean \"\(nearest)\"?"
            } else if known.isEmpty {
                "delete it; nothing can be set here"
            } else {
                "known here: \(known.joined(separator: ", "))"
            }
        return ConfigError(
            file: entry.position.file, line: entry.position.line, column: entry.position.column,
            path: entry.value.path, problem: "unknown key", fix: fix
        )
    }
}

// MARK: - What sections report

extension ConfigReport {
    func addRoot(_ node: ConfigNode) {
        state.withLock { $0.roots.append(node) }
    }

    /// Notes that code asks for `key` in each of `mappings`, and marks the values found there as read.
    func noteAsked(_ key: String, in mappings: [ConfigNode]) {
        state.withLock { state in
            for mapping in mappings {
                var known = state.known[mapping.id, default: []]
                if !known.contains(key) { known.append(key) }
                state.known[mapping.id] = known
                for entry in mapping.entries where entry.key == key {
                    state.read.insert(entry.value.id)
                }
            }
        }
    }

    /// Looks no further into `node` when unknown keys are searched.
    func ignore(_ node: ConfigNode) {
        state.withLock { _ = $0.opaque.insert(node.id) }
    }

    func collect(_ item: ReferenceItem) {
        state.withLock { state in
            if !state.reference.contains(item) { state.reference.append(item) }
        }
    }

    var referenceItems: [ReferenceItem] {
        state.withLock(\.reference)
    }
}
