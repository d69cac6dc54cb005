/// What a ``StreamParser`` finds.
public enum XMLEvent: Sendable {
    /// The stream's start tag, as an element that contains nothing.
    case opened(Element)
    /// A complete child of the stream's root.
    case element(Element)
    /// The stream's end tag.
    case closed
}
