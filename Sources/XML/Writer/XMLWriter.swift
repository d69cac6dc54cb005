import NIOCore

/// Writes XML; all XML is made by it. It escapes everything, and declares namespaces where they change.
///
/// Attributes are in double quotation marks and an empty element ends in ` />`, as old clients search for these
/// literally.
public struct XMLWriter: ~Copyable {
    /// An open element.
    struct Frame {
        var name: StaticString
        /// An element with a prefix keeps the default namespace around it.
        var prefix: StaticString?
        /// The default namespace inside, unless it is dynamic.
        var namespace: Namespace
        /// The index in `dynamic` of a name known only at run time, or -1.
        var dynamic = -1
    }

    var output: ByteBuffer
    /// The innermost open element, and those around it: many writers have one at a time, which takes no memory.
    private(set) var innermost: Frame?
    private var outer: ContiguousArray<Frame> = []
    /// Names and namespaces of open elements that are no literals.
    var dynamic: [(name: String, namespace: String)] = []
    /// Whether the last start tag still lacks its `>`.
    var isTagOpen = false
    let contentNamespace: Namespace
    private let begin: Int

    /// - Parameters:
    ///   - contentNamespace: the default namespace where the output will stand; elements in it get no declaration.
    ///   - reserving: bytes of room to begin with.
    public init(contentNamespace: Namespace = .client, reserving: Int = 256) {
        let buffer = ByteBufferAllocator().buffer(capacity: reserving)
        self.init(appendingTo: buffer, contentNamespace: contentNamespace)
    }

    /// Appends to `buffer`.
    public init(appendingTo buffer: consuming ByteBuffer, contentNamespace: Namespace = .client) {
        begin = buffer.writerIndex
        output = buffer
        self.contentNamespace = contentNamespace
    }

    /// The output. Open elements stay open, like a stream's start tag.
    public consuming func finish() -> ByteBuffer {
        closeTag()
        return output
    }

    /// The output so far; an element just begun is assumed to have content.
    public var written: ByteBuffer {
        mutating get {
            closeTag()
            return output
        }
    }

    /// The number of bytes written so far.
    public var byteCount: Int {
        output.writerIndex - begin
    }

    /// Begins an element.
    /// - Parameter namespace: nil: that of the element around it.
    public mutating func start(_ name: StaticString, _ namespace: Namespace? = nil) {
        let current = innermost
        let isDynamic = (current?.dynamic ?? -1) >= 0
        let around = current?.namespace ?? contentNamespace
        let inner = namespace ?? around
        let isSame = namespace == nil || !isDynamic && inner == around
        open(name, prefix: nil, declaring: isSame ? nil : inner)
        let dynamic = namespace == nil ? current?.dynamic ?? -1 : -1
        push(Frame(name: name, namespace: inner, dynamic: dynamic))
    }

    /// Begins an element with a prefix, which is declared on it: `<stream:error xmlns:stream="…">`. The default
    /// namespace does not change.
    public mutating func start(_ name: StaticString, prefix: StaticString, _ namespace: Namespace) {
        open(name, prefix: prefix, declaring: namespace)
        push(
            Frame(
                name: name, prefix: prefix, namespace: innermost?.namespace ?? contentNamespace,
                dynamic: innermost?.dynamic ?? -1))
    }

    /// Begins an element whose name is not a literal, for tools and tests.
    /// - Parameter name: must be a valid XML name without a colon; not checked.
    public mutating func start(dynamic name: String, namespaceName: String) {
        let around = currentNamespaceName
        // This namespace is always prefixed, and must not be the default one.
        let isXML = namespaceName == Namespace.xml.name
        let name = isXML ? "xml:\(name)" : name
        let inner = isXML ? around : namespaceName
        closeTag()
        output.writeString("<")
        output.writeString(name)
        push(Frame(name: "", namespace: .none, dynamic: dynamic.count))
        dynamic.append((name, inner))
        isTagOpen = true
        if inner != around { attribute("xmlns", inner) }
    }

    /// Ends the innermost open element.
    public mutating func end() {
        guard let frame = innermost else {
            assertionFailure("No element is open")
            return
        }
        innermost = outer.popLast()
        if frame.dynamic >= 0, frame.dynamic > (innermost?.dynamic ?? -1) {
            endDynamic()
            return
        }
        guard !isTagOpen else {
            output.writeStaticString(" />")
            isTagOpen = false
            return
        }
        let prefixCount = frame.prefix.map { $0.utf8CodeUnitCount + 1 } ?? 0
        output.append(3 + prefixCount + frame.name.utf8CodeUnitCount) { sink in
            sink.put("</")
            if let prefix = frame.prefix {
                sink.put(prefix)
                sink.put(":")
            }
            sink.put(frame.name)
            sink.put(">")
        }
    }

    /// Writes text into the innermost open element.
    public mutating func text(_ value: String) {
        closeTag()
        let bytes = value.utf8.span.bytes
        let measure = Escaping.text.measure(bytes)
        output.append(measure.byteCount) { Escaping.text.put(bytes, measure, into: &$0) }
    }

    /// Writes markup as it is.
    public mutating func raw(_ text: StaticString) {
        closeTag()
        output.writeStaticString(text)
    }

    /// Writes the output of another writer whose `contentNamespace` is the default namespace here.
    public mutating func raw(_ written: ByteBuffer) {
        closeTag()
        output.writeImmutableBuffer(written)
    }

    /// The default namespace at this place; nil if it is dynamic.
    var currentNamespace: Namespace? {
        guard let frame = innermost else { return contentNamespace }
        return frame.dynamic >= 0 ? nil : frame.namespace
    }

    private var currentNamespaceName: String {
        guard let frame = innermost else { return contentNamespace.name }
        return frame.dynamic >= 0 ? dynamic[frame.dynamic].namespace : frame.namespace.name
    }

    @inline(__always)
    mutating func closeTag() {
        guard isTagOpen else { return }
        output.writeInteger(UInt8(ascii: ">"))
        isTagOpen = false
    }

    /// The number of open elements.
    var depth: Int { innermost == nil ? 0 : outer.count + 1 }

    private mutating func push(_ frame: Frame) {
        if let innermost { outer.append(innermost) }
        innermost = frame
    }

    private mutating func open(_ name: StaticString, prefix: StaticString?, declaring namespace: Namespace?) {
        let closing = isTagOpen
        let prefixCount = prefix.map { $0.utf8CodeUnitCount + 1 } ?? 0
        let measure = namespace.map { namespace in
            namespace.literal.withUTF8Buffer { Escaping.attribute.measure(UnsafeRawBufferPointer($0).bytes) }
        }
        let declaration = measure.map { $0.byteCount + prefixCount + 9 } ?? 0
        output.append((closing ? 2 : 1) + prefixCount + name.utf8CodeUnitCount + declaration) { sink in
            sink.put(closing ? "><" : "<")
            if let prefix {
                sink.put(prefix)
                sink.put(":")
            }
            sink.put(name)
            guard let namespace, let measure else { return }
            sink.put(" xmlns")
            if let prefix {
                sink.put(":")
                sink.put(prefix)
            }
            sink.put("=\"")
            namespace.literal.withUTF8Buffer { utf8 in
                Escaping.attribute.put(UnsafeRawBufferPointer(utf8).bytes, measure, into: &sink)
            }
            sink.put("\"")
        }
        isTagOpen = true
    }

    private mutating func endDynamic() {
        guard let (name, _) = dynamic.popLast() else { return }
        if isTagOpen {
            output.writeStaticString(" />")
            isTagOpen = false
        } else {
            output.writeString("</\(name)>")
        }
    }
}
