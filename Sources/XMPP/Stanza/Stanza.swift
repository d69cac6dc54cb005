public import XML

/// A message, presence or IQ: an element in `jabber:client` with its kind and type.
///
/// Sender and recipient are not part of it: the session determines them, whatever the attributes say.
public struct Stanza: Sendable {
    /// The element as it was received.
    public let element: Element
    public let kind: StanzaKind
    /// The meaning of the attribute `type`: without it a message is `normal` and presence `available`. nil for an IQ
    /// without one, which RFC 6120 forbids; `unknown` for an invalid value.
    public let type: StanzaType?
    private let places: Element.StanzaPlaces

    /// - Returns: nil if the element is no stanza.
    public init?(_ element: Element) {
        guard element.isIn(.client), let kind = StanzaKind(nameOf: element) else { return nil }
        self.element = element
        self.kind = kind
        places = element.stanzaPlaces
        type = element.withAttributeBytes(at: places.type) { StanzaType(kind, $0) } ?? kind.defaultType
    }

    /// The attribute `id`, which answers repeat.
    public var id: String? { element.attribute(at: places.id) }
    /// Whether there is one.
    public var hasID: Bool { places.id.exists }
    /// Calls `body` with the attribute `id`, if there is one.
    public func withID<Result>(_ body: (RawSpan) -> Result) -> Result? {
        element.withAttributeBytes(at: places.id, body)
    }
    /// Calls `body` with the attribute `to` as it was received, if there is one.
    public func withAddress<Result>(_ body: (RawSpan) -> Result) -> Result? {
        element.withAttributeBytes(at: places.to, body)
    }

    /// Writes the error for the stanza: of the same kind, with its `id`, without its payload.
    /// - Parameters:
    ///   - from: the refusing entity; nil leaves the attribute out.
    ///   - to: the sender; nil leaves the attribute out.
    public func writeError(_ error: StanzaError, from: String?, to: String?, to writer: inout XMLWriter) {
        writer.start(kind.name)
        writer.attribute("type", "error" as StaticString)
        writer.attribute("id", id)
        writer.attribute("from", from)
        writer.attribute("to", to)
        error.companion?.write(to: &writer)
        error.write(to: &writer)
        writer.end()
    }
}

extension StanzaKind {
    fileprivate init?(nameOf element: Element) {
        if element.hasName("message") {
            self = .message
        } else if element.hasName("presence") {
            self = .presence
        } else if element.hasName("iq") {
            self = .iq
        } else {
            return nil
        }
    }

    fileprivate var defaultType: StanzaType? {
        switch self {
        case .message: .normal
        case .presence: .available
        case .iq: nil
        }
    }
}

extension StanzaType {
    fileprivate init(_ kind: StanzaKind, _ word: RawSpan) {
        self = Self.known(kind, word) ?? .unknown
    }

    private static func known(_ kind: StanzaKind, _ word: RawSpan) -> StanzaType? {
        if word.isEqual(to: "error") { return .error }
        switch kind {
        case .message:
            if word.isEqual(to: "chat") { return .chat }
            if word.isEqual(to: "groupchat") { return .groupchat }
            if word.isEqual(to: "headline") { return .headline }
            if word.isEqual(to: "normal") { return .normal }
        case .presence:
            if word.isEqual(to: "unavailable") { return .unavailable }
            if word.isEqual(to: "probe") { return .probe }
            if word.isEqual(to: "subscribe") { return .subscribe }
            if word.isEqual(to: "subscribed") { return .subscribed }
            if word.isEqual(to: "unsubscribe") { return .unsubscribe }
            if word.isEqual(to: "unsubscribed") { return .unsubscribed }
        case .iq:
            if word.isEqual(to: "get") { return .get }
            if word.isEqual(to: "set") { return .set }
            if word.isEqual(to: "result") { return .result }
        }
        return nil
    }
}

extension RawSpan {
    @inline(__always)
    fileprivate func isEqual(to text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        var index = 0
        while index < byteCount {
            let byte = unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if byte != text.utf8Start[index] { return false }
            index &+= 1
        }
        return true
    }
}
