import Foundation
import NIOCore
import XML
import XMPP

/// Exports all personal data of an account to a file: for another server (XML of the Portable Import/Export Format) or
/// for programs (JSON). The file is written piece by piece, whatever its size. Passwords and tokens are not exported.
///
/// It contains what modules store about the person, as they declare it (`PersonalData`), and values of stores that
/// nobody declares. Data without a place in the format go into elements of an own namespace.
public struct AccountExport: Sendable {
    /// The formats of the file; the raw value is its media type.
    public enum Format: String, Sendable {
        case xep0227 = "application/xml"
        case json = "application/json"

        /// The file's extension.
        public var fileExtension: String { self == .json ? "json" : "xml" }
    }

    /// The number of messages read at a time, and about how many bytes of them.
    private static let batch = 200
    private static let batchBytes = 1 << 20
    /// The number of contacts written at a time.
    private static let contacts = 500

    private let record: AccountRecord
    private let host: Host

    /// An export of an account.
    public init(of record: AccountRecord, on host: Host) {
        self.record = record
        self.host = host
    }

    /// Writes the file.
    ///
    /// - Parameter output: takes the file piece by piece; the next piece follows when one is written.
    public func write<Target: Output>(_ format: Format, to output: inout Target) async throws {
        var pieces = Pieces(output: output)
        switch format {
        case .xep0227: try await writeXML(to: &pieces)
        case .json: try await writeJSON(to: &pieces)
        }
        try await pieces.flush()
        output = pieces.output
    }

    /// The destination of the file.
    public protocol Output {
        mutating func write(_ bytes: ByteBuffer) async throws
    }

    /// Collects small pieces: one for each message would keep the connection's event loop busy.
    private struct Pieces<Target: Output> {
        private static var size: Int { 64 * 1024 }

        var output: Target
        private var gathered = ByteBuffer()

        init(output: Target) { self.output = output }

        mutating func write(_ bytes: ByteBuffer) async throws {
            gathered.writeImmutableBuffer(bytes)
            if gathered.readableBytes >= Self.size { try await flush() }
        }

        mutating func flush() async throws {
            guard gathered.readableBytes > 0 else { return }
            try await output.write(gathered)
            gathered = ByteBuffer()
        }
    }

    private func forEachMessage(
        in collection: String, _ body: (ArchiveEntry) async throws -> Void
    ) async throws {
        var query = ArchiveQuery(collection: collection, owner: record.jid, limit: Self.batch)
        query.byteLimit = Self.batchBytes
        while true {
            let entries = try await host.storage.archived(query)
            for entry in entries { try await body(entry) }
            guard let last = entries.last else { return }
            query.after = last.id
        }
    }

    /// Values that are exported as stored, by store: declared so, or not declared at all.
    private func stored() async throws -> [(store: String, values: [String: [UInt8]])] {
        let others = host.personalData.filter { data in
            if case .stored = data.export { false } else { true }
        }.map(\.store)
        var found: [(store: String, values: [String: [UInt8]])] = []
        for store in try await host.storage.stores(of: record.jid) where !others.contains(store) {
            found.append((store, try await host.storage.values(store, record.jid)))
        }
        return found
    }

    /// Data that are exported as a description, by the names of their elements.
    private func described() async throws -> [(name: StaticString, members: [(name: String, value: String)])] {
        var found: [(name: StaticString, members: [(name: String, value: String)])] = []
        for data in host.personalData {
            guard case .described(let name, let describe) = data.export else { continue }
            for value in try await data.values(of: record.jid, on: host).sorted(by: { $0.key < $1.key }) {
                if let members = describe(value.value, host) { found.append((name, members)) }
            }
        }
        return found
    }

    private var items: [RosterItem] { record.withRoster { Array($0.items) }.sorted { $0.jid.string < $1.jid.string } }

    /// Messages that the person's disconnected clients have not acknowledged.
    private func forEachUnacknowledged(_ body: (UnacknowledgedMessage) async throws -> Void) async throws {
        let stored = try await host.storage.storedAccount(record.jid, stores: [])
        for session in stored?.sessions ?? [] {
            for message in session.messages { try await body(message) }
        }
    }

    // MARK: Portable Import/Export Format

    private static let own = "urn:swallowtail:export"
    private static let pie: Namespace = "urn:xmpp:pie:0"

    private func writeXML<Target: Output>(to output: inout Pieces<Target>) async throws {
        var head = ByteBuffer(
            string: """
                <?xml version="1.0" encoding="UTF-8"?>
                <server-data xmlns="\(Self.pie.name)"><host jid="\(escape(host.domain))">\
                <user name="\(escape(record.jid.local ?? ""))">

                """)
        try await output.write(head)
        try await writeRoster(to: &output)
        head.clear()
        head.writeImmutableBuffer(try await vCard())
        for data in host.personalData {
            guard case .elements(let write) = data.export, data.store != PersonalData.cardStore else { continue }
            head.writeBytes(write(try await data.values(of: record.jid, on: host)))
        }
        head.writeString("\n")
        head.writeString(try await ownElements())
        try await output.write(head)
        for data in host.personalData {
            guard case .maps(let write?) = data.export else { continue }
            try await write(record.jid, host.storage) { try await output.write($0) }
        }
        try await output.write(ByteBuffer(string: "<offline-messages>"))
        try await forEachMessage(in: ArchiveEntry.offline) { entry in
            try await output.write(ByteBuffer(bytes: entry.stanza))
        }
        try await forEachUnacknowledged { try await output.write(ByteBuffer(bytes: $0.stanza)) }
        try await output.write(ByteBuffer(string: "</offline-messages>\n<archive xmlns=\"urn:xmpp:pie:0#mam\">\n"))
        try await forEachMessage(in: ArchiveEntry.archive) { entry in
            var result = ByteBuffer(
                string: """
                    <result xmlns="\(Namespace.archiveManagement.name)" id="\(entry.id.rawValue)">\
                    <forwarded xmlns="\(Namespace.forward.name)">\
                    <delay xmlns="\(Namespace.delay.name)" stamp="\(entry.time.xep0082)"/>
                    """)
            result.writeBytes(entry.stanza)
            result.writeString("</forwarded></result>\n")
            try await output.write(result)
        }
        try await output.write(ByteBuffer(string: "</archive></user></host></server-data>\n"))
    }

    private func writeRoster<Target: Output>(to output: inout Pieces<Target>) async throws {
        let items = items
        try await output.write(ByteBuffer(string: "<query xmlns=\"\(Namespace.roster.name)\">"))
        var rest = items.filter { $0.isListed || $0.isApproved }[...]
        while !rest.isEmpty {
            var writer = XMLWriter(contentNamespace: .none)
            for item in rest.prefix(Self.contacts) {
                writer.start("item", .roster)
                writer.attribute("jid", item.jid.string)
                writer.attribute("name", item.name)
                writer.attribute("subscription", item.state.subscription)
                if item.state.asks { writer.attribute("ask", "subscribe" as StaticString) }
                if item.isApproved { writer.attribute("approved", "true" as StaticString) }
                for group in item.groups { writer.element("group", text: group) }
                writer.end()
            }
            try await output.write(writer.finish())
            rest = rest.dropFirst(Self.contacts)
        }
        try await output.write(ByteBuffer(string: "</query>"))
        for invitation in items.compactMap(\.invitation) { try await output.write(ByteBuffer(bytes: invitation)) }
    }

    /// The account's card, with its photo.
    private func vCard() async throws -> ByteBuffer {
        let card = try await host.storage.value(PersonalData.cardStore, record.jid, key: "")
        let photo = try await host.storage.value(AccountPhoto.store, record.jid, key: "")
        let shown = try photo.map { try Element(ownOutput: $0) }
        let name = record.account.displayName
        var writer = XMLWriter(contentNamespace: .none)
        if let card {
            var added = XMLWriter()
            if let shown { added.copy(shown) }
            writer.stanza(
                try Element(ownOutput: card), leavingOut: { shown != nil && $0.isNamed("PHOTO", .vCard) },
                appending: shown == nil ? nil : added.finish())
        } else {
            writer.element("vCard", .vCard) { writer in
                if !name.isEmpty {
                    writer.element("FN", text: name)
                    writer.element("NICKNAME", text: name)
                }
                if let shown { writer.copy(shown) }
            }
        }
        return writer.finish()
    }

    /// Data without a place in the format.
    private func ownElements() async throws -> String {
        func element(_ name: String, _ attributes: KeyValuePairs<String, String?>, _ content: String = "") -> String {
            let attributes = attributes.map { name, value in value.map { " \(name)=\"\(escape($0))\"" } ?? "" }
            return "<\(name) xmlns=\"\(Self.own)\"\(attributes.joined())>\(content)</\(name)>\n"
        }
        let account = record.account
        var elements = element(
            "account",
            [
                "id": account.accountID, "name": account.displayName, "message": account.personalMessage,
                "history": account.keepsHistory ? "true" : "false", "created": account.createdAt.xep0082,
            ])
        for (name, stored) in try await stored() {
            let values = stored.sorted { $0.key < $1.key }
            let content = values.map { element("value", ["key": $0.key], String(decoding: $0.value, as: UTF8.self)) }
            elements += element("store", ["name": name], content.joined())
        }
        for client in try await clients() {
            elements += element(
                "client",
                [
                    "name": client.name, "software": client.software, "methods": client.methods.joined(separator: " "),
                    "scopes": client.scopes?.joined(separator: " "), "since": client.since, "last-use": client.lastUse,
                ])
        }
        for (name, members) in try await described() {
            let attributes = members.map { " \($0.name)=\"\(escape($0.value))\"" }.joined()
            elements += "<\(name) xmlns=\"\(Self.own)\"\(attributes)/>\n"
        }
        return elements
    }

    private func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }

    // MARK: JSON

    /// A contact of the account.
    struct Contact: Codable {
        let address: String
        let name: String?
        let groups: [String]
        let subscription: String
        let isListed: Bool
        let isApproved: Bool
        /// The contact's subscription request that waits for an answer.
        let request: String?
    }

    private struct Profile: Encodable {
        let address: String
        let accountID: String?
        let displayName: String
        let personalMessage: String
        let keepsHistory: Bool
        let createdAt: String
        let photo: String?
        let contacts: [Contact]
        let clients: [Client]
        /// Described data, by name.
        let described: [String: [[String: String]]]
        /// Values of modules as XML, by store and key.
        let stores: [String: [String: String]]
    }

    /// A device or an app with access to the account.
    private struct Client: Encodable {
        let name: String?
        let software: String?
        let methods: [String]
        let scopes: [String]?
        let since: String
        let lastUse: String
    }

    private func clients() async throws -> [Client] {
        try await host.clients(of: record).map { client in
            Client(
                name: client.device, software: client.software, methods: client.methods.map(\.rawValue).sorted(),
                scopes: client.scopes?.sorted(), since: client.firstSeen.xep0082, lastUse: client.lastSeen.xep0082)
        }
    }

    private struct Message: Encodable {
        let time: String
        let with: String
        let isFromOwner: Bool
        let text: String?
        let stanza: String
    }

    private func writeJSON<Target: Output>(to output: inout Pieces<Target>) async throws {
        let account = record.account
        let photo = try await host.photo(of: record.jid)
        let profile = Profile(
            address: account.jid.string, accountID: account.accountID, displayName: account.displayName,
            personalMessage: account.personalMessage, keepsHistory: account.keepsHistory,
            createdAt: account.createdAt.xep0082,
            photo: photo.map { "data:\($0.format.rawValue);base64,\(Base64.encode($0.bytes))" },
            contacts: items.map {
                Contact(
                    address: $0.jid.string, name: $0.name, groups: $0.groups, subscription: "\($0.state.subscription)",
                    isListed: $0.isListed, isApproved: $0.isApproved,
                    request: $0.invitation.map { String(decoding: $0, as: UTF8.self) })
            },
            clients: try await clients(),
            described: Dictionary(grouping: try await described()) { "\($0.name)" }.mapValues { values in
                values.map { Dictionary($0.members.map { ($0.name, $0.value) }) { first, _ in first } }
            },
            stores: try await storesForPrograms())
        try await output.write(ByteBuffer(bytes: Array("{\"account\":".utf8) + encoded(profile)))
        for (name, collection) in [("messages", ArchiveEntry.archive), ("waiting", ArchiveEntry.offline)] {
            try await output.write(ByteBuffer(string: ",\n\"\(name)\":["))
            var isFirst = true
            try await forEachMessage(in: collection) { entry in
                let element = host.element(
                    fromOwn: ByteBuffer(bytes: entry.stanza), contentNamespace: .client, "a message in an archive")
                let message = Message(
                    time: entry.time.xep0082, with: entry.peer.string, isFromOwner: !entry.isIncoming,
                    text: element?.child("body", .client)?.text, stanza: String(decoding: entry.stanza, as: UTF8.self))
                try await output.write(ByteBuffer(bytes: Array(isFirst ? "\n".utf8 : ",\n".utf8) + encoded(message)))
                isFirst = false
            }
            try await output.write(ByteBuffer(string: "]"))
        }
        try await output.write(ByteBuffer(string: ",\n\"unacknowledged\":["))
        var isFirst = true
        try await forEachUnacknowledged { message in
            let stanza = String(decoding: message.stanza, as: UTF8.self)
            try await output.write(ByteBuffer(bytes: Array(isFirst ? "\n".utf8 : ",\n".utf8) + encoded(stanza)))
            isFirst = false
        }
        try await output.write(ByteBuffer(string: "],\n\"maps\":["))
        isFirst = true
        try await forEachMapItem { item in
            try await output.write(ByteBuffer(bytes: Array(isFirst ? "\n".utf8 : ",\n".utf8) + encoded(item)))
            isFirst = false
        }
        try await output.write(ByteBuffer(string: "]}\n"))
    }

    /// An item of a map.
    struct MapEntry: Codable {
        let store: String
        let map: String
        let key: String
        let value: String
        let expiresAt: String?
    }

    /// The items of all maps that the account owns, each map in its order.
    private func forEachMapItem(_ body: (MapEntry) async throws -> Void) async throws {
        for data in host.personalData {
            guard case .maps = data.export else { continue }
            var former: String?
            while true {
                let names = try await host.storage.maps(
                    of: record.jid, store: data.store, after: former, atMost: Self.batch)
                for name in names { try await forEachItem(of: data.store, name, body) }
                former = names.last
                guard names.count == Self.batch else { break }
            }
        }
    }

    private func forEachItem(
        of store: String, _ name: String, _ body: (MapEntry) async throws -> Void
    ) async throws {
        let map = MapName(owner: record.jid, store: store, name: name)
        var query = MapQuery(map, limit: Self.batch, byteLimit: Self.batchBytes)
        while let page = try await host.storage.mapPage(query), let last = page.items.last {
            for item in page.items {
                try await body(
                    MapEntry(
                        store: store, map: name, key: item.key, value: String(decoding: item.value, as: UTF8.self),
                        expiresAt: item.expiresAt?.xep0082))
            }
            query.position = .after(last.key)
        }
    }

    /// The stored values, including those that are exported elsewhere as well.
    private func storesForPrograms() async throws -> [String: [String: String]] {
        let secrets = host.personalData.filter { data in
            if case .secret = data.export { true } else { false }
        }.map(\.store)
        var stores: [String: [String: String]] = [:]
        for name in try await host.storage.stores(of: record.jid) where !secrets.contains(name) {
            stores[name] = try await host.storage.values(name, record.jid).mapValues {
                String(decoding: $0, as: UTF8.self)
            }
        }
        return stores
    }

    private func encoded(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
