import NIOCore
import XMPPServer

/// XEP-0136: Message Archiving. Complete (`complete`, see `MessageCollections` and `ArchivingModes`), or like the
/// Messenger service: the latest messages of a conversation can be listed and retrieved. In that mode paging, times and
/// resources are ignored, and nothing can be changed.
///
///     C: <iq type="get" id="r1"><retrieve xmlns="urn:xmpp:archive" with="…" start="…"/></iq>
///     S: <iq type="result" id="r1"><chat xmlns="urn:xmpp:archive" with="…" start="…" version="0">
///          <from secs="0"><body>hi</body></from> <to secs="5"><body>yo</body></to></chat></iq>
struct MessageArchiving: ServerModule {
    static let info = ModuleInfo(
        "message-archiving", implements: [.xep(136, "1.3.1")], requires: ["archive"],
        summary: "Hands out the last messages of a conversation.")

    static let personalData = [PersonalData(store: ArchivingModes.store)]

    static let namespace: Namespace = "urn:xmpp:archive"

    struct Settings: ModuleSettings {
        let isComplete: Bool
        let last: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            isComplete = section.boolean(
                "complete", default: false,
                "Whether whole archives are handed out, in collections of a day, and people can remove some and say what "
                    + "is kept.")
            last = section.integer(
                "last", default: 10, in: 1...1000, "How many messages of a conversation are handed out at most.")
        }
    }

    private let host: Host
    private let settings: Settings

    init(host: Host, settings: Settings) {
        self.host = host
        self.settings = settings
    }

    func register(_ registrar: inout Registrar) {
        registrar.feature(Self.namespace)
        registrar.feature("urn:xmpp:archive:manage")
        if settings.isComplete {
            MessageCollections(host: host).register(&registrar)
            ArchivingModes(host: host).register(&registrar)
            for (type, name) in [(IQRequest.Kind.get, "modified"), (.set, "save")] as [(IQRequest.Kind, StaticString)] {
                registrar.accountIQ(type, name, Self.namespace, to: [.server, .ownAccount], needs: .chat) { _ in
                    .error(.featureNotImplemented)
                }
            }
            return
        }
        registrar.accountIQ(.get, "list", Self.namespace, to: [.server, .ownAccount], needs: .readHistory, list)
        registrar.accountIQ(
            .get, "retrieve", Self.namespace, to: [.server, .ownAccount], needs: .readHistory, retrieve)
        for name in ["modified", "pref"] as [StaticString] {
            registrar.accountIQ(.get, name, Self.namespace, to: [.server, .ownAccount], needs: .chat) { _ in
                .error(.featureNotImplemented)
            }
        }
        for name in ["save", "remove", "pref", "auto", "itemremove"] as [StaticString] {
            registrar.accountIQ(.set, name, Self.namespace, to: [.server, .ownAccount], needs: .chat) { _ in
                .error(.featureNotImplemented)
            }
        }
    }

    // MARK: List, §7

    @Sendable private func list(_ request: AccountRequest) -> Reply {
        let with = request.payload["with"]
        let peer = with.flatMap { JID($0)?.bare }
        guard (peer == nil) == (with == nil) else { return .error(.jidMalformed) }
        let owner = request.record.jid
        return .async {
            do throws(StorageError) {
                let chats = try await collections(of: owner, with: peer)
                return .result { writer in
                    writer.element("list", Self.namespace) { writer in
                        for chat in chats {
                            writer.element(
                                "chat", nil, ["with": chat.peer.string, "start": chat.start.xep0082, "version": "0"])
                        }
                    }
                }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private func collections(of owner: JID, with peer: JID?) async throws(StorageError) -> [(
        peer: JID, start: Timestamp
    )] {
        if let peer {
            return try await newest(of: owner, with: peer, settings.last).first.map { [(peer, $0.time)] } ?? []
        }
        await host.storage.flush()
        return try await host.storage.archivePeers(
            collection: ArchiveEntry.archive, owner: owner, newest: settings.last
        )
        .map { ($0.peer, $0.first.time) }
    }

    // MARK: Retrieve, §8

    @Sendable private func retrieve(_ request: AccountRequest) -> Reply {
        guard let with = request.payload["with"] else { return .error(.badRequest) }
        guard let peer = JID(with)?.bare else { return .error(.jidMalformed) }
        let limit = min(settings.last, maximum(asked: request.payload))
        let owner = request.record.jid
        return .async {
            do throws(StorageError) {
                let entries = limit > 0 ? try await newest(of: owner, with: peer, limit) : []
                return .result { write(entries, with: peer, to: &$0) }
            } catch {
                return .error(host.report(error))
            }
        }
    }

    private func maximum(asked retrieve: Element) -> Int {
        guard
            let max = retrieve.child("set", .resultSet)?.child(
                "max", .resultSet)
        else { return settings.last }
        return Int(schema: max.text).map { Swift.max(0, $0) } ?? settings.last
    }

    /// The newest messages with the peer, including those not yet committed.
    private func newest(of owner: JID, with peer: JID, _ limit: Int) async throws(StorageError) -> [ArchiveEntry] {
        await host.storage.flush()
        return try await host.storage.archived(
            ArchiveQuery(
                collection: ArchiveEntry.archive, owner: owner, peer: peer, limit: limit, newestFirst: true))
    }

    private func write(_ entries: [ArchiveEntry], with peer: JID, to writer: inout XMLWriter) {
        writer.start("chat", Self.namespace)
        writer.attribute("with", peer.string)
        if let first = entries.first {
            writer.attribute("start", first.time.xep0082)
            writer.attribute("version", "0" as StaticString)
        }
        let start = entries.first?.time.milliseconds ?? 0
        var last: Int64 = 0
        for entry in entries {
            // Relative to the previous message, rounded so that they add up.
            let time = max(last, (entry.time.milliseconds - start) / 1000)
            let seconds = time - last
            last = time
            let message = host.element(fromOwn: entry.stanza, "a message in an archive")
            let body = message?.child("body", .client)?.text ?? ""
            writer.element(entry.isIncoming ? "from" : "to", nil, ["secs": String(seconds)]) { writer in
                writer.element("body", text: body)
            }
        }
        writer.end()
    }
}
