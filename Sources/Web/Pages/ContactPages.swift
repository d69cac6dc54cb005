import Hummingbird
import NIOCore
import XML
import XMPP
import XMPPServer

/// Contacts, and invitations that wait for an answer.
enum ContactPages {
    static func register(on router: Router<WebContext>) {
        router.get("/contacts") { request, context in
            guard let (visitor, record) = try await context.person(request) else {
                return SignInPages.detour(from: request)
            }
            return await page(record, context, done: nil).response(for: visitor, context)
        }
        router.post("/contacts/answer") { request, context in
            try await change(request, context) { record, contact, form in
                guard record.rosterItem(contact)?.state.hasPendingIn == true else {
                    return "That invitation has been answered already."
                }
                let accepts = form["answer"] == "accept"
                var event = InvitationAnswer(account: record, contact: contact, accepts: accepts, host: context.host)
                context.host.fire(Hooks.invitationAnswered, &event)
                return accepts ? "You are contacts now." : "The invitation is declined."
            }
        }
        router.post("/contacts/remove") { request, context in
            try await change(request, context) { record, contact, _ in
                let reply = await context.site.administration.perform(
                    .removeContact(
                        account: AccountName(record.jid.string), contact: AccountName(contact.string)))
                if case .failed = reply { return "That contact is removed already." }
                return "The contact is removed."
            }
        }
    }

    private static func change(
        _ request: Request, _ context: WebContext,
        _ body: (AccountRecord, JID, Form) async -> String
    ) async throws -> Response {
        guard let (visitor, record) = try await context.person(request) else {
            return .seeOther("/sign-in?next=/contacts")
        }
        let form = try await request.form(context)
        try visitor.check(form["form-key"], context.site)
        guard let contact = form["contact"].flatMap({ JID($0) })?.bare else { throw HTTPError(.badRequest) }
        let done = await body(record, contact, form)
        return await page(record, context, done: done).response(for: visitor, context)
    }

    private static func page(_ record: AccountRecord, _ context: WebContext, done: String?) async -> Page {
        let items = record.withRoster { Array($0.items) }
        var contacts: [[String: any Sendable]] = []
        var invitations: [[String: any Sendable]] = []
        let formKey: [String: any Sendable] = [:]
        for item in items {
            let account = await account(item.jid, context)
            var entry = formKey
            entry["jid"] = item.jid.string
            entry["waits"] = item.state.asks
            if item.state.hasPendingIn {
                // Who invites is introduced by the name in the invitation; the account id is for contacts.
                let name = nickname(item) ?? ""
                entry["name"] = name.isEmpty ? item.jid.string : name
                if !name.isEmpty { entry["address"] = item.jid.string }
                invitations.append(entry)
            }
            if item.isListed {
                let name = item.name ?? (item.state.hasTo ? account?.displayName : nil) ?? ""
                let address = (item.state.hasTo ? account?.accountID : nil) ?? item.jid.string
                entry["name"] = name.isEmpty ? address : name
                if !name.isEmpty { entry["address"] = address }
                contacts.append(entry)
            }
        }
        var content: [String: any Sendable] = [
            "contacts": contacts.sorted { text($0) < text($1) }, "hasContacts": !contacts.isEmpty,
            "invitations": invitations.sorted { text($0) < text($1) }, "hasInvitations": !invitations.isEmpty,
        ]
        if let done { content["done"] = done }
        return Page("contacts", title: "Contacts", content)
    }

    private static func text(_ entry: [String: any Sendable]) -> String {
        (entry["name"] as? String ?? "").lowercased()
    }

    private static func account(_ jid: JID, _ context: WebContext) async -> Account? {
        guard let host = context.host.router.hosts[jid.domain], case .success(let record) = await host.find(jid) else {
            return nil
        }
        return record?.account
    }

    /// XEP-0172: the name in the invitation.
    private static func nickname(_ item: RosterItem) -> String? {
        item.invitation.flatMap { try? Element(ownOutput: $0, contentNamespace: .client) }?
            .child("nick", .nick)?.text
    }
}
