import NIOCore
import XMPPServer

/// Visitors ask for voice, and moderators grant it, XEP-0045 §7.13 and 8.6.
extension Room {
    static let voiceForm = "http://jabber.org/protocol/muc#request"

    /// A form about voice has come: a visitor's request, or a moderator's answer.
    func decides(_ form: DataForm, by session: JID, _ done: @escaping Done) {
        do throws(StanzaError) {
            guard exists else { throw .itemNotFound }
            guard let occupant = occupant(session) else { throw .notAcceptable }
            let values = Dictionary(form.fields.map { ($0.name, $0.values.first ?? "") }) { first, _ in first }
            guard let isGranted = values["muc#request_allow"] else {
                guard occupant.role == .visitor, values["muc#role"] == RoomRole.participant.rawValue else {
                    throw .badRequest
                }
                guard service.takesInvitation(by: session) else { throw .resourceConstraint }
                ask(for: occupant)
                return done(nil)
            }
            guard occupant.role == .moderator else { throw .forbidden }
            guard Bool(form: isGranted) == true else { return done(nil) }
            guard let key = values["muc#roomnick"].flatMap(RoomNickname.key), let visitor = occupants[key] else {
                throw .itemNotFound
            }
            // Another moderator was quicker.
            guard visitor.role == .visitor else { return done(nil) }
            commit(setRole(.participant, of: visitor, key), then: done)
        } catch {
            done(error)
        }
    }

    /// Asks all moderators.
    private func ask(for visitor: Occupant) {
        let moderators = occupants.values.filter { $0.role == .moderator }.flatMap { $0.sessions.map(\.jid) }
        let fields = [
            FormField(
                name: "muc#role", type: "list-single", label: "Requested role",
                options: [RoomRole.participant.rawValue], values: [RoomRole.participant.rawValue]),
            FormField(
                name: "muc#jid", type: "jid-single", label: "Address",
                values: visitor.sessions.last.map { [$0.jid.string] } ?? []),
            FormField(name: "muc#roomnick", type: "text-single", label: "Nickname", values: [visitor.nickname]),
            FormField(name: "muc#request_allow", type: "boolean", label: "Grant voice to them?", values: ["0"]),
        ]
        ask(moderators, "Somebody asks for voice", fields, inside: Self.voiceForm)
    }

    /// Asks people by a form; whoever answers first decides.
    ///
    /// - Parameters:
    ///   - people: sessions, or bare JIDs of those who need not be in the room.
    ///   - kind: the form's type, XEP-0068.
    func ask(_ people: [JID], _ title: String, _ fields: [FormField], inside kind: String) {
        var writer = XMLWriter()
        writer.start("message", .client)
        writer.attribute("from", address.string)
        writer.start("x", .dataForms)
        writer.attribute("type", "form" as StaticString)
        writer.element("title", text: title)
        FormField.write(fields, inside: kind, to: &writer)
        writer.end()
        writer.end()
        send(writer.finish(), from: address, to: people)
    }
}
