import NIOCore
import XMPPServer

/// XEP-0060 §8.7: the owner of nodes is asked once more about the subscriptions that wait for an answer. It is a command (XEP-0050)
/// of two steps; nothing is kept between them.
extension PubSubEngine {
    static let pendingCommand: Namespace = "http://jabber.org/protocol/pubsub#get-pending"
    static let pendingTitle = "Ask about subscriptions that wait for approval"
    /// Questions that are sent at once: those that are answered make room for others.
    private static let asked = 100

    /// A step of the command: the nodes that the owner is to choose from, or the questions about one of them.
    func pending(_ command: Element, at home: NodeHome, for owner: JID) async -> Reply {
        let id = command["sessionid"] ?? SecureRandom.text(length: 16)
        do throws(StanzaError) {
            guard command["action"] != "cancel" else { return Self.command(id, status: "canceled") { _ in } }
            guard let form = try DataForm.inside(command, about: Self.authorizationForm),
                let name = form.fields.first(where: { $0.name == "pubsub#node" })?.values.first
            else { return try await choice(id, home, owner) }
            let entry = try await owned(name, home, by: owner)
            for subscription in try await waiting(for: name, home) {
                send(Self.question(subscription, about: entry.node), to: owner, home, type: nil)
            }
            return Self.command(id, status: "completed") { _ in }
        } catch {
            return .error(error)
        }
    }

    /// The nodes whose subscriptions the asker approves.
    private func choice(_ id: String, _ home: NodeHome, _ owner: JID) async throws(StanzaError) -> Reply {
        var names: [String] = []
        for item in try await relations(of: owner, prefix: Self.affiliationPrefix, home) {
            guard case .affiliation(.owner) = item.value else { continue }
            let name = String(item.key.dropFirst(Self.affiliationPrefix.count))
            if try await entry(name, home)?.node.configuration.accessModel == .authorize { names.append(name) }
        }
        // §8.7.3.3
        guard !names.isEmpty else { throw .forbidden }
        let field = FormField(name: "pubsub#node", type: "list-single", label: "Node", options: names, values: [])
        return Self.command(id, status: "executing") { writer in
            writer.element("actions", nil, ["execute": "complete"]) { $0.element("complete") }
            FormField.write([field], about: Self.authorizationForm.name, "form", to: &writer)
        }
    }

    /// The first subscriptions to a node that wait for approval.
    private func waiting(for name: String, _ home: NodeHome) async throws(StanzaError) -> [NodeSubscription] {
        let now = host.now()
        return try await host.page(
            .all, of: subscriptionsMap(home, name), in: subscriptions, order: .byPlace, atMost: Self.asked
        ) { $0.value.state == .pending && $0.expiresAt.map { $0 > now } ?? true }.items.map(\.value)
    }

    private static func command(
        _ id: String, status: StaticString, _ content: @escaping @Sendable (inout XMLWriter) -> Void
    ) -> Reply {
        .result { writer in
            writer.start("command", .commands)
            writer.attribute("node", pendingCommand.name)
            writer.attribute("sessionid", id)
            writer.attribute("status", status)
            content(&writer)
            writer.end()
        }
    }
}
