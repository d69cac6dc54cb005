import XML
import XMPP

/// The IQ handlers of a host.
public struct IQTable: Sendable {
    public typealias Handler = @Sendable (IQRequest) -> Reply

    struct Entry: Sendable {
        let type: IQRequest.Kind
        let name: StaticString
        let namespace: Namespace
        let target: IQTarget
        let module: String
        /// The rights that a session needs.
        var needs = SessionRights.owner
        let handler: Handler
    }

    private var entries: [Namespace: [Entry]] = [:]

    /// All handlers.
    var all: [Entry] { entries.values.flatMap(\.self) }

    init() {}

    /// - Throws: an error if another module answers the same.
    mutating func add(_ entry: Entry) throws(ModuleConflict) {
        let name = "\(entry.name)"
        for other in entries[entry.namespace] ?? []
        where other.type == entry.type && "\(other.name)" == name && other.target.overlaps(entry.target) {
            throw ModuleConflict(
                "\(entry.module) and \(other.module) both answer \(entry.type) \(name) in \(entry.namespace)")
        }
        entries[entry.namespace, default: []].append(entry)
    }

    func handler(for type: IQRequest.Kind, _ payload: Element, target: IQTarget) -> Handler? {
        entry(for: type, payload, target: target)?.handler
    }

    func entry(for type: IQRequest.Kind, _ payload: Element, target: IQTarget) -> Entry? {
        guard let namespace = payload.namespace, let entries = entries[namespace] else { return nil }
        return entries.first {
            $0.type == type && payload.hasName($0.name)
                && (!$0.target.isDisjoint(with: target) || $0.target.contains(.anyAddress))
        }
    }
}

/// Two modules that cannot be on for the same host.
struct ModuleConflict: Error {
    let description: String
    init(_ description: String) { self.description = description }
}
