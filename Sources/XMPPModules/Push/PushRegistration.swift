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
    /// The grant of the app, or the digest of the token, that has asked for it; nil: the account's owner has.
    let access: String?

    /// What a registration is stored under: another one with both replaces it.
    var key: String { "\(service) \(node)" }

    init(service: JID, node: String, resource: String, options: Element?, access: String?) {
        self.service = service
        self.node = node
        self.resource = resource
        self.options = options
        self.access = access
    }

    /// §5: the options are a form with what the app server has to know to take the notification; text of any other kind,
    /// or more of it, is nobody's business to have sent in the host's name.
    static func isAcceptable(_ form: Element) -> Bool {
        let fields = Array(form.children)
        let isForm = fields.allSatisfy { field in
            field.isNamed("field", .dataForms)
                && field.children.allSatisfy { $0.isNamed("value", .dataForms) && $0.firstChild == nil }
        }
        let type = fields.first { $0.attribute("var", equals: "FORM_TYPE") }
        return isForm && fields.count <= maximumFields && form.bytes.readableBytes <= maximumOptionsSize
            && type?.child("value", .dataForms)?.text == "http://jabber.org/protocol/pubsub#publish-options"
    }

    private static let maximumFields = 20
    private static let maximumOptionsSize = 4096

    init?(stored element: Element) {
        guard let service = element["jid"].flatMap({ JID($0) }) else { return nil }
        self.init(
            service: service, node: element["node"] ?? "", resource: element["resource"] ?? "",
            options: element.child("x", .dataForms), access: element["access"])
    }

    func write(to writer: inout XMLWriter) {
        writer.start("registration", Self.namespace)
        writer.attribute("jid", service.string)
        writer.attribute("node", node)
        writer.attribute("resource", resource)
        writer.attribute("access", access)
        if let options { writer.copy(options) }
        writer.end()
    }
}
