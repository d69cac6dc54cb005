/// What one document or stanza may cost; checked before anything is allocated for it.
public struct XMLLimits: Sendable, Equatable {
    /// The most bytes of one stanza, or of the stream's start tag, as received.
    public var stanzaBytes: Int
    /// The deepest nesting; a stanza itself has depth 1.
    public var depth: Int
    /// The most attributes of one element, namespace declarations not counted.
    public var attributes: Int
    /// The most namespace declarations in scope at one place, those of the stream's start tag counted.
    public var namespaces: Int
    /// The most bytes of one element or attribute name, its prefix counted.
    public var nameBytes: Int

    /// Limits for signed-in clients, but for what is given.
    public init(
        stanzaBytes: Int = 262_144,
        depth: Int = 64,
        attributes: Int = 128,
        namespaces: Int = 64,
        nameBytes: Int = 1024
    ) {
        self.stanzaBytes = stanzaBytes
        self.depth = depth
        self.attributes = attributes
        self.namespaces = namespaces
        self.nameBytes = nameBytes
    }

    /// The same limits, none above what a tape's nodes can hold.
    var bounded: XMLLimits {
        XMLLimits(
            stanzaBytes: min(max(stanzaBytes, 1), 1 << 30),
            depth: min(max(depth, 1), 0xFFF0),
            attributes: min(max(attributes, 0), 0xFFFF),
            namespaces: min(max(namespaces, 0), 0x2000),
            nameBytes: min(max(nameBytes, 1), 0xFFFF)
        )
    }
}
