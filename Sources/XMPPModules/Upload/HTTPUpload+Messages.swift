import XMPPServer

/// XEP-0424: when a message is taken back, so is the file that no other message names. Messages name files as XEP-0066 has it;
/// what is encrypted from end to end names nothing that could be seen here.
extension HTTPUpload {
    private static let outOfBand: Namespace = "jabber:x:oob"
    private static let namespaces = [outOfBand, Retraction.namespace]

    @Sendable func messageSent(_ event: inout StanzaContext) -> Verdict {
        let message = event.stanza.element
        guard message.hasChild(inOneOf: Self.namespaces) else { return .go }
        if message.hasChild("x", Self.outOfBand) { return note(&event) }
        if message.hasChild("retract", Retraction.namespace) { return retract(&event) }
        return .go
    }

    /// Notes that a message names a file.
    private func note(_ event: inout StanzaContext) -> Verdict {
        guard let file = file(in: event.stanza.element), let key = key(event.stanza.element["id"], event)
        else { return .go }
        let transaction = event.beginTransaction()
        return .wait { [files] in
            do throws(StorageError) {
                if try await files.index.file(file) != nil { transaction.add([files.index.mentioning(file, in: key)]) }
                return .go
            } catch {
                return .bounce(files.host.report(error))
            }
        }
    }

    /// Removes the file that a message names which is taken back, unless another one names it.
    private func retract(_ event: inout StanzaContext) -> Verdict {
        let message = event.stanza.element
        guard let sender = event.sender?.jid, let peer = event.to?.bare,
            let retracted = message.child("retract", Retraction.namespace)?["id"], let key = key(retracted, event)
        else { return .go }
        let search = ArchiveQuery(
            collection: ArchiveEntry.archive, owner: sender, peer: peer, messageID: retracted, isIncoming: false,
            limit: 1, newestFirst: true)
        let transaction = event.beginTransaction()
        return .wait { [self] in
            do throws(StorageError) {
                let host = files.host
                // It may have been sent just now.
                await host.storage.flush()
                guard let entry = try await host.storage.archived(search).last,
                    let original = host.element(fromOwn: entry.stanza, "a message in an archive"),
                    let id = file(in: original), let (file, owner) = try await files.index.file(id)
                else { return .go }
                let isOnlyOne = try await files.index.mentions(of: id, atMost: 2).allSatisfy { $0 == key }
                guard isOnlyOne, owner == sender.bare else {
                    transaction.add([files.index.forgetting(mentionOf: id, in: key)])
                    return .go
                }
                transaction.add(files.index.removing(file, of: owner))
                files.willBeRemoved(file)
                return .go
            } catch {
                return .bounce(files.host.report(error))
            }
        }
    }

    /// The file of this host that a message names.
    private func file(in message: Element) -> FileID? {
        guard let url = message.child("x", Self.outOfBand)?.child("url", Self.outOfBand)?.text,
            let address = files.address, url.hasPrefix("\(address)\(UploadedFiles.path)")
        else { return nil }
        return FileID(String(url.dropFirst("\(address)\(UploadedFiles.path)".count).prefix { $0 != "/" }))
    }

    /// By what a message is known that its sender may take back.
    private func key(_ id: String?, _ event: StanzaContext) -> String? {
        guard let id, id.utf8.count <= 256, let to = event.to else { return nil }
        return "\(event.from.bare) \(to.bare) \(id)"
    }
}
