import NIOCore
import XMPPServer

/// Messages that are taken back: by a moderator (XEP-0425), or by those who have sent them (XEP-0424). What is left in the
/// archive is a tombstone, and behind it the retraction.
extension Room {
    private static let maximumReasonBytes = 1024

    /// Answers a moderator's request, XEP-0425 §4.
    func moderate(_ request: IQRequest, _ answer: @escaping @Sendable (Reply) -> Void) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard let moderator = occupant(request.from), moderator.role == .moderator else {
                throw StanzaError(.forbidden, text: "Only moderators may take back what others have said.")
            }
            guard service.takesMessage(of: request.from) else { throw StanzaError(.resourceConstraint) }
            guard request.payload.hasChild("retract", Retraction.namespace) else { throw .featureNotImplemented }
            guard let text = request.payload["id"], let id = host.archiveIDs.id(text) else { throw .itemNotFound }
            let reason = request.payload.child("reason", .moderation)?.text ?? ""
            guard reason.utf8.count <= Self.maximumReasonBytes else { throw .notAcceptable }
            retract(id, text, by: moderator, reason) { answer($0.map { .error($0) } ?? .ok) }
        } catch {
            answer(.error(error))
        }
    }

    private func retract(
        _ id: ArchiveID, _ text: String, by moderator: Occupant, _ reason: String, _ done: @escaping Done
    ) {
        var writer = XMLWriter()
        writer.element("moderated", .moderation, ["by": moderator.address.string]) { writer in
            writer.element("occupant-id", .occupantID, ["id": moderator.id])
        }
        if !reason.isEmpty { writer.element("reason", Retraction.namespace, text: reason) }
        let content = writer.finish()
        let number = SecureRandom.text(length: 12)
        let publication = Publication(from: address, author: address) { [address] appended, writer in
            writer.start("message", .client)
            writer.attribute("from", address.string)
            writer.attribute("type", "groupchat" as StaticString)
            writer.attribute("id", number)
            writer.element("retract", Retraction.namespace, ["id": text]) { $0.raw(content) }
            writer.raw(appended)
            writer.end()
        }
        let stamp = host.now().xep0082
        let preparation: Preparation = { [self] in
            await archived(id).flatMap { found in
                // What the room itself has said is nobody's to take back.
                guard let (entry, message) = found, entry.peer != address else { return .failure(.itemNotFound) }
                return .success([Self.replacing(entry, message, ["stamp": stamp], content)])
            }
        }
        publish(publication, [], after: preparation, done)
    }

    /// What becomes of the archive with somebody's message that takes back an earlier one of their own, XEP-0424 §4; nil: it
    /// takes back none.
    func burial(by author: Occupant, with message: Element) -> Preparation? {
        guard let text = message.child("retract", Retraction.namespace)?["id"], let id = host.archiveIDs.id(text) else {
            return nil
        }
        let (retraction, stamp) = (message["id"], host.now().xep0082)
        return { [self] in
            await archived(id).map { found in
                guard let (entry, message) = found, entry.peer == author.jid else { return [] }
                return [Self.replacing(entry, message, ["id": retraction, "stamp": stamp], nil)]
            }
        }
    }

    /// A message in the archive, which may have been sent just now; nil: there is none with that id, or no more than its
    /// tombstone.
    private func archived(_ id: ArchiveID) async -> Result<(ArchiveEntry, Element)?, StanzaError> {
        do throws(StorageError) {
            await host.storage.flush()
            let query = ArchiveQuery(collection: ArchiveEntry.archive, owner: address, ids: [id], limit: 1)
            guard let entry = try await host.storage.archived(query).first,
                let message = host.element(fromOwn: entry.stanza, "a message in a room's archive"),
                !message.hasChild("retracted", Retraction.namespace)
            else { return .success(nil) }
            return .success((entry, message))
        } catch {
            return .failure(host.report(error))
        }
    }

    /// Puts a tombstone in the place of a message: who has sent it is left, and nothing of what it said.
    private static func replacing(
        _ entry: ArchiveEntry, _ message: Element, _ attributes: KeyValuePairs<StaticString, String?>,
        _ content: ByteBuffer?
    ) -> StorageChange {
        var writer = XMLWriter(contentNamespace: .none)
        writer.start("message", .client)
        for name in ["from", "type", "id"] as [StaticString] { writer.attribute(name, message[name]) }
        if let occupant = message.child("occupant-id", .occupantID) { writer.copy(occupant) }
        writer.element("retracted", Retraction.namespace, attributes) { writer in
            if let content { writer.raw(content) }
        }
        writer.end()
        return .replaceArchived(
            owner: entry.owner, entry.id, stanza: Array(writer.finish().readableBytesView))
    }
}

extension Namespace {
    /// Messages that moderators take back (XEP-0425).
    static let moderation: Namespace = "urn:xmpp:message-moderate:1"
}
