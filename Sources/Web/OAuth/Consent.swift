import XML
import XMPP
import XMPPServer

/// A person's consent to one of the site's own apps. It outlasts the app's sign-out, as such an app is part of the
/// site; for others it ends with the grant.
struct Consent: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:consent"

    let scopes: Set<String>

    static let storeName = "consent"

    /// The owner is the account, the key the app's id.
    static func store(in storage: any Storage) -> KeyedStore<Consent> { KeyedStore(storeName, in: storage) }

    init(scopes: Set<String>) {
        self.scopes = scopes
    }

    init?(stored element: Element) {
        guard element.isNamed("consent", Self.namespace), let text = element["scopes"] else { return nil }
        scopes = Set(text.split(separator: " ").map(String.init))
    }

    func write(to writer: inout XMLWriter) {
        writer.element("consent", Self.namespace, ["scopes": scopes.sorted().joined(separator: " ")])
    }
}
