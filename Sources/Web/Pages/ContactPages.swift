import Hummingbird
import NIOCore
import XML
import XMPP
import XMPPServer

/// The pages of contacts and pending subscription requests.
enum ContactPages {
    static func register(on router: Router<WebContext>) {
        router.get("/contacts") { request, context in
            guard let (visitor, record) = try await context.person(request) else {
                return SignInPages.detour(from: request)
            }
            return await page(record, context).response(for: visitor, context)
        }
        router.get("/contacts/remove") { request, context in
            guard let (visitor, record) = try await context.person(request) else {
                return SignInPages.detour(from: request)
            }
            guard let contact = request.query?["contact"].flatMap({ JID($0) })?.bare,
                let item = record.rosterItem(contact), item.isListed
            else { return .seeOther("/contacts") }
            let confirmation = await Confirmation(
                title: "Remove \(names(of: item, context).name)?",
                text: "You do not see each other any more. To be contacts again, one of you has to invite the other.",
                action: "/contacts/remove", fields: [("contact", contact.string)], button: "Remove contact",
                back: "/contacts")
            return await confirmation.page.response(for: visitor, context)
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
                do {
                    try await context.site.administration.removeContact(
                        AccountName(contact.string), from: AccountName(record.jid.string))
                    return "The contact is removed."
                } catch {
                    return "That contact is removed already."
                }
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
        return await visitor.response(showing: body(record, contact, form), on: "/contacts", context)
    }

    private static func page(_ record: AccountRecord, _ context: WebContext) async -> Page {
        let items = record.withRoster { Array($0.items) }
        var contacts: [[String: any Sendable]] = []
        var invitations: [[String: any Sendable]] = []
        let formKey: [String: any Sendable] = [:]
        for item in items {
            var entry = formKey
            entry["jid"] = item.jid.string
            entry["link"] = "/contacts/remove?" + Form.encode([("contact", item.jid.string)])
            entry["waits"] = item.state.asks
            if item.state.hasPendingIn {
                // A subscription request carries a nickname; the account id is shown for contacts.
                let name = nickname(item, context) ?? ""
                entry["name"] = name.isEmpty ? item.jid.string : name
                if !name.isEmpty { entry["address"] = item.jid.string }
                invitations.append(entry)
            }
            if item.isListed {
                let (name, address) = await names(of: item, context)
                entry["name"] = name
                if name != address { entry["address"] = address }
                contacts.append(entry)
            }
        }
        let content: [String: any Sendable] = [
            "contacts": contacts.sorted { text($0) < text($1) }, "hasContacts": !contacts.isEmpty,
            "invitations": invitations.sorted { text($0) < text($1) }, "hasInvitations": !invitations.isEmpty,
        ]
        return Page("contacts", title: "Contacts", content)
    }

    /// A contact's displayed name and address.
    private static func names(of item: RosterItem, _ context: WebContext) async -> (name: String, address: String) {
        let account = item.state.hasTo ? await account(item.jid, context) : nil
        let address = account?.accountID ?? item.jid.string
        let name = item.name ?? account?.displayName ?? ""
        return (name.isEmpty ? address : name, address)
    }

    private static func text(_ entry: [String: any Sendable]) -> String {
        (entry["name"] as? String ?? "").lowercased()
    }

    private static func account(_ jid: JID, _ context: WebContext) async -> Account? {
        guard let host = context.host.router.hosts[of: jid], case .success(let record) = await host.find(jid) else {
            return nil
        }
        return record?.account
    }

    /// XEP-0172: the nickname in the subscription request.
    private static func nickname(_ item: RosterItem, _ context: WebContext) -> String? {
        item.invitation.flatMap { context.host.element(fromOwn: $0, "an invitation") }?.child("nick", .nick)?.text
    }
}
