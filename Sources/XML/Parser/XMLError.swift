/// An error in the XML of an XMPP stream.
public struct XMLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of errors, with different stream errors (RFC 6120, section 4.9.3).
    public enum Kind: Sendable, Equatable {
        /// A violation of XML 1.0 or of Namespaces in XML.
        case notWellFormed
        /// A comment, processing instruction, document type or entity that XMPP forbids (RFC 6120, section 11.1).
        case restrictedXML
        /// A stanza, or the stream's start tag, has more bytes than ``XMLLimits/stanzaBytes``.
        case tooLarge
        /// Another one of ``XMLLimits`` is exceeded.
        case limitExceeded(Limit)
        /// An undeclared prefix.
        case badNamespacePrefix
        /// Another encoding than UTF-8, declared or detected.
        case unsupportedEncoding
    }

    /// A limit of ``XMLLimits`` other than the number of bytes.
    public enum Limit: Sendable, Equatable {
        case depth, attributes, namespaces, names
    }

    /// The kind of error.
    public let kind: Kind
    /// A short English sentence without its full stop; contains nothing of the input.
    public let reason: String
    /// The line of the error, from 1, counted from the start of the stream.
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

/// An error with its place as an offset into the present bytes; the parser makes an ``XMLError`` of it.
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
