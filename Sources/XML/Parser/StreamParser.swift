import NIOCore

/// Parses an XML stream of XMPP (RFC 6120, sections 4 and 11): bytes in, stanzas out.
///
/// It accepts the XML that XMPP allows: no comments, processing instructions, document types or entities except the
/// five predefined ones, UTF-8 only, namespace-well-formed. Bytes may come in pieces of any size; none is examined
/// twice. ``XMLLimits`` bounds what a peer can make it allocate.
public struct StreamParser: ~Copyable {
    private enum Phase {
        /// Only an XML declaration, white space or the root may follow, then not even a declaration.
        case start, declaration, prolog
        case startTag, betweenStanzas, stanza
        /// The root was an empty tag, so its end is reported next.
        case ending
        case epilog
    }

    private var phase = Phase.start
    private var tokenizer = Tokenizer()
    private var builder: TapeBuilder
    /// From the first byte of the unfinished stanza, or of the input after it.
    private var buffer = ByteBuffer()
    /// Whether `buffer`'s storage is not shared, so that it can be appended in place.
    private var ownsBuffer = false
    private var place = TextPosition()
    private var failure: XMLError?
    /// Whether it parses one document, whose root is the only "stanza".
    private let isDocument: Bool
    private var ownSteps = 0

    /// A parser before a stream's first byte.
    ///
    /// - Parameter contentNamespace: that of the stream's stanzas. It is mapped to `jabber:client`, so that a stanza is
    ///   the same whatever the kind of stream.
    public init(limits: XMLLimits, contentNamespace: Namespace = .client) {
        self.init(limits: limits, isDocument: false, content: .none)
        if contentNamespace != .client { builder.normalised = contentNamespace.id }
    }

    /// A parser of one document.
    init(documentWith contentNamespace: Namespace, limits: XMLLimits) {
        self.init(limits: limits, isDocument: true, content: contentNamespace.id)
    }

    private init(limits: XMLLimits, isDocument: Bool, content: NamespaceID) {
        self.isDocument = isDocument
        builder = TapeBuilder(limits: limits.bounded, scope: NamespaceScope(content: content))
        tokenizer.maximumNameLength = builder.limits.nameBytes
    }

    /// The limits from the unfinished stanza on, clamped to what a tape's nodes can hold.
    public var limits: XMLLimits {
        get { builder.limits }
        set {
            builder.limits = newValue.bounded
            tokenizer.maximumNameLength = builder.limits.nameBytes
        }
    }

    /// The number of bytes not used yet, including those of an unfinished stanza.
    public var unreadByteCount: Int {
        buffer.readableBytes
    }

    /// Whether the unused bytes are only white space, if any.
    public var isUnreadBlank: Bool {
        buffer.readableBytesView.allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    }

    /// The number of examined bytes and comparisons, to test that the cost is linear.
    public var steps: Int {
        ownSteps &+ tokenizer.steps &+ builder.steps
    }

    /// Takes more bytes. They are not copied unless a stanza spans two buffers. Ignored after an error.
    public mutating func feed(_ bytes: ByteBuffer) {
        guard failure == nil, bytes.readableBytes > 0 else { return }
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            ownsBuffer = false
            return
        }
        if !ownsBuffer {
            var fresh = ByteBuffer()
            fresh.reserveCapacity(buffer.readableBytes + bytes.readableBytes)
            fresh.writeImmutableBuffer(buffer)
            buffer = fresh
            ownsBuffer = true
        }
        buffer.writeImmutableBuffer(bytes)
    }

    /// The next event, or nil if more bytes are needed.
    /// - Throws: the error in the input; from then on always the same.
    public mutating func next() throws(XMLError) -> XMLEvent? {
        if let failure { throw failure }
        do throws(XMLFault) {
            return try advance()
        } catch {
            throw fail(error)
        }
    }

    /// Begins a new stream, as after STARTTLS (RFC 6120, section 5.4.3.3): unused bytes are dropped.
    public mutating func reset() {
        let normalised = builder.normalised
        self = StreamParser(limits: limits)
        builder.normalised = normalised
    }

    /// Begins a new stream with the unused bytes, as after SASL (RFC 6120, section 6.4.6).
    public mutating func restart() {
        let unread = buffer
        reset()
        feed(unread)
    }

    /// Whether the stream's start tag declares this default namespace.
    public func hasContentNamespace(_ namespace: Namespace) -> Bool {
        if builder.isContentNormalised { return namespace.id == builder.normalised }
        let content = builder.scope.content
        guard let startTag = builder.scope.origin, !content.isKnown else { return content == namespace.id }
        return startTag.means(content - .firstInScope + .firstInDocument, namespace)
    }
}

extension StreamParser {
    private mutating func advance() throws(XMLFault) -> XMLEvent? {
        while true {
            switch phase {
            case .stanza, .startTag:
                return try parse()
            case .betweenStanzas, .prolog:
                guard try skipToTag() else { return nil }
                builder.restart(byteCount: buffer.readableBytes)
                tokenizer.restart()
                let isStanza = phase == .betweenStanzas || isDocument
                builder.stopsAfterStartTag = !isStanza
                phase = isStanza ? .stanza : .startTag
            case .start:
                guard let isInstruction = beginsWithInstruction() else { return nil }
                phase = isInstruction ? .declaration : .prolog
            case .declaration:
                guard try skipDeclaration() else { return nil }
                phase = .prolog
            case .ending:
                phase = .epilog
                return .closed
            case .epilog:
                guard try skipToTag() else { return nil }
                throw XMLFault(.notWellFormed, "Content after the end of the root element", at: 0)
            }
        }
    }

    /// The current start tag or stanza, if complete.
    @inline(__always)
    private mutating func parse() throws(XMLFault) -> XMLEvent? {
        let input = buffer
        let readable = input.readableBytesSpan
        // Parsed as if there were nothing beyond the limit, so that an error does not depend on how much has come.
        let window = readable.extracting(first: limits.stanzaBytes)
        guard try tokenizer.run(window, into: &builder) else {
            guard window.byteCount < limits.stanzaBytes else {
                throw XMLFault(.tooLarge, "Unexpected end of file: too many bytes without an end", at: window.byteCount)
            }
            return nil
        }
        let length = tokenizer.cursor
        place.advance(over: window.extracting(first: length), isPlain: !tokenizer.needsCounting)
        buffer.moveReaderIndex(forwardBy: length)
        ownsBuffer = false
        if phase == .startTag { return .opened(openStream(input, length)) }
        guard !builder.streamEnded else {
            phase = .epilog
            return .closed
        }
        phase = isDocument ? .epilog : .betweenStanzas
        guard var bytes = input.getSlice(at: input.readerIndex, length: length) else { return nil }
        if !builder.renamed.isEmpty { builder.rename(in: &bytes) }
        return .element(Element(document: makeDocument(bytes), index: 0))
    }

    @inline(never)
    private mutating func openStream(_ input: ByteBuffer, _ length: Int) -> Element {
        // A copy, as it lives as long as the stream and must not keep the whole read buffer.
        var bytes = ByteBuffer()
        bytes.reserveCapacity(length)
        if let received = input.getSlice(at: input.readerIndex, length: length) { bytes.writeImmutableBuffer(received) }
        builder.rename(in: &bytes)
        let document = makeDocument(bytes)
        builder.scope = NamespaceScope.inside(document, content: builder.defaultNamespace)
        phase = document.nodes[0].flags.contains(.emptyTag) ? .ending : .betweenStanzas
        return Element(document: document, index: 0)
    }

    @inline(__always)
    private mutating func makeDocument(_ bytes: ByteBuffer) -> Document {
        Document(bytes: bytes, nodes: builder.takeNodes(), locals: builder.locals, scope: builder.scope)
    }

    /// Drops white space up to a `<`. Returns false if there is nothing else.
    @inline(__always)
    private mutating func skipToTag() throws(XMLFault) -> Bool {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else {
            rest()
            return false
        }
        return first == UInt8(ascii: "<") ? true : try skipSpaceToTag()
    }

    @inline(never)
    private mutating func skipSpaceToTag() throws(XMLFault) -> Bool {
        let input = buffer
        let span = input.readableBytesSpan
        var index = 0
        var isPlain = true
        while index < span.byteCount, XMLCharacter.isSpace(span.byte(index)) {
            if span.byte(index) == 0x0A || span.byte(index) == 0x0D { isPlain = false }
            index &+= 1
        }
        if index > 0 {
            place.advance(over: span.extracting(first: index), isPlain: isPlain)
            buffer.moveReaderIndex(forwardBy: index)
            ownSteps &+= index
        }
        guard index < span.byteCount else {
            rest()
            return false
        }
        guard span.byte(index) == UInt8(ascii: "<") else {
            throw XMLFault(.notWellFormed, "Text outside of an element", at: 0)
        }
        return true
    }

    /// Releases memory while nothing is unfinished.
    @inline(never)
    private mutating func rest() {
        buffer = ByteBuffer()
        ownsBuffer = false
        builder.rest()
    }

    /// Whether the first bytes are `<?`; nil if incomplete.
    private func beginsWithInstruction() -> Bool? {
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
        guard first == UInt8(ascii: "<") else { return false }
        return buffer.getInteger(at: buffer.readerIndex + 1, as: UInt8.self).map { $0 == UInt8(ascii: "?") }
    }

    /// Drops an XML declaration. Returns false if it is incomplete.
    private mutating func skipDeclaration() throws(XMLFault) -> Bool {
        let input = buffer
        let span = input.readableBytesSpan.extracting(first: XMLDeclaration.maximumLength)
        guard XMLDeclaration.mayBegin(span) else {
            throw XMLFault(.restrictedXML, "Processing instructions are not allowed", at: 0)
        }
        // The tokenizer is not in use yet; its cursor is used for this search.
        var index = max(tokenizer.cursor, 2)
        let begin = index
        while index &+ 1 < span.byteCount,
            span.byte(index) != UInt8(ascii: "?") || span.byte(index &+ 1) != UInt8(ascii: ">")
        {
            index &+= 1
        }
        ownSteps &+= index &- begin &+ 1
        tokenizer.cursor = index
        guard index &+ 1 < span.byteCount else {
            guard span.byteCount < XMLDeclaration.maximumLength else {
                throw XMLFault(.notWellFormed, "XML declaration that is too long", at: 0)
            }
            return false
        }
        let declaration = span.extracting(first: index &+ 2)
        try XMLDeclaration.check(declaration)
        place.advance(over: declaration, isPlain: false)
        buffer.moveReaderIndex(forwardBy: declaration.byteCount)
        return true
    }

    /// The position after all input.
    var placeOfEnd: TextPosition {
        var place = place
        place.advance(over: buffer.readableBytesSpan, isPlain: false)
        return place
    }

    @inline(never)
    private mutating func fail(_ fault: XMLFault) -> XMLError {
        var place = place
        place.advance(over: buffer.readableBytesSpan.extracting(first: fault.offset), isPlain: false)
        let error = XMLError(
            kind: fault.kind, reason: fault.reason.description, line: place.line, position: place.position)
        failure = error
        rest()
        return error
    }
}
