public import XML

/// A message, presence or IQ: an element in `jabber:client` and what its name and type say.
///
/// From whom and to whom it goes is not here: the session decides that, whatever the attributes say.
public struct Stanza: Sendable {
    /// The element as it was received.
    public let element: Element
    public let kind: StanzaKind
    /// What the attribute `type` means: without it a message is `normal` and presence `available`. Nil for an IQ
    /// without one, which RFC 6120 forbids; `unknown` for a word that this kind of stanza does not know.
    public let type: StanzaType?

    /// - Returns: nil if the element is no stanza.
    public init?(_ element: Element) {
        guard element.isIn(.client), let kind = StanzaKind.allCases.first(where: { element.hasName($0.name) }) else {
            return nil
        }
        self.element = element
        self.kind = kind
        type = element.withAttributeBytes("type") { StanzaType(kind, $0) } ?? kind.defaultType
    }

    /// The attribute `id`, that answers repeat.
    public var id: String? { element["id"] }

    /// Writes the answer that refuses the stanza: of the same kind, with its `id`, without its payload.
    /// - Parameters:
    ///   - from: who refuses; nil leaves the attribute out.
    ///   - to: the sender; nil leaves the attribute out.
    public func writeError(_ error: StanzaError, from: String?, to: String?, to writer: inout XMLWriter) {
        writer.start(kind.name)
        writer.attribute("type", "error" as StaticString)
        writer.attribute("id", id)
        writer.attribute("from", from)
        writer.attribute("to", to)
        error.write(to: &writer)
        writer.end()
    }
}

extension StanzaKind {
    fileprivate var defaultType: StanzaType? {
        switch self {
        case .message: .normal
        case .presence: .available
        case .iq: nil
        }
    }
}

extension StanzaType {
    private static let messageTypes: [StanzaType] = [.chat, .groupchat, .headline, .normal, .error]
    private static let presenceTypes: [StanzaType] = [
        .unavailable, .probe, .subscribe, .subscribed, .unsubscribe, .unsubscribed, .error,
    ]
    private static let iqTypes: [StanzaType] = [.get, .set, .result, .error]

    fileprivate init(_ kind: StanzaKind, _ word: RawSpan) {
        let types =
            switch kind {
            case .message: Self.messageTypes
            case .presence: Self.presenceTypes
            case .iq: Self.iqTypes
            }
        for type in types {
            if let name = type.name, word.isEqual(to: name) {
                self = type
                return
            }
        }
        self = .unknown
    }
}

extension RawSpan {
    fileprivate func isEqual(to text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        return withUnsafeBytes { mine in
            text.withUTF8Buffer { mine.elementsEqual($0) }
        }
    }
}
