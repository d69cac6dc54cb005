import NIOCore
import XMPPServer

/// The client's end of a connection to a server under test.
protocol TestConnection: Sendable {
    /// What the server has sent.
    var inbox: Inbox { get }
    func send(_ bytes: ByteBuffer) async throws
    /// Starts TLS with a server of that name.
    func startTLS(host: String) async throws
    /// Cuts the connection.
    func close() async
}

/// Something that a client receives.
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

    /// Whether nothing more can come.
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
