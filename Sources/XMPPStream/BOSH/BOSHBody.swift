import NIOCore
import XML
import XMPP

/// The `<body/>` of a client's request, XEP-0124 §7 and XEP-0206.
struct BOSHBody {
    /// Its session; nil: it asks for a new one.
    let sessionID: String?
    let requestID: Int
    let element: Element
    private let bytes: ByteBuffer

    /// Numbers of requests are below 2^53, XEP-0124 §14.1.
    private static let requestIDs = 0..<(1 << 53)

    /// - Throws: the condition to refuse the request with.
    init(parsing bytes: ByteBuffer, limits: XMLLimits) throws(BOSHCondition) {
        guard let element = try? Element(parsing: bytes, limits: limits), element.isNamed("body", .bosh),
            let requestID = element["rid"].flatMap({ Int(schema: $0) }), Self.requestIDs.contains(requestID)
        else { throw .badRequest }
        self.element = element
        self.bytes = bytes
        self.requestID = requestID
        sessionID = element["sid"]
    }

    /// The domain of a requested session; nil: not given.
    var domain: String? { element["to"].flatMap { $0.isEmpty ? nil : $0 } }

    var isRestart: Bool { flag(element.attribute("restart", .xbosh)) }
    var isTermination: Bool { element.attribute("type", equals: "terminate") }

    /// Whether it has nothing for the stream.
    var isEmpty: Bool { !isRestart && !isTermination && element.children.first { _ in true } == nil }

    private func flag(_ text: String?) -> Bool { text == "true" || text == "1" }

    func number(_ name: StaticString) -> Int? { element[name].flatMap { Int(schema: $0) } }

    /// A part of it for the stream.
    enum Part {
        /// A message of RFC 7395.
        case message(ByteBuffer)
        /// The content of the body.
        case enclosed(ElementFraming.Enclosed)
    }

    func parts(domain: String?, language: String?) -> [Part] {
        var parts: [Part] = []
        if isRestart || sessionID == nil {
            let open = Self.written { writer in
                writer.element(
                    "open", .framing,
                    [
                        "to": element["to"] ?? domain, "from": element["from"],
                        "version": element.attribute("version", .xbosh) ?? "1.0",
                        "xml:lang": element.attribute("lang", .xml) ?? language,
                    ])
            }
            parts.append(.message(open))
        }
        if element.firstChild != nil { parts.append(.enclosed(ElementFraming.Enclosed(bytes: bytes))) }
        if isTermination { parts.append(.message(Self.written { $0.element("close", .framing) })) }
        return parts
    }

    private static func written(_ body: (inout XMLWriter) -> Void) -> ByteBuffer {
        var writer = XMLWriter(contentNamespace: .none)
        body(&writer)
        return writer.finish()
    }
}

/// The condition of a session's end, XEP-0124 §17.
enum BOSHCondition: String, Error {
    case badRequest = "bad-request"
    case hostUnknown = "host-unknown"
    case improperAddressing = "improper-addressing"
    case itemNotFound = "item-not-found"
    case policyViolation = "policy-violation"
    case remoteConnectionFailed = "remote-connection-failed"
    case remoteStreamError = "remote-stream-error"
    case systemShutdown = "system-shutdown"
}

extension Namespace {
    /// The body of requests and responses, XEP-0124.
    static let bosh: Namespace = "http://jabber.org/protocol/httpbind"
    /// The attributes of XMPP, XEP-0206.
    static let xbosh: Namespace = "urn:xmpp:xbosh"
}
