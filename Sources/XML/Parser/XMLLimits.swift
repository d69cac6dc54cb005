/// Limits for one document or stanza; checked before anything is allocated for it.
public struct XMLLimits: Sendable, Equatable {
    /// The maximum bytes of a stanza, or of the stream's start tag, as received.
    public var stanzaBytes: Int
    /// The maximum nesting; a stanza itself has depth 1.
    public var depth: Int
    /// The maximum attributes of an element, excluding namespace declarations.
    public var attributes: Int
    /// The maximum namespace declarations in scope, including those of the stream's start tag.
    public var namespaces: Int
    /// The maximum bytes of an element or attribute name, including its prefix.
    public var nameBytes: Int
    /// The maximum bytes of a namespace's name, decoded.
    public var namespaceBytes: Int
    /// The maximum bytes of all namespace declarations of the stream's start tag, as received: they apply to each
    /// stanza, and are added to each that needs them.
    public var streamDeclarationBytes: Int

    /// Limits for signed-in clients, with the given changes.
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

    /// For the program's own output: only what a tape can hold.
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
