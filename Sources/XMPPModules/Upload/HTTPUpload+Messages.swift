import XMPPServer

/// XEP-0424: when a message is taken back, so are the files that no other message names. What is encrypted from end to end
/// names nothing that could be seen here.
extension HTTPUpload {
    private static let namespaces = FileMentions.namespaces + [Retraction.namespace]

    @Sendable func messageSent(_ event: inout StanzaContext) -> Verdict {
        let message = event.stanza.element
        guard message.hasChild(inOneOf: Self.namespaces) else { return .go }
        return message.hasChild("retract", Retraction.namespace) ? retract(&event) : note(&event)
    }

    /// Notes that a message names files.
    private func note(_ event: inout StanzaContext) -> Verdict {
        let named = named(in: event.stanza.element)
        guard !named.isEmpty, let message = name(of: event.stanza.element["id"], event) else { return .go }
        let transaction = event.beginTransaction()
        return .wait { [files] in
            do throws(StorageError) {
                for id in named {
                    guard try await files.index.file(id) != nil else { continue }
                    transaction.add(try await files.index.mentioning(id, in: message))
                }
                return .go
            } catch {
                return .bounce(files.host.report(error))
            }
        }
    }

    /// Removes the files that a message names which is taken back, but for those that another one names.
    private func retract(_ event: inout StanzaContext) -> Verdict {
        let message = event.stanza.element
        guard let sender = event.sender?.jid, let peer = event.to?.bare,
            let retracted = message.child("retract", Retraction.namespace)?["id"], let name = name(of: retracted, event)
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
                    let original = host.element(fromOwn: entry.stanza, "a message in an archive")
                else { return .go }
                for id in named(in: original) {
                    guard let (file, owner) = try await files.index.file(id) else { continue }
                    if owner == sender.bare, try await files.index.isNamed(id, onlyIn: name) {
                        files.willBeRemoved(file, of: owner)
                        transaction.add(files.index.removing(file, of: owner))
                    } else {
                        transaction.add([files.index.forgetting(mentionOf: id, in: name)])
                    }
                }
                return .go
            } catch {
                return .bounce(files.host.report(error))
            }
        }
    }

    /// The files of this host that a message names.
    private func named(in message: Element) -> [FileID] {
        guard let address = files.address else { return [] }
        let start = "\(address)\(UploadedFiles.path)"
        var found: [FileID] = []
        for address in FileMentions(in: message).addresses where address.hasPrefix(start) {
            guard let id = FileID(String(address.dropFirst(start.count).prefix { $0 != "/" })), !found.contains(id)
            else { continue }
            found.append(id)
        }
        return found
    }

    /// By what a message is known that its sender may take back.
    private func name(of id: String?, _ event: StanzaContext) -> String? {
        guard let id, id.utf8.count <= 256, let to = event.to else { return nil }
        return "\(event.from.bare) \(to.bare) \(id)"
    }
}
