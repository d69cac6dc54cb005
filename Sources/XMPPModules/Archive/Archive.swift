import NIOCore
import XMPPServer

/// Keeps conversations. How they are read is other modules' business: there is one archive for all of them.
///
/// Whether a message is kept is decided when it is sent: if the sender or the recipient has switched history on, both
/// sides can read it later.
struct Archive: ServerModule {
    static let info = ModuleInfo(
        "archive", implements: [], requires: ["messages"], summary: "Keeps conversations of those who want it.")

    private let host: Host

    init(host: Host, configuration: ConfigSection) {
        self.host = host
    }

    func register(_ registrar: inout Registrar) {
        registrar.on(Hooks.messageToAccount, .archive, keep)
    }

    @Sendable private func keep(_ event: inout StanzaEvent) -> Verdict {
        guard let recipient = event.account, event.stanza.type == .chat || event.stanza.type == .normal,
            event.stanza.element.hasChild("body", .client)
        else { return .go }
        let sender = event.sender?.record
        guard recipient.keepsHistory || sender?.keepsHistory == true else { return .go }
        var writer = XMLWriter(contentNamespace: .none)
        event.write(to: &writer)
        let stanza = Array(writer.finish().readableBytesView)
        let time = host.now()
        host.archiveIDs.submitting(at: time) { next in
            let id = next()
            func entry(_ owner: JID, _ peer: JID, isIncoming: Bool) -> StorageChange {
                .append(
                    ArchiveEntry(
                        id: id, collection: ArchiveEntry.archive, owner: owner, peer: peer.bare,
                        isIncoming: isIncoming, time: time, stanza: stanza))
            }
            var changes = [entry(recipient.jid, event.from, isIncoming: true)]
            if let sender, sender !== recipient {
                changes.append(entry(sender.jid, recipient.jid, isIncoming: false))
            }
            host.storage.submit(changes, .soon) { [host] result in
                if case .failure(let error) = result { _ = host.report(error) }
            }
        }
        // Whoever writes faster than the disk waits for it.
        guard host.storage.isCrowded else { return .go }
        return .wait { [storage = host.storage] in
            await storage.room()
            return .go
        }
    }
}
