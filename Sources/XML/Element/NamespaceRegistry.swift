import Synchronization

/// The number of a namespace in a node: first the program's names, then those of the document, then those of the
/// stream's start tag.
typealias NamespaceID = UInt16

extension NamespaceID {
    static let none: NamespaceID = 0
    static let xml: NamespaceID = 1
    static let xmlns: NamespaceID = 2
    static let client: NamespaceID = 3
    static let streams: NamespaceID = 4
    static let firstInDocument: NamespaceID = 0x8000
    static let firstInScope: NamespaceID = 0xC000

    /// The maximum number of unknown names in a document.
    static let documentCapacity = 0x4000

    @inline(__always) var isKnown: Bool { self < .firstInDocument }
}

/// An immutable snapshot of the names that the program knows.
final class NamespaceRegistry: Sendable {
    /// The last two are interned from the start, as nearly every stream declares them before any code has named them.
    private static let initialNames: [StaticString] = [
        "", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/", "jabber:client",
        "http://etherx.jabber.org/streams",
    ]
    private static let current = Mutex(NamespaceRegistry(names: initialNames))
    private static let currentCount = Atomic(initialNames.count)

    let names: [StaticString]
    /// An open hash table of ids; 0 is an empty slot, as the empty name is never looked up.
    private let slots: [NamespaceID]

    private init(names: [StaticString]) {
        self.names = names
        var capacity = 16
        while capacity < names.count * 4 { capacity *= 2 }
        var slots = [NamespaceID](repeating: 0, count: capacity)
        for (id, name) in names.enumerated().dropFirst() {
            var slot = Int(truncatingIfNeeded: name.quickHash) & (capacity - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (capacity - 1) }
            slots[slot] = NamespaceID(id)
        }
        self.slots = slots
    }

    /// Interns `name` and returns its id.
    static func intern(_ name: StaticString) -> NamespaceID {
        current.withLock { registry in
            if let id = registry.id(of: name) { return id }
            precondition(registry.names.count < NamespaceID.firstInDocument, "Too many namespaces")
            registry = NamespaceRegistry(names: registry.names + [name])
            currentCount.store(registry.names.count, ordering: .releasing)
            return NamespaceID(registry.names.count - 1)
        }
    }

    static var latest: NamespaceRegistry {
        current.withLock { $0 }
    }

    /// Whether no name has been interned since.
    var isLatest: Bool {
        Self.currentCount.load(ordering: .acquiring) == names.count
    }

    private func id(of name: StaticString) -> NamespaceID? {
        name.withUTF8Buffer { utf8 in
            let span = UnsafeRawBufferPointer(utf8).bytes
            return id(of: span, hash: span.quickHash)
        }
    }

    /// The id of the name that `span` holds, whose hash is `hash`.
    func id(of span: RawSpan, hash: UInt64) -> NamespaceID? {
        if span.byteCount == 0 { return NamespaceID.none }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if span.equals(names[Int(slots[slot])]) { return slots[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    func namespace(_ id: NamespaceID) -> Namespace {
        Namespace(id: id, literal: names[Int(id)])
    }
}

extension StaticString {
    fileprivate var quickHash: UInt64 {
        withUTF8Buffer { UnsafeRawBufferPointer($0).bytes.quickHash }
    }
}
