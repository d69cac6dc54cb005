import Foundation
import XMPPServer

extension AdministrationReply {
    /// The reply for programs.
    var json: String {
        get throws {
            switch self {
            case .account(let account): try encoded(account)
            case .accounts(let accounts): try encoded(accounts)
            case .details(let details): try encoded(details)
            case .minted(let token): try encoded(token)
            case .tokens(let tokens): try encoded(tokens)
            case .contacts(let contacts): try encoded(contacts)
            case .app(let app): try encoded(app)
            case .apps(let apps): try encoded(apps)
            case .invited(let invitation): try encoded(invitation)
            case .invitations(let invitations): try encoded(invitations)
            case .explanations(let messages): try encoded(messages)
            case .changes(let changes): try encoded(changes)
            case .done(let sentence): try encoded(["done": sentence])
            case .failed(let reason): try encoded(["failed": reason])
            }
        }
    }

    /// The reply for people.
    var text: String {
        switch self {
        case .account(let account): list(Self.entries(account))
        case .accounts(let accounts): Self.table(accounts)
        case .details(let details): Self.text(details)
        case .minted(let token): list([("token", token.token)] + Self.entries(token.info))
        case .tokens(let tokens): Self.table(tokens)
        case .contacts(let contacts): Self.table(contacts)
        case .app(let app): list(Self.entries(app))
        case .apps(let apps): Self.table(apps)
        case .invited(let invitation): invitation.link
        case .invitations(let invitations): Self.table(invitations)
        case .explanations(let messages):
            messages.isEmpty
                ? "No message is remembered." : messages.map(Self.text).joined(separator: "\n\n")
        case .changes(let changes): Self.table(changes)
        case .done(let sentence): sentence
        case .failed(let reason): reason
        }
    }

    // MARK: Accounts

    private static func table(_ accounts: [AccountInfo]) -> String {
        var table = Table("address", "account id", "name", "history", "admin", "added")
        for account in accounts {
            table.add([
                account.jid, account.accountID ?? "", account.displayName, account.keepsHistory ? "on" : "off",
                account.isAdministrator ? "yes" : "", account.createdAt,
            ])
        }
        return table.text(ifEmpty: "There are no accounts.")
    }

    private static func entries(_ account: AccountInfo) -> [(name: String, value: String)] {
        [
            ("address", account.jid),
            ("account id", account.accountID ?? "none"),
            ("name", account.displayName.isEmpty ? "none" : account.displayName),
            ("history", account.keepsHistory ? "on" : "off"),
            ("administrator", account.isAdministrator ? "yes" : "no"),
            ("added", account.createdAt),
        ]
    }

    private static func text(_ details: AccountDetails) -> String {
        let text = list(
            entries(details.account) + [
                ("password", details.hasPassword ? "yes" : "no"),
                ("photo", details.hasPhoto ? "yes" : "no"),
                ("tokens", "\(details.tokens)"),
                ("contacts", "\(details.contacts)"),
            ])
        guard let sessions = details.sessions else { return text }
        var table = Table("resource", "since", "priority")
        for session in sessions {
            table.add([session.resource, session.since, session.priority.map { "\($0)" } ?? "not available"])
        }
        return text + "\n\n" + table.text(ifEmpty: "There are no sessions.")
    }

    // MARK: Changes of the configuration

    private static func table(_ changes: [ConfigurationChange]) -> String {
        var table = Table("place", "change", "from")
        for change in changes {
            let effect =
                switch change.effect {
                case .now: "now on"
                case .connections: "the next connection on"
                case .restart: "the next start on"
                }
            table.add([change.place, change.change, effect])
        }
        return table.text(ifEmpty: "Nothing is different.")
    }

    // MARK: Tokens

    private static func table(_ tokens: [TokenInfo]) -> String {
        var table = Table("id", "address", "app", "scopes", "made", "last use", "expires", "label")
        for token in tokens {
            table.add([
                token.id, token.account, token.app ?? "", token.scopes.joined(separator: " "), token.createdAt,
                token.lastUsedAt ?? "", expiry(token), token.label ?? "",
            ])
        }
        return table.text(ifEmpty: "There are no tokens.")
    }

    private static func entries(_ token: TokenInfo) -> [(name: String, value: String)] {
        [
            ("id", token.id),
            ("address", token.account),
            ("scopes", token.scopes.joined(separator: " ")),
            ("expires", expiry(token)),
        ] + (token.label.map { [("label", $0)] } ?? [])
    }

    private static func expiry(_ token: TokenInfo) -> String {
        guard let expiresAt = token.expiresAt else { return "never" }
        return token.isExpired ? "\(expiresAt), is void" : expiresAt
    }

    // MARK: Apps

    private static func table(_ apps: [AppInfo]) -> String {
        var table = Table("id", "host", "name", "sends people back to", "scopes", "registered")
        for app in apps {
            table.add([
                app.id, app.host, app.name, app.redirects.joined(separator: " "), app.scopes.joined(separator: " "),
                app.createdAt + (app.isSelfRegistered ? ", by itself" : ""),
            ])
        }
        return table.text(ifEmpty: "There are no apps.")
    }

    private static func entries(_ app: RegisteredApp) -> [(name: String, value: String)] {
        (app.secret.map { [("secret", $0)] } ?? []) + [
            ("id", app.info.id),
            ("host", app.info.host),
            ("name", app.info.name),
            ("sends people back to", app.info.redirects.joined(separator: " ")),
            ("scopes", app.info.scopes.joined(separator: " ")),
        ]
    }

    // MARK: Invitations

    private static func table(_ invitations: [InvitationInfo]) -> String {
        var table = Table("id", "host", "inviter", "made", "expires")
        for invitation in invitations {
            table.add([
                invitation.id, invitation.host, invitation.inviter ?? "", invitation.createdAt, invitation.expiresAt,
            ])
        }
        return table.text(ifEmpty: "There are no invitations.")
    }

    // MARK: Messages

    private static func text(_ message: MessageExplanation) -> String {
        let title = "\(message.type) message \(message.id ?? "without an id")"
        let steps = message.steps.map { (name: $0.at, value: sentence($0)) }
        return printable(title) + "\n"
            + list(
                [
                    (message.receivedAt, "received from \(message.from)" + (message.to.map { " for \($0)" } ?? ""))
                ] + steps)
    }

    private static func sentence(_ step: MessageExplanation.Step) -> String {
        let subject = step.subject ?? ""
        switch step.what {
        case "refused":
            let reason = step.condition.map { ": \($0)" } ?? ""
            return (subject.isEmpty ? "refused" : "refused by the module \(subject)") + reason
        case "taken": return "taken by the module \(subject), goes no further"
        case "archived": return "archived for \(subject)"
        case "delivered": return "handed to \(subject)"
        case "copied": return "copied to \(subject)"
        case "kept": return "kept by the module \(subject)"
        case "stored": return "durable"
        case "failed": return "could not be made durable"
        case "pushed": return "\(subject) told to wake a client"
        case "acknowledged": return "acknowledged by \(subject)"
        default: return [step.what, subject].joined(separator: " ")
        }
    }

    // MARK: Contacts

    private static func table(_ contacts: [ContactInfo]) -> String {
        var table = Table("address", "name", "subscription", "waits for")
        for contact in contacts {
            let waiting = contact.asks ? "the contact" : contact.invites ? "the account" : ""
            table.add([contact.jid, contact.name ?? "", contact.subscription, waiting])
        }
        return table.text(ifEmpty: "There are no contacts.")
    }
}

/// A value as JSON for programs, and for people who read after them.
func encoded(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
