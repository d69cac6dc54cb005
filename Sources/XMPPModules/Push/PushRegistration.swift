import NIOCore
import XMPPServer

/// An app server that wants to hear when something waits for one of an account's clients, XEP-0357 §5.
struct PushRegistration: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:push"

    /// The app server.
    let service: JID
    /// What the app server knows the client by; may be empty.
    let node: String
    /// The resource that has asked for it last.
    let resource: String
    /// The form that goes along with each notification.
    let options: Element?

    /// What a registration is stored under: another one with both replaces it.
    var key: String { "\(service) \(node)" }

    init(service: JID, node: String, resource: String, options: Element?) {
        self.service = service
        self.node = node
        self.resource = resource
        self.options = options
    }

    init?(stored element: Element) {
        guard let service = element["jid"].flatMap({ JID($0) }) else { return nil }
        self.init(
            service: service, node: element["node"] ?? "", resource: element["resource"] ?? "",
            options: element.child("x", .dataForms))
    }

    func write(to writer: inout XMLWriter) {
        writer.start("registration", Self.namespace)
        writer.attribute("jid", service.string)
        writer.attribute("node", node)
        writer.attribute("resource", resource)
        if let options { writer.copy(options) }
        writer.end()
    }
}
