import Foundation
import Hummingbird
import NIOCore
import XML
import XMPP
import XMPPServer

/// All that is kept for a person, as a file that is theirs: for another server (XEP-0227), or for programs. Written piece
/// by piece, whatever its size. Passwords and tokens are not in it.
struct AccountExport: Sendable {
    enum Format: String, Sendable {
        case xep0227 = "application/xml"
        case json = "application/json"

        var fileExtension: String { self == .json ? "json" : "xml" }
    }

    /// Messages that are read at a time.
    private static let batch = 200

    let record: AccountRecord
    let host: XMPPServer.Host

    func write(_ format: Format, to output: inout any ResponseBodyWriter) async throws {
        switch format {
        case .xep0227: try await writeXML(to: &output)
        case .json: try await writeJSON(to: &output)
        }
    }

    private func forEachMessage(
        in collection: String, _ body: (ArchiveEntry) async throws -> Void
    ) async throws {
        var query = ArchiveQuery(collection: collection, owner: record.jid, limit: Self.batch)
        while true {
            let entries = try await host.storage.archived(query)
            for entry in entries { try await body(entry) }
            guard entries.count == Self.batch else { return }
            query.after = entries.last?.id
        }
    }

    // MARK: XEP-0227

    private static let pie: Namespace = "urn:xmpp:pie:0"
    private static let vcard: Namespace = "vcard-temp"

    private func writeXML(to output: inout any ResponseBodyWriter) async throws {
        let account = record.account
        let photo = try await host.storage.value(AccountPhoto.store, record.jid, key: "")
        let card = try await host.storage.value("vcard", record.jid, key: "")
        var head = ByteBuffer(
            string: """
                <?xml version="1.0" encoding="UTF-8"?>
                <server-data xmlns="urn:xmpp:pie:0"><host jid="\(escape(host.domain))">\
                <user name="\(escape(record.jid.local ?? ""))">

                """)
        head.writeImmutableBuffer(roster())
        if let card {
            head.writeBytes(card)
        } else {
            head.writeString("<vCard xmlns=\"vcard-temp\">")
            if !account.displayName.isEmpty {
                let name = escape(account.displayName)
                head.writeString("<FN>\(name)</FN><NICKNAME>\(name)</NICKNAME>")
            }
            if let photo { head.writeBytes(photo) }
            head.writeString("</vCard>")
        }
        // What clients have stored (XEP-0049) is kept as the elements that 0227 wants; whom somebody blocks has none there.
        for stored in try await host.storage.values("private", record.jid).sorted(by: { $0.key < $1.key }) {
            head.writeBytes(stored.value)
        }
        let blocked = try await host.storage.values("blocked", record.jid).keys.sorted()
        if !blocked.isEmpty {
            let items = blocked.map { "<item jid=\"\(escape($0))\"/>" }.joined()
            head.writeString("<blocklist xmlns=\"urn:xmpp:blocking\">\(items)</blocklist>")
        }
        head.writeString("\n<offline-messages>")
        try await output.write(head)
        try await forEachMessage(in: ArchiveEntry.offline) { entry in
            try await output.write(ByteBuffer(bytes: entry.stanza))
        }
        try await output.write(ByteBuffer(string: "</offline-messages>\n<archive xmlns=\"urn:xmpp:pie:0#mam\">\n"))
        try await forEachMessage(in: ArchiveEntry.archive) { entry in
            var result = ByteBuffer(
                string: """
                    <result xmlns="urn:xmpp:mam:2" id="\(entry.id.rawValue)"><forwarded xmlns="urn:xmpp:forward:0">\
                    <delay xmlns="urn:xmpp:delay" stamp="\(entry.time.xep0082)"/>
                    """)
            result.writeBytes(entry.stanza)
            result.writeString("</forwarded></result>\n")
            try await output.write(result)
        }
        try await output.write(ByteBuffer(string: "</archive></user></host></server-data>\n"))
    }

    private func roster() -> ByteBuffer {
        let items = record.withRoster { Array($0.items) }.sorted { $0.jid.string < $1.jid.string }
        var writer = XMLWriter(contentNamespace: .none)
        writer.element("query", .roster) { writer in
            for item in items where item.isListed {
                writer.start("item", .roster)
                writer.attribute("jid", item.jid.string)
                writer.attribute("name", item.name)
                writer.attribute("subscription", item.state.subscription)
                if item.state.asks { writer.attribute("ask", "subscribe" as StaticString) }
                for group in item.groups { writer.element("group", text: group) }
                writer.end()
            }
        }
        var bytes = writer.finish()
        for invitation in items.compactMap(\.invitation) { bytes.writeBytes(invitation) }
        return bytes
    }

    private func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }

    // MARK: JSON

    private struct Profile: Encodable {
        struct Contact: Encodable {
            let address: String
            let name: String?
            let groups: [String]
            let subscription: String
        }

        struct App: Encodable {
            let app: String
            let scopes: [String]
            let since: String
            let lastUse: String
        }

        let address: String
        let accountID: String?
        let displayName: String
        let personalMessage: String
        let keepsHistory: Bool
        let createdAt: String
        let photo: String?
        let contacts: [Contact]
        let apps: [App]
    }

    private struct Message: Encodable {
        let time: String
        let with: String
        let isFromOwner: Bool
        let text: String?
        let stanza: String
    }

    private func writeJSON(to output: inout any ResponseBodyWriter) async throws {
        let account = record.account
        let items = record.withRoster { Array($0.items) }.sorted { $0.jid.string < $1.jid.string }
        var apps: [Profile.App] = []
        let store = App.store(in: host.storage)
        for grant in try await host.storage.grants(of: record.jid) {
            let name = try await store.get(host.jid, key: grant.app)?.name ?? grant.app
            apps.append(
                Profile.App(
                    app: name, scopes: grant.scopes.sorted(), since: grant.createdAt.xep0082,
                    lastUse: grant.lastUsedAt.xep0082))
        }
        let photo = try await host.storage.value(AccountPhoto.store, record.jid, key: "").flatMap {
            AccountPhoto(stored: $0)
        }
        let profile = Profile(
            address: account.jid.string, accountID: account.accountID, displayName: account.displayName,
            personalMessage: account.personalMessage, keepsHistory: account.keepsHistory,
            createdAt: account.createdAt.xep0082,
            photo: photo.map { "data:\($0.format.rawValue);base64,\(Base64.encode($0.bytes))" },
            contacts: items.filter(\.isListed).map {
                Profile.Contact(
                    address: $0.jid.string, name: $0.name, groups: $0.groups, subscription: "\($0.state.subscription)")
            },
            apps: apps)
        try await output.write(ByteBuffer(bytes: Array("{\"account\":".utf8) + encoded(profile)))
        for (name, collection) in [("messages", ArchiveEntry.archive), ("waiting", ArchiveEntry.offline)] {
            try await output.write(ByteBuffer(string: ",\n\"\(name)\":["))
            var isFirst = true
            try await forEachMessage(in: collection) { entry in
                let element = try? Element(ownOutput: entry.stanza, contentNamespace: .client)
                let message = Message(
                    time: entry.time.xep0082, with: entry.peer.string, isFromOwner: !entry.isIncoming,
                    text: element?.child("body", .client)?.text, stanza: String(decoding: entry.stanza, as: UTF8.self))
                try await output.write(ByteBuffer(bytes: Array(isFirst ? "\n".utf8 : ",\n".utf8) + encoded(message)))
                isFirst = false
            }
            try await output.write(ByteBuffer(string: "]"))
        }
        try await output.write(ByteBuffer(string: "}\n"))
    }

    private func encoded(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
