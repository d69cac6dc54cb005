/// An event of a ``StreamParser``.
public enum XMLEvent: Sendable {
    /// The stream's start tag, as an element without content.
    case opened(Element)
    /// A complete child of the stream's root.
    case element(Element)
    /// The stream's end tag.
    case closed
}
