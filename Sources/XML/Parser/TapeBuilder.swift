/// Builds a tape from tokens: matches tags, tracks namespaces, and enforces the limits other than bytes.
struct TapeBuilder: TokenSink {
    /// A declaration in scope. Offsets are those of the current document.
    struct Binding {
        var prefixOffset: UInt32
        /// 0: the default namespace.
        var prefixLength: UInt16
        /// The depth of its element.
        var depth: UInt16
        var namespace: NamespaceID
        /// The former default namespace, and the depth of its declaration.
        var outerDefault: NamespaceID
        var outerDefaultDepth: UInt16
    }

    /// The initial capacity for nodes.
    private static let nodeCounts = 8...32
    /// A node's `end` while its element is the outermost open one.
    private static let noParent = UInt32.max

    var limits: XMLLimits
    var nodes: ContiguousArray<Node> = []
    var locals: ContiguousArray<LocalNamespace> = []
    var bindings: ContiguousArray<Binding> = []
    var scope: NamespaceScope
    var defaultNamespace: NamespaceID
    /// The depth of the element that declared the default namespace; 0: declared outside.
    var defaultDepth: UInt16 = 0
    var depth = 0
    /// The innermost open element, and its index on the tape.
    private(set) var open = Node(.element, NameToken())
    private var current = 0
    private var attributeCount = 0
    /// One bit for each hash of a name in the current start tag.
    private var seenNames: UInt64 = 0
    /// Whether the start tag has prefixed or possibly duplicate attributes.
    private var mustCheckAttributes = false
    /// The bytes of declarations in a stream's start tag.
    var streamDeclarationBytes = 0
    /// Whether only the outermost start tag is wanted.
    var stopsAfterStartTag = false
    /// The namespace that is mapped to that of clients; `.none`: none is.
    var normalised = NamespaceID.none
    /// Whether the default namespace of the stream's start tag was that.
    var isContentNormalised = false
    /// Where its name is in the current document: mostly nowhere.
    var renamed: ContiguousArray<Range<Int>> = []
    /// Whether the stream's end tag has come.
    private(set) var streamEnded = false
    /// Work beyond examining bytes: comparisons of names and namespaces.
    var steps = 0

    init(limits: XMLLimits, scope: NamespaceScope) {
        self.limits = limits
        self.scope = scope
        defaultNamespace = scope.content
    }

    var isInsideElement: Bool { depth > 0 }

    /// Prepares for a document of about `byteCount` bytes.
    @inline(__always)
    mutating func restart(byteCount: Int) {
        nodes = []
        nodes.reserveCapacity(min(max(byteCount >> 4, Self.nodeCounts.lowerBound), Self.nodeCounts.upperBound))
        if !locals.isEmpty { locals = [] }
        if !bindings.isEmpty { bindings.removeAll(keepingCapacity: true) }
        if !renamed.isEmpty { renamed = [] }
        defaultNamespace = scope.content
        defaultDepth = 0
        depth = 0
        streamDeclarationBytes = 0
    }

    @inline(__always)
    mutating func startTag(_ name: NameToken, in span: RawSpan) -> XMLFault? {
        guard depth < limits.depth else {
            return XMLFault(.limitExceeded(.depth), "Elements nested too deeply", at: name.offset)
        }
        var parent = Self.noParent
        if depth > 0 {
            nodes[current] = open
            parent = UInt32(truncatingIfNeeded: current)
        }
        open = Node(.element, name)
        open.end = parent
        open.valueLength = OuterUse.none.rawValue
        current = nodes.count
        depth &+= 1
        attributeCount = 0
        seenNames = 0
        mustCheckAttributes = false
        nodes.append(open)
        return nil
    }

    @inline(__always)
    mutating func attribute(
        _ name: NameToken, value: Int, length: Int, isEncoded: Bool, in span: RawSpan
    ) -> XMLFault? {
        note(name, in: span)
        var node = Node(.attribute, name)
        if name.length >= 5, name.prefixLength == 0 ? name.length == 5 : name.prefixLength == 5,
            span.equals(at: name.offset, length: 5, "xmlns")
        {
            node.kind = .declaration
            do throws(XMLFault) {
                node.namespace = try declare(name, value: value, length: length, isEncoded: isEncoded, in: span)
            } catch {
                return error
            }
            if renamed.last?.lowerBound == value {
                node.setValue(value, Self.clientName.utf8CodeUnitCount)
                nodes.append(node)
                return nil
            }
        } else {
            guard attributeCount < limits.attributes else {
                return XMLFault(.limitExceeded(.attributes), "Too many attributes", at: name.offset)
            }
            attributeCount &+= 1
            if name.prefixLength > 0 { markPrefixed(&node, in: span) }
        }
        node.setValue(value, length)
        if isEncoded { node.flags = .encoded }
        nodes.append(node)
        return nil
    }

    /// Whether the same name may be in this start tag already. Most elements have few attributes, whose names differ in
    /// length, or in the first or last letter.
    @inline(__always)
    private mutating func note(_ name: NameToken, in span: RawSpan) {
        let first = Int(span.byte(name.offset))
        let last = Int(span.byte(name.offset &+ name.length &- 1))
        let bit: UInt64 = 1 << UInt64(truncatingIfNeeded: (first &+ last &* 8 &+ name.length &* 12) & 63)
        if seenNames & bit != 0 { mustCheckAttributes = true }
        seenNames |= bit
    }

    /// `xml:` is predefined; other prefixes may be declared later in the tag.
    private mutating func markPrefixed(_ node: inout Node, in span: RawSpan) {
        if span.equals(at: Int(node.nameOffset), length: Int(node.prefixLength), "xml") {
            node.namespace = .xml
        } else {
            mustCheckAttributes = true
        }
    }

    @inline(__always)
    mutating func text(_ offset: Int, length: Int, isEncoded: Bool, isCDATA: Bool) {
        var node = Node(isCDATA ? .cdata : .text, value: offset, length: length)
        if isEncoded { node.flags = .encoded }
        nodes.append(node)
    }

    @inline(__always)
    mutating func startTagEnded(at end: Int, isEmpty: Bool, in span: RawSpan) -> Result<Bool, XMLFault> {
        open.valueOffset = UInt32(truncatingIfNeeded: end)
        if open.prefixLength == 0 {
            open.namespace = defaultNamespace
            var uses = OuterUse(rawValue: open.valueLength)
            uses.defaultDepth = min(uses.defaultDepth, defaultDepth)
            open.valueLength = uses.rawValue
        }
        if open.prefixLength > 0 || mustCheckAttributes, let fault = resolveStartTag(in: span) {
            return .failure(fault)
        }
        guard isEmpty || stopsAfterStartTag else { return .success(false) }
        if isEmpty { open.flags.insert(.emptyTag) }
        return .success(endOpenElement(at: end))
    }

    /// Processes a start tag with prefixes, or with possibly duplicate attributes.
    @inline(never)
    private mutating func resolveStartTag(in span: RawSpan) -> XMLFault? {
        do throws(XMLFault) {
            if open.prefixLength > 0 { open.namespace = try resolve(open.name, in: span) }
            if mustCheckAttributes { try checkAttributes(from: current &+ 1, in: span) }
            return nil
        } catch {
            return error
        }
    }

    /// The name that the next end tag must have.
    @inline(__always)
    var openName: NameToken {
        depth > 0 ? open.name : NameToken()
    }

    @inline(never)
    mutating func endTag(_ name: NameToken, at end: Int, in span: RawSpan) -> Result<Bool, XMLFault> {
        guard depth > 0 else {
            guard isStreamName(name, in: span) else {
                return .failure(XMLFault(.notWellFormed, "End tag that does not match the start tag", at: name.offset))
            }
            streamEnded = true
            return .success(true)
        }
        guard Int(open.nameLength) == name.length,
            span.equals(at: name.offset, span, at: Int(open.nameOffset), length: name.length)
        else {
            return .failure(XMLFault(.notWellFormed, "End tag that does not match the start tag", at: name.offset))
        }
        return .success(endOpenElement(at: end))
    }

    /// Ends the innermost open element before `end`. Returns whether it was the outermost one.
    @inline(__always)
    mutating func endOpenElement(at end: Int) -> Bool {
        let uses = OuterUse(rawValue: open.valueLength)
        if uses.prefixDepth < depth { open.flags.insert(.usesOuterPrefix) }
        if uses.defaultDepth < depth { open.flags.insert(.usesOuterDefault) }
        let parent = open.end
        open.valueLength = UInt32(truncatingIfNeeded: end &- Int(open.nameOffset) &+ 1)
        open.end = UInt32(truncatingIfNeeded: nodes.count)
        nodes[current] = open
        if open.flags.contains(.declares), !stopsAfterStartTag { unbind() }
        depth &-= 1
        guard parent != Self.noParent else { return true }
        current = Int(parent)
        open = nodes[current]
        open.valueLength = OuterUse(rawValue: open.valueLength).merged(with: uses).rawValue
        return false
    }

    /// Records that the innermost open element uses a prefix declared at a depth.
    mutating func use(prefix depth: UInt16) {
        var uses = OuterUse(rawValue: open.valueLength)
        uses.prefixDepth = min(uses.prefixDepth, depth)
        open.valueLength = uses.rawValue
    }

    mutating func flagOpen(_ flags: Node.Flags) {
        open.flags.insert(flags)
    }

    /// Whether `name` is that of the stream's root.
    private func isStreamName(_ name: NameToken, in span: RawSpan) -> Bool {
        guard let origin = scope.origin else { return false }
        let open = origin.nodes[0]
        return origin.withBytes { other in
            Int(open.nameLength) == name.length
                && span.equals(at: name.offset, other, at: Int(open.nameOffset), length: name.length)
        }
    }
}

/// The smallest depths of the declarations that an open element uses; kept in its node until it is closed.
private struct OuterUse {
    var prefixDepth: UInt16
    var defaultDepth: UInt16

    static let none = OuterUse(prefixDepth: .max, defaultDepth: .max)

    @inline(__always)
    init(prefixDepth: UInt16, defaultDepth: UInt16) {
        self.prefixDepth = prefixDepth
        self.defaultDepth = defaultDepth
    }

    @inline(__always)
    init(rawValue: UInt32) {
        prefixDepth = UInt16(truncatingIfNeeded: rawValue >> 16)
        defaultDepth = UInt16(truncatingIfNeeded: rawValue)
    }

    @inline(__always)
    var rawValue: UInt32 {
        UInt32(prefixDepth) << 16 | UInt32(defaultDepth)
    }

    @inline(__always)
    func merged(with other: OuterUse) -> OuterUse {
        OuterUse(
            prefixDepth: min(prefixDepth, other.prefixDepth), defaultDepth: min(defaultDepth, other.defaultDepth))
    }
}

extension TapeBuilder {
    /// The finished tape, which is handed over.
    @inline(__always)
    mutating func takeNodes() -> ContiguousArray<Node> {
        let taken = nodes
        nodes = []
        return taken
    }

    /// Releases memory until the next document.
    mutating func rest() {
        if nodes.capacity > 0 { nodes = [] }
        if !locals.isEmpty { locals = [] }
        if bindings.capacity > 8 { bindings = [] }
    }
}
