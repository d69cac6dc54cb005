extension JID {
    /// Longer input is refused at once: normalisation shortens text, but only so much.
    private static let maximumInputByteCount = 4 * maximumPartByteCount

    /// Parses and prepares an address.
    /// - Returns: nil if it is not one (RFC 7622, section 3).
    public init?(_ string: String) {
        var string = string
        let parsed = string.withUTF8 { JID(utf8: UnsafeRawBufferPointer($0).bytes) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// `init(_:)` for the bytes of an attribute. An ASCII address is checked, lowercased and copied in one pass.
    public init?(utf8 bytes: RawSpan) {
        guard (1...Self.maximumInputByteCount).contains(bytes.byteCount) else { return nil }
        var address = ASCIIAddress()
        let string = String(unsafeUninitializedCapacity: bytes.byteCount) { address.copy(bytes, to: $0) }
        switch address.outcome {
        case .valid:
            self.init(normalized: string, localLength: address.localLength, bareLength: address.bareLength)
        case .invalid: return nil
        case .needsPreparation: self.init(preparing: bytes)
        }
    }

    /// Prepares each part by its own rules and joins them.
    /// - Returns: nil if a part is invalid; an empty part is not the same as none.
    public init?(local: String?, domain: String, resource: String?) {
        var text = ""
        if let local {
            guard let local = Self.prepared(local: local) else { return nil }
            text = local + "@"
        }
        let localLength = local == nil ? 0 : text.utf8.count - 1
        guard let domain = DomainName.prepared(domain) else { return nil }
        text += domain
        let bareLength = text.utf8.count
        if let resource {
            guard let resource = Self.prepared(resource: resource) else { return nil }
            text += "/" + resource
        }
        self.init(normalized: text, localLength: localLength, bareLength: bareLength)
    }

    /// This account's address with another resourcepart, prepared by the OpaqueString profile.
    /// - Returns: nil if it is invalid.
    public func with(resource: String) -> JID? {
        guard let resource = Self.prepared(resource: resource) else { return nil }
        let bare = Substring(string.utf8.prefix(bareLength))
        return JID(normalized: bare + "/" + resource, localLength: localLength, bareLength: bareLength)
    }

    // MARK: - All of Unicode

    private init?(preparing bytes: RawSpan) {
        let outline = Outline(of: bytes)
        func text(_ range: Range<Int>) -> String? {
            bytes.extracting(range).withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        }
        guard let domain = text(outline.domain) else { return nil }
        var local: String?, resource: String?
        if let range = outline.local {
            guard let part = text(range) else { return nil }
            local = part
        }
        if let range = outline.resource {
            guard let part = text(range) else { return nil }
            resource = part
        }
        self.init(local: local, domain: domain, resource: resource)
    }

    private static func prepared(local: String) -> String? {
        if local.utf8.allSatisfy({ ByteSet.local.contains($0) }) { return bounded(local.lowercased()) }
        guard let prepared = PRECIS.usernameCaseMapped(local),
            prepared.utf8.allSatisfy({ $0 >= 0x80 || ByteSet.local.contains($0) })
        else { return nil }
        return bounded(prepared)
    }

    private static func prepared(resource: String) -> String? {
        if resource.utf8.allSatisfy({ ByteSet.resource.contains($0) }) { return bounded(resource) }
        return PRECIS.opaqueString(resource).flatMap(bounded)
    }

    private static func bounded(_ part: String) -> String? {
        (1...maximumPartByteCount).contains(part.utf8.count) ? part : nil
    }

    /// The places of an address's parts. Found before mapping, as mapping may produce an at sign or a slash.
    private struct Outline {
        let local: Range<Int>?
        let domain: Range<Int>
        let resource: Range<Int>?

        init(of bytes: RawSpan) {
            let count = bytes.byteCount
            let slash = Self.first(UInt8(ascii: "/"), in: bytes, before: count)
            let bareEnd = slash ?? count
            let at = Self.first(UInt8(ascii: "@"), in: bytes, before: bareEnd)
            local = at.map { 0..<$0 }
            domain = (at.map { $0 + 1 } ?? 0)..<bareEnd
            resource = slash.map { $0 + 1..<count }
        }

        private static func first(_ byte: UInt8, in bytes: RawSpan, before end: Int) -> Int? {
            (0..<end).first { bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == byte }
        }
    }
}
