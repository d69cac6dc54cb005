import XML
import XMPP

/// An installation of a client that has signed in to an account (XEP-0388 §2.3), and its tokens (XEP-0484).
public struct Device: Sendable, Equatable {
    /// How the installation has signed in.
    public enum Method: String, Sendable, CaseIterable {
        case password
        /// An OAuth access token.
        case grant
        /// A token that this server gave it.
        case fast
    }

    /// A token; its text is derived with the server's key.
    public struct Token: Sendable, Equatable {
        /// Identifies the token; not secret.
        public let nonce: [UInt8]
        /// The SASL mechanism it is for.
        public let mechanism: String
        public let createdAt: Timestamp
        public let expiresAt: Timestamp
        /// The highest use count sent by the client.
        public var count: Int
    }

    /// Identifies the device among those of its account; not the client's own id.
    public let id: String
    /// The name of the software.
    public var software: String?
    /// The name given by its owner.
    public var name: String?
    public var methods: Set<Method>
    public let firstSeen: Timestamp
    /// When it last signed in, accurate to a minute.
    public var lastSeen: Timestamp
    /// The token that it used last; nil: none.
    public var current: Token?
    /// A token that it was given but has not used yet.
    public var next: Token?

    var tokens: [Token] { [next, current].compactMap(\.self) }

    /// Updates a token's use count. False: the count is no higher than before, or there is no such token.
    mutating func use(_ nonce: [UInt8], count: Int?) -> Bool {
        func takeOn(_ token: inout Token) -> Bool {
            guard let count else { return token.count == 0 }
            guard count > token.count else { return false }
            token.count = count
            return true
        }
        if var token = next, token.nonce == nonce {
            defer { next = token }
            return takeOn(&token)
        }
        guard var token = current, token.nonce == nonce else { return false }
        defer { current = token }
        return takeOn(&token)
    }

    /// The devices of an account, by their ids.
    public static func store(in storage: any Storage) -> KeyedStore<Device> { KeyedStore(storeName, in: storage) }

    /// The name of the store of devices.
    public static let storeName = "device"
}

extension Device: StoredValue {
    private static let namespace: Namespace = "urn:swallowtail:device"

    public init?(stored element: Element) {
        guard element.isNamed("device", Self.namespace), let id = element["id"],
            let firstSeen = element["first-seen"].flatMap({ Timestamp($0) }),
            let lastSeen = element["last-seen"].flatMap({ Timestamp($0) })
        else { return nil }
        self.id = id
        software = element["software"]
        name = element["name"]
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
        methods = Set((element["methods"] ?? "").split(separator: " ").compactMap { Method(rawValue: String($0)) })
        current = element.child("current", Self.namespace).flatMap(Token.init)
        next = element.child("next", Self.namespace).flatMap(Token.init)
    }

    public func write(to writer: inout XMLWriter) {
        writer.start("device", Self.namespace)
        writer.attribute("id", id)
        writer.attribute("software", software)
        writer.attribute("name", name)
        writer.attribute("methods", methods.map(\.rawValue).sorted().joined(separator: " "))
        writer.attribute("first-seen", firstSeen.xep0082)
        writer.attribute("last-seen", lastSeen.xep0082)
        current?.write("current", to: &writer)
        next?.write("next", to: &writer)
        writer.end()
    }
}

extension Device.Token {
    fileprivate init?(_ element: Element) {
        guard let nonce = element["nonce"].flatMap({ Base64.decode($0) }), let mechanism = element["mechanism"],
            let createdAt = element["created"].flatMap({ Timestamp($0) }),
            let expiresAt = element["expires"].flatMap({ Timestamp($0) })
        else { return nil }
        self.init(
            nonce: nonce, mechanism: mechanism, createdAt: createdAt, expiresAt: expiresAt,
            count: element["count"].flatMap { Int($0) } ?? 0)
    }

    fileprivate func write(_ name: StaticString, to writer: inout XMLWriter) {
        writer.element(
            name, nil,
            [
                "nonce": Base64.encode(nonce), "mechanism": mechanism, "created": createdAt.xep0082,
                "expires": expiresAt.xep0082, "count": count > 0 ? String(count) : nil,
            ])
    }
}
