import NIOCore
import XMPPServer

/// XEP-0424: Message Retraction. A retracted message is replaced by a tombstone in both archives, in the commit that
/// archives the retraction. Clients act on it themselves.
///
/// Only the author can retract a message: it is looked up among the messages from the retraction's sender to its
/// recipient.
struct Retraction: ServerModule {
    static let info = ModuleInfo(
        "retraction", implements: [.xep(424, "0.4.2")], requires: ["archive"],
        summary: "Messages that are taken back leave a tombstone in the archives.")

    static let namespace: Namespace = "urn:xmpp:message-retract:1"
    /// Of whoever has an archive.
    static let features: [Namespace] = [namespace, "urn:xmpp:message-retract:1#tombstone"]

    private let host: Host

    init(host: Host, settings: NoSettings) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        for feature in Self.features {
            registrar.feature(feature)
            registrar.accountFeature(feature)
        }
        registrar.on(Hooks.messageFromClient, .archive) { event in
            guard let sender = event.sender, let to = event.to, !to.isSameBare(as: sender.jid) else {
                return .go
            }
            return bury(&event, in: sender.jid, with: to.bare, isIncoming: false)
        }
        registrar.on(Hooks.messageToAccount, .archive) { event in
            guard let recipient = event.account else { return .go }
            return bury(&event, in: recipient.jid, with: event.from.bare, isIncoming: true)
        }
    }

    private func bury(_ event: inout StanzaContext, in owner: JID, with peer: JID, isIncoming: Bool) -> Verdict {
        let message = event.stanza.element
        guard event.stanza.type == .chat || event.stanza.type == .normal,
            let retracted = message.child("retract", Self.namespace)?["id"], let retraction = message["id"]
        else { return .go }
        let search = ArchiveQuery(
            collection: ArchiveEntry.archive, owner: owner, peer: peer, messageID: retracted, isIncoming: isIncoming,
            limit: 1, newestFirst: true)
        let transaction = event.beginTransaction()
        let stamp = host.now()
        return .wait {
            do throws(StorageError) {
                // It may have been sent just now.
                await host.storage.flush()
                if let entry = try await host.storage.archived(search).last,
                    let tombstone = tombstone(of: entry, retraction, stamp)
                {
                    transaction.add([.replaceArchived(owner: entry.owner, entry.id, stanza: tombstone)])
                }
                return .go
            } catch {
                return .bounce(host.report(error))
            }
        }
    }

    /// §5: the message without its content. nil: it is a tombstone already.
    private func tombstone(of entry: ArchiveEntry, _ retraction: String, _ stamp: Timestamp) -> [UInt8]? {
        guard let message = host.element(fromOwn: entry.stanza, "a message in an archive"),
            !message.hasChild("retracted", Self.namespace)
        else { return nil }
        var writer = XMLWriter(contentNamespace: .none)
        writer.start("message", .client)
        for name in ["from", "to", "type", "id"] as [StaticString] { writer.attribute(name, message[name]) }
        writer.element("retracted", Self.namespace, ["id": retraction, "stamp": stamp.xep0082])
        writer.end()
        return Array(writer.finish().readableBytesView)
    }
}
