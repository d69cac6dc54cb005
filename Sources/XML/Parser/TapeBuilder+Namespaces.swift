import NIOCore

extension TapeBuilder {
    /// Adds `xmlns="…"` or `xmlns:prefix="…"` of the current start tag. Returns the declared namespace.
    @inline(never)
    mutating func declare(
        _ name: NameToken, value: Int, length: Int, isEncoded: Bool, in span: RawSpan
    ) throws(XMLFault) -> NamespaceID {
        guard bindings.count + scope.declarationCount < limits.namespaces else {
            throw XMLFault(.limitExceeded(.namespaces), "Too many namespace declarations", at: name.offset)
        }
        if stopsAfterStartTag {
            streamDeclarationBytes &+= name.length &+ length
            guard streamDeclarationBytes <= limits.streamDeclarationBytes else {
                throw XMLFault(
                    .limitExceeded(.namespaces), "Namespace declarations of the stream that are too long",
                    at: name.offset)
            }
        }
        var namespace = try namespaceID(value: value, length: length, isEncoded: isEncoded, in: span)
        if namespace == normalised, namespace != .none {
            namespace = .client
            renamed.append(value..<(value &+ length))
            if stopsAfterStartTag, name.prefixLength == 0 { isContentNormalised = true }
        }
        if name.prefixLength == 0 {
            guard namespace != .xml, namespace != .xmlns else {
                throw XMLFault(.notWellFormed, "Reserved namespace as the default one", at: name.offset)
            }
            bind(name, prefixLength: 0, namespace)
            defaultNamespace = namespace
            defaultDepth = UInt16(truncatingIfNeeded: depth)
            flagOpen([.declares, .declaresDefault])
            return namespace
        }
        let isXML = span.equals(at: name.localOffset, length: name.localLength, "xml")
        guard isXML == (namespace == .xml), namespace != .xmlns,
            !span.equals(at: name.localOffset, length: name.localLength, "xmlns")
        else { throw XMLFault(.notWellFormed, "Reserved prefix or namespace declared", at: name.offset) }
        guard namespace != .none else {
            throw XMLFault(.notWellFormed, "Prefix declared without a namespace", at: name.offset)
        }
        bind(name, prefixLength: name.localLength, namespace)
        flagOpen(.declares)
        return namespace
    }

    static let clientName = Namespace.client.literal

    /// Replaces the name of the mapped namespace by that of clients, so that the document's bytes agree with its tape.
    /// The mapped name is the longer one; white space after the value fills the rest.
    @inline(never)
    func rename(in bytes: inout ByteBuffer) {
        for value in renamed {
            let place = bytes.readerIndex + value.lowerBound
            guard let quote = bytes.getInteger(at: bytes.readerIndex + value.upperBound, as: UInt8.self) else {
                continue
            }
            let written = bytes.setStaticString(Self.clientName, at: place)
            bytes.setInteger(quote, at: place + written)
            bytes.setRepeatingByte(UInt8(ascii: " "), count: value.count - written, at: place + written + 1)
        }
    }

    private mutating func bind(_ name: NameToken, prefixLength: Int, _ namespace: NamespaceID) {
        bindings.append(
            Binding(
                prefixOffset: UInt32(truncatingIfNeeded: name.localOffset),
                prefixLength: UInt16(truncatingIfNeeded: prefixLength),
                depth: UInt16(truncatingIfNeeded: depth),
                namespace: namespace,
                outerDefault: defaultNamespace,
                outerDefaultDepth: defaultDepth
            ))
    }

    /// Removes the declarations of the innermost open element.
    @inline(never)
    mutating func unbind() {
        while let last = bindings.last, Int(last.depth) == depth {
            bindings.removeLast()
            defaultNamespace = last.outerDefault
            defaultDepth = last.outerDefaultDepth
        }
    }

    /// The namespace of a prefixed name in the current start tag.
    @inline(never)
    mutating func resolve(_ name: NameToken, in span: RawSpan) throws(XMLFault) -> NamespaceID {
        let (offset, length) = (name.offset, name.prefixLength)
        if span.equals(at: offset, length: length, "xml") { return .xml }
        for binding in bindings.reversed() where Int(binding.prefixLength) == length {
            steps &+= 1
            if span.equals(at: offset, span, at: Int(binding.prefixOffset), length: length) {
                use(prefix: binding.depth)
                return binding.namespace
            }
        }
        if let origin = scope.origin {
            let outer = origin.withBytes { other in
                scope.declarations.first {
                    $0.prefixLength == length && span.equals(at: offset, other, at: $0.prefixOffset, length: length)
                }
            }
            steps &+= scope.declarations.count
            if let outer {
                use(prefix: 0)
                return outer.namespace
            }
        }
        throw XMLFault(.badNamespacePrefix, "Prefix that is not declared", at: offset)
    }

    /// Resolves prefixes of the attributes from node `first` on, and refuses duplicate attributes.
    @inline(never)
    mutating func checkAttributes(from first: Int, in span: RawSpan) throws(XMLFault) {
        var seen: UInt64 = 0
        for index in first..<nodes.count {
            let name = nodes[index].name
            if name.prefixLength > 0, nodes[index].kind == .attribute {
                nodes[index].namespace = try resolve(name, in: span)
            }
            // Different local names need no comparison of namespaces.
            let offset = name.localOffset
            let sum = Int(span.byte(offset)) &+ Int(span.byte(offset &+ name.localLength &- 1)) &* 8
            let bit: UInt64 = 1 << UInt64(truncatingIfNeeded: (sum &+ name.localLength &* 12) & 63)
            if seen & bit != 0 { try checkUnique(index, from: first, in: span) }
            seen |= bit
        }
    }

    @inline(never)
    private mutating func checkUnique(_ index: Int, from first: Int, in span: RawSpan) throws(XMLFault) {
        let node = nodes[index]
        let name = node.name
        let isDefault = node.kind == .declaration && node.prefixLength == 0
        for other in nodes[first..<index] where other.kind == node.kind {
            steps &+= 1
            let otherName = other.name
            guard otherName.localLength == name.localLength else { continue }
            if node.kind == .attribute {
                guard other.namespace == node.namespace else { continue }
            } else {
                guard isDefault == (other.prefixLength == 0) else { continue }
            }
            if span.equals(at: name.localOffset, span, at: otherName.localOffset, length: name.localLength) {
                throw XMLFault(.notWellFormed, "Attribute that is there twice", at: name.offset)
            }
        }
    }
}

extension TapeBuilder {
    /// The number for a namespace's name: the program's own, that of an equal name in scope, or a new one.
    private mutating func namespaceID(
        value: Int, length: Int, isEncoded: Bool, in span: RawSpan
    ) throws(XMLFault) -> NamespaceID {
        guard length > 0 else { return .none }
        let decoded = isEncoded ? Decoding.attribute.bytes(span.slice(value, length)) : nil
        guard decoded?.count ?? length <= limits.namespaceBytes else {
            throw XMLFault(.limitExceeded(.namespaces), "Namespace name that is too long", at: value)
        }
        let name = LocalNamespace(
            offset: UInt32(truncatingIfNeeded: value), length: UInt32(truncatingIfNeeded: length),
            hash: decoded?.span.bytes.quickHash ?? span.slice(value, length).quickHash, decoded: decoded)
        steps &+= length
        if let decoded { return try namespaceID(name, decoded.span.bytes, in: span) }
        return try namespaceID(name, span.slice(value, length), in: span)
    }

    private mutating func namespaceID(
        _ name: LocalNamespace, _ decoded: RawSpan, in span: RawSpan
    ) throws(XMLFault) -> NamespaceID {
        if let id = scope.registry.id(of: decoded, hash: name.hash) { return id }
        if !scope.registry.isLatest {
            scope = NamespaceScope(refreshing: scope)
            if let id = scope.registry.id(of: decoded, hash: name.hash) { return id }
        }
        // Equal names in scope get one number, so that attributes can be compared by numbers.
        for binding in bindings where !binding.namespace.isKnown {
            steps &+= 1
            if isName(decoded, hash: name.hash, of: binding.namespace, in: span) { return binding.namespace }
        }
        for declaration in scope.declarations where !declaration.namespace.isKnown {
            steps &+= 1
            if isName(decoded, hash: name.hash, of: declaration.namespace, in: span) { return declaration.namespace }
        }
        if !scope.content.isKnown, isName(decoded, hash: name.hash, of: scope.content, in: span) {
            return scope.content
        }
        // The declarations around the stanza are added to it when it is written elsewhere.
        guard locals.count + scope.declarations.count < NamespaceID.documentCapacity else {
            throw XMLFault(
                .limitExceeded(.namespaces), "Too many namespaces in one stanza", at: Int(name.offset))
        }
        locals.append(name)
        return NamespaceID.firstInDocument + NamespaceID(locals.count - 1)
    }

    private func isName(_ decoded: RawSpan, hash: UInt64, of id: NamespaceID, in span: RawSpan) -> Bool {
        if id >= .firstInScope {
            guard let origin = scope.origin else { return false }
            let id = id - .firstInScope + .firstInDocument
            return origin.hash(of: id) == hash && origin.withName(of: id) { Self.areEqual($0, decoded) }
        }
        let local = locals[Int(id - .firstInDocument)]
        guard local.hash == hash else { return false }
        if let other = local.decoded { return Self.areEqual(other.span.bytes, decoded) }
        return Self.areEqual(span.slice(Int(local.offset), Int(local.length)), decoded)
    }

    private static func areEqual(_ name: RawSpan, _ other: RawSpan) -> Bool {
        name.byteCount == other.byteCount && name.equals(at: 0, other, at: 0, length: name.byteCount)
    }
}
