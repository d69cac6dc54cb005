/// Why bytes are not XML that may be used on an XMPP stream.
public struct XMLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The class of a mistake: each is another stream error (RFC 6120, section 4.9.3).
    public enum Kind: Sendable, Equatable {
        /// The rules of XML 1.0 or of Namespaces in XML are broken.
        case notWellFormed
        /// A comment, processing instruction, document type or entity that XMPP forbids (RFC 6120, section 11.1).
        case restrictedXML
        /// A stanza, or the stream's start tag, has more bytes than ``XMLLimits/stanzaBytes``.
        case tooLarge
        /// Another one of ``XMLLimits`` is exceeded.
        case limitExceeded(Limit)
        /// A prefix is used that is not declared.
        case badNamespacePrefix
        /// The stream says that it is, or shows itself to be, in another encoding than UTF-8.
        case unsupportedEncoding
    }

    /// A limit of ``XMLLimits`` other than the number of bytes.
    public enum Limit: Sendable, Equatable {
        case depth, attributes, namespaces, names
    }

    /// What kind of mistake it is.
    public let kind: Kind
    /// A short English sentence without its full stop; holds nothing of what was received.
    public let reason: String
    /// The line of the mistake, from 1, counted from the start of the stream.
    public let line: Int
    /// The character in that line, from 1.
    public let position: Int

    /// An error at a place; parsers make these.
    public init(kind: Kind, reason: String, line: Int, position: Int) {
        self.kind = kind
        self.reason = reason
        self.line = line
        self.position = position
    }

    /// The reason and the place: "Unexpected end of file. Line 1, position 16344."
    public var description: String {
        "\(reason). Line \(line), position \(position)."
    }
}

/// A mistake with its place as an offset into the bytes at hand; the parser makes an ``XMLError`` of it.
struct XMLFault: Error {
    let kind: XMLError.Kind
    let reason: StaticString
    let offset: Int

    @inline(never)
    init(_ kind: XMLError.Kind, _ reason: StaticString, at offset: Int) {
        self.kind = kind
        self.reason = reason
        self.offset = offset
    }
}
