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
    /// The most bytes of one namespace's name, decoded.
    public var namespaceBytes: Int
    /// The most bytes of all namespace declarations of the stream's start tag together, as received: they hold for each
    /// stanza, and go along with each that needs them.
    public var streamDeclarationBytes: Int

    /// Limits for signed-in clients, but for what is given.
    public init(
        stanzaBytes: Int = 262_144,
        depth: Int = 64,
        attributes: Int = 128,
        namespaces: Int = 64,
        nameBytes: Int = 1024,
        namespaceBytes: Int = 1024,
        streamDeclarationBytes: Int = 3072
    ) {
        self.stanzaBytes = stanzaBytes
        self.depth = depth
        self.attributes = attributes
        self.namespaces = namespaces
        self.nameBytes = nameBytes
        self.namespaceBytes = namespaceBytes
        self.streamDeclarationBytes = streamDeclarationBytes
    }

    /// For what the program has written itself: nothing is refused that a tape can hold.
    public static let ownOutput = XMLLimits(
        stanzaBytes: .max, depth: .max, attributes: .max, namespaces: .max, nameBytes: .max, namespaceBytes: .max,
        streamDeclarationBytes: .max)

    /// The same limits, none above what a tape's nodes can hold.
    var bounded: XMLLimits {
        XMLLimits(
            stanzaBytes: min(max(stanzaBytes, 1), 1 << 30),
            depth: min(max(depth, 1), 0xFFF0),
            attributes: min(max(attributes, 0), 0xFFFF),
            namespaces: min(max(namespaces, 0), NamespaceID.documentCapacity),
            nameBytes: min(max(nameBytes, 1), 0xFFFF),
            namespaceBytes: min(max(namespaceBytes, 0), 1 << 30),
            streamDeclarationBytes: min(max(streamDeclarationBytes, 0), 1 << 30)
        )
    }
}
