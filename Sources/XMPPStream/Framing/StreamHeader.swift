import NIOCore
import XML
import XMPP

/// The opening tag of a stream, RFC 6120 §4.7.
public struct StreamHeader: Sendable, Equatable {
    public var to: String?
    public var from: String?
    public var version: String?
    /// The default language of the client's stanzas, RFC 6120 §4.7.4; added to each.
    public var language: String?

    /// The maximum bytes of a language tag: more than any registered one has, RFC 5646 §4.4.1. Longer ones are ignored.
    private static let longestLanguage = 64

    public init(to: String?, from: String? = nil, version: String? = "1.0", language: String? = nil) {
        self.to = to
        self.from = from
        self.version = version
        self.language = language.flatMap { $0.utf8.count <= Self.longestLanguage ? $0 : nil }
    }

    /// Reads a root element. Throws `bad-format` or `invalid-namespace` if it does not open such a stream.
    ///
    /// - Parameter hasContentNamespace: whether its default namespace is that of the stream's stanzas.
    public init(_ root: Element, hasContentNamespace: Bool) throws(StreamError) {
        guard root.hasName("stream") else { throw .badFormat }
        guard root.isIn(.streams), hasContentNamespace else { throw .invalidNamespace }
        self.init(
            to: root["to"],
            from: root["from"],
            version: root["version"],
            language: root.attribute("lang", .xml)
        )
    }

    /// Whether the peer supports XMPP 1.x, RFC 6120 §4.7.5.
    var isSupported: Bool {
        guard let version, let major = version.split(separator: ".").first else { return false }
        return Int(major).map { $0 >= 1 } ?? false
    }

    /// Writes the answer to a header.
    ///
    /// - Parameter language: nil: a stream as before XMPP 1.0, which has neither version nor language.
    static func writeResponse(
        to buffer: inout ByteBuffer,
        contentNamespace: Namespace,
        id: String,
        from domain: String,
        to client: JID?,
        language: String?
    ) {
        var text = "<?xml version=\"1.0\"?><stream:stream xmlns=\"\(contentNamespace)\""
        text += " xmlns:stream=\"http://etherx.jabber.org/streams\" id=\"\(id)\" from=\"\(domain)\""
        if let client {
            // A bare JID has no characters to escape, RFC 7622 §3.3.1.
            text += " to=\"\(client.string)\""
        }
        if let language { text += " version=\"1.0\" xml:lang=\"\(language)\"" }
        buffer.writeString(text + ">")
    }
}
