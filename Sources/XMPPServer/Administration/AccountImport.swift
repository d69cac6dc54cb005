import Foundation
import NIOCore
import XML
import XMPP
import XMPPStream

/// Makes an account of a JSON export (`AccountExport`) of any size: the file is read line by line.
///
/// It restores the settings, the photo, the contacts, declared data of modules (`PersonalData`) and the messages.
/// Messages keep their time and order, and get new ids. Credentials are not part of an export.
struct AccountImport {
    /// The number of messages stored at a time.
    private static let batch = 200
    /// The maximum length of a line in bytes; the longest has the settings with all contacts.
    private static let longestLine = 64 * 1024 * 1024

    private let host: Host
    private let account: JID

    /// The account's settings in the file.
    struct Profile: Decodable {
        let address: String
        let accountID: String?
        let displayName: String
        let personalMessage: String
        let keepsHistory: Bool
        let photo: String?
        let contacts: [AccountExport.Contact]
        let stores: [String: [String: String]]

        /// The photo's file.
        var photoFile: [UInt8]? {
            photo?.split(separator: ",", maxSplits: 1).last.flatMap { Base64.decode(String($0)) }
        }
    }

    private struct Message: Decodable {
        let time: String
        let with: String
        let isFromOwner: Bool
        let stanza: String
    }

    init(into account: JID, on host: Host) {
        self.account = account
        self.host = host
    }

    // MARK: Reading

    /// Reads the lines of the file one by one.
    struct Lines {
        private let handle: FileHandle
        private var received = Data()

        init(_ file: String) throws {
            guard let handle = FileHandle(forReadingAtPath: file) else {
                throw AdministrationError("\(file) cannot be read", .notFound)
            }
            self.handle = handle
        }

        mutating func next() throws -> Data? {
            while true {
                if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                    defer { received = received[received.index(after: end)...] }
                    return received[..<end]
                }
                guard received.count <= AccountImport.longestLine else { throw AccountImport.unfit }
                guard let more = try handle.read(upToCount: 1 << 20), !more.isEmpty else {
                    defer { received = Data() }
                    return received.isEmpty ? nil : received
                }
                received = Data(received) + more
            }
        }

        /// The settings, from the first line.
        mutating func profile() throws -> Profile {
            let start = Data("{\"account\":".utf8)
            guard let line = try next(), line.starts(with: start), line.last == UInt8(ascii: ",") else {
                throw AccountImport.unfit
            }
            return try AccountImport.decode(Profile.self, line.dropFirst(start.count).dropLast())
        }
    }

    private static let unfit = AdministrationError("this is no export of an account in JSON")

    private static func decode<Value: Decodable>(_ type: Value.Type, _ json: Data) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(json))
        } catch {
            throw unfit
        }
    }

    // MARK: Storing

    /// The changes to commit with the new account.
    func changes(_ profile: Profile) throws -> [StorageChange] {
        var changes: [StorageChange] = []
        for contact in profile.contacts {
            guard let jid = JID(contact.address) else { throw Self.unfit }
            let hasRequest = contact.request != nil
            let state: SubscriptionState =
                switch contact.subscription {
                case "both": .both
                case "from": .from
                case "to": hasRequest ? .toPendingIn : .to
                default: hasRequest ? .nonePendingIn : .none
                }
            let request = try contact.request.map { try Self.element($0, .client) }
            changes.append(
                .putRosterItem(
                    owner: account,
                    RosterItem(
                        jid: jid.bare, name: contact.name, groups: contact.groups, state: state,
                        isListed: contact.isListed, isApproved: contact.isApproved, invitation: request)))
        }
        for data in host.personalData where data.isImported {
            if case .secret = data.export { continue }
            for (key, value) in profile.stores[data.store] ?? [:] {
                changes.append(.putValue(store: data.store, owner: account, key: key, try Self.value(value)))
            }
        }
        return changes
    }

    /// Stores the messages and the items of maps, from the lines after the first.
    func addMessages(_ lines: inout Lines) async throws {
        let collections = ["\"messages\":[": ArchiveEntry.archive, "\"waiting\":[": ArchiveEntry.offline]
        var collection: String?
        var messages: [Message] = []
        while let line = try lines.next() {
            let text = String(decoding: line, as: UTF8.self)
            if let start = collections.keys.first(where: { text.hasPrefix($0) }) {
                try await add(messages, to: collection)
                messages = []
                collection = text.hasSuffix("],") ? nil : collections[start]
            } else if text.hasPrefix("\"unacknowledged\":[") {
                // They have been delivered, or were exported as messages that wait.
                try await add(messages, to: collection)
                return try await addMapItems(&lines)
            } else if collection != nil {
                var end = text[...]
                if end.hasSuffix(",") { end = end.dropLast() }
                if end.hasSuffix("]") { end = end.dropLast() }
                messages.append(try Self.decode(Message.self, Data(end.utf8)))
                if messages.count >= Self.batch {
                    try await add(messages, to: collection)
                    messages = []
                }
            } else {
                throw Self.unfit
            }
        }
        try await add(messages, to: collection)
    }

    /// Stores the items of maps whose stores are declared, in their order.
    private func addMapItems(_ lines: inout Lines) async throws {
        let stores = Set(
            host.personalData.compactMap { data in
                if case .maps = data.export, data.isImported { data.store } else { nil }
            })
        var changes: [StorageChange] = []
        var isFound = false
        while let line = try lines.next() {
            var text = String(decoding: line, as: UTF8.self)[...]
            guard isFound else {
                isFound = text.hasPrefix("\"maps\":[")
                if isFound, text.hasSuffix("]}") { return }
                continue
            }
            if text.hasSuffix("]}") { text = text.dropLast(2) } else if text.hasSuffix(",") { text = text.dropLast() }
            let item = try Self.decode(AccountExport.MapEntry.self, Data(text.utf8))
            guard stores.contains(item.store) else { continue }
            changes.append(
                .putItem(
                    MapName(owner: account, store: item.store, name: item.map), key: item.key,
                    try Self.value(item.value), expiresAt: item.expiresAt.flatMap { Timestamp($0) },
                    keepsPlace: false))
            if changes.count >= Self.batch { try await host.storage.commit(exchange(&changes, with: [])) }
        }
        try await host.storage.commit(changes)
    }

    private func add(_ messages: [Message], to collection: String?) async throws {
        guard let collection, !messages.isEmpty else { return }
        let read = try messages.map { message in
            guard let time = Timestamp(message.time), let peer = JID(message.with) else { throw Self.unfit }
            return (
                time: time, peer: peer, isIncoming: !message.isFromOwner,
                stanza: try Self.element(message.stanza, .client)
            )
        }
        await host.storage.room()
        let commit = Commit()
        host.archiveIDs.submitting(at: host.now()) { next in
            let entries = read.map { message in
                ArchiveEntry(
                    id: next(), collection: collection, owner: account, peer: message.peer,
                    isIncoming: message.isIncoming, time: message.time, stanza: message.stanza)
            }
            host.storage.submit(entries.map { .append($0) }, completion: commit.finish)
        }
        try await commit.wait()
    }

    /// The bytes of a module's value: an element, or nothing.
    private static func value(_ text: String) throws -> [UInt8] { text.isEmpty ? [] : try element(text, .none) }

    /// The bytes of one element, parsed and checked.
    private static func element(_ text: String, _ namespace: Namespace) throws -> [UInt8] {
        let limits = XMLLimits(stanzaBytes: 16 * 1024 * 1024)
        let bytes = ByteBuffer(string: text)
        guard (try? Element(parsing: bytes, limits: limits, contentNamespace: namespace)) != nil else { throw unfit }
        return Array(text.utf8)
    }
}
