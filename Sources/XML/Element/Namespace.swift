/// The name of a namespace that the program knows.
///
/// Names are interned: values are compared by a small number. Making one takes a lock, so keep them in `static let`
/// properties. Never make one from a peer's input; ``Element`` compares such names without it.
public struct Namespace: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    @usableFromInline let id: UInt16
    let literal: StaticString

    /// Interns the namespace.
    public init(_ name: StaticString) {
        id = NamespaceRegistry.intern(name)
        literal = name
    }

    public init(stringLiteral name: StaticString) {
        self.init(name)
    }

    init(id: UInt16, literal: StaticString) {
        self.id = id
        self.literal = literal
    }

    /// The name, a URI.
    public var name: String {
        literal.description
    }

    public var description: String {
        name
    }

    @inlinable
    public static func == (left: Namespace, right: Namespace) -> Bool {
        left.id == right.id
    }

    @inlinable
    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
    }

    /// No namespace: the one of unprefixed names without a declaration.
    public static let none: Namespace = ""
    /// `xml:`, which is declared everywhere.
    public static let xml: Namespace = "http://www.w3.org/XML/1998/namespace"
    /// Client streams (RFC 6120, section 4.8.2).
    public static let client: Namespace = "jabber:client"
}
