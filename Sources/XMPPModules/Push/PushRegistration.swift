import NIOCore
import XMPPServer

/// A registration of a client for push notifications, XEP-0357 §5.
struct PushRegistration: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:push"

    /// The app server.
    let service: JID
    /// The app server's name of the client; may be empty.
    let node: String
    /// The resource that registered last.
    let resource: String
    /// The form that is part of each notification.
    let options: Element?
    /// The app's grant, or the token's digest, that the registration was made with; nil: the owner's credentials.
    let access: String?

    /// The key of the registration: another one with the same address and node replaces it.
    var key: String { "\(service) \(node)" }

    init(service: JID, node: String, resource: String, options: Element?, access: String?) {
        self.service = service
        self.node = node
        self.resource = resource
        self.options = options
        self.access = access
    }

    /// §5: the options are a form with what the app server needs. Other or larger content is refused, as it would be
    /// sent in the host's name.
    static func isAcceptable(_ form: Element) -> Bool {
        let fields = Array(form.children)
        let isForm = fields.allSatisfy { field in
            field.isNamed("field", .dataForms)
                && field.children.allSatisfy { $0.isNamed("value", .dataForms) && $0.firstChild == nil }
        }
        let type = fields.first { $0.attribute("var", equals: "FORM_TYPE") }
        return isForm && fields.count <= maximumFields && form.bytes.readableBytes <= maximumOptionsSize
            && type?.child("value", .dataForms)?.text == Namespace.publishOptions.name
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
