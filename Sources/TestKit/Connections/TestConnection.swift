import NIOCore
import XMPPServer

/// A client's end of a connection to a server under test.
protocol TestConnection: Sendable {
    /// What the server has sent.
    var inbox: Inbox { get }
    func send(_ bytes: ByteBuffer) async throws
    /// Puts the connection on TLS, for a server of that name.
    func startTLS(host: String) async throws
    /// Cuts the connection.
    func close() async
}

/// What a client finds in what the server sends.
enum Received: Sendable {
    /// The stream's opening tag, as an element without content.
    case opened(Element)
    case element(Element)
    /// The stream's closing tag.
    case closed
    /// Bytes that are not XML.
    case malformed(String)
    /// The connection has ended.
    case ended

    /// Whether no answer can come any more.
    var isEnd: Bool {
        switch self {
        case .closed, .ended, .malformed: true
        case .opened, .element: false
        }
    }
}

extension Received: CustomStringConvertible {
    var description: String {
        switch self {
        case .opened(let element), .element(let element): String(buffer: element.bytes)
        case .closed: "</stream:stream>"
        case .malformed(let reason): "something that is not XML: \(reason)"
        case .ended: "the end of the connection"
        }
    }
}
