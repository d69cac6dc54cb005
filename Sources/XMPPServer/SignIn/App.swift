import XML
import XMPP

/// An app that may ask people for access to their accounts: an OAuth client, RFC 6749 §2.
public struct App: Sendable, Equatable {
    /// Identifies the app on its host; public.
    public let id: String
    /// The name shown to people.
    public var name: String
    /// The redirect addresses, compared exactly (RFC 8252 §7.3: except for the port of a loopback address). Empty for
    /// an app that only uses the device grant, or only introspects tokens.
    public var redirects: [String]
    /// The scopes it may ask for.
    public var scopes: Set<String>
    /// SHA-256 of its secret; nil: it has none (a public client).
    public var secret: [UInt8]?
    /// When it was registered.
    public let createdAt: Timestamp
    /// Whether it has registered itself, RFC 7591.
    public let isSelfRegistered: Bool

    /// An app.
    public init(
        id: String,
        name: String,
        redirects: [String],
        scopes: Set<String>,
        secret: [UInt8]? = nil,
        createdAt: Timestamp,
        isSelfRegistered: Bool = false
    ) {
        self.id = id
        self.name = name
        self.redirects = redirects
        self.scopes = scopes
        self.secret = secret
        self.createdAt = createdAt
        self.isSelfRegistered = isSelfRegistered
    }

    /// All scopes, in the order in which they are shown.
    public static let knownScopes = AccessScope.allCases.map(\.rawValue)
    /// The default scopes of an app: those limited to the account.
    public static let standardScopes = AccessScope.allCases.filter { $0 != .admin }.map(\.rawValue)

    /// The apps of a host. The owner is the host's JID, the key is the app's id.
    public static func store(in storage: any Storage) -> KeyedStore<App> { KeyedStore("app", in: storage) }
}

extension App: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:app"

    public init?(stored element: Element) {
        guard element.isNamed("app", Self.namespace), let id = element["id"], let name = element["name"],
            let createdAt = element["created"].flatMap({ Timestamp($0) })
        else { return nil }
        let texts = { (name: StaticString) in
            element.children.filter { $0.isNamed(name, Self.namespace) }.map(\.text)
        }
        self.init(
            id: id, name: name, redirects: texts("redirect"), scopes: Set(texts("scope")),
            secret: element["secret"].flatMap { Base64.decode($0) }, createdAt: createdAt,
            isSelfRegistered: element["self-registered"] == "true")
    }

    public func write(to writer: inout XMLWriter) {
        writer.start("app", Self.namespace)
        writer.attribute("id", id)
        writer.attribute("name", name)
        writer.attribute("created", createdAt.xep0082)
        if let secret { writer.attribute("secret", Base64.encode(secret)) }
        if isSelfRegistered { writer.attribute("self-registered", "true" as StaticString) }
        for redirect in redirects { writer.element("redirect", text: redirect) }
        for scope in scopes.sorted() { writer.element("scope", text: scope) }
        writer.end()
    }
}
