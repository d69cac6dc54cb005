import Crypto
import HTTPTypes
import Hummingbird
import NIOCore
import XMPP

/// A WebSocket handshake, RFC 6455 §4.2.
enum WebSocketHandshake {
    /// A refused handshake.
    struct Refusal: Error {
        let response: Response

        fileprivate init(_ status: HTTPResponse.Status, _ text: String) {
            response = Response(
                status: status,
                headers: [
                    .contentType: "text/plain; charset=utf-8", .upgrade: "websocket", .connection: "upgrade",
                    .secWebSocketVersion: WebSocketHandshake.version,
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
        }
    }

    private static let version = "13"
    private static let identifier = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Checks a handshake.
    ///
    /// - Returns: the fields of the positive answer.
    static func accept(_ request: HTTPRequest, subprotocol: String) throws(Refusal) -> HTTPFields {
        guard request.method == .get, request.hasNoBody, request.protocols.contains("websocket") else {
            throw Refusal(.upgradeRequired, "Here is a WebSocket: connect to it with ws or wss.")
        }
        guard request.headerFields[values: .secWebSocketVersion] == [version] else {
            throw Refusal(.upgradeRequired, "Sec-WebSocket-Version must be \(version).")
        }
        let keys = request.headerFields[values: .secWebSocketKey]
        guard keys.count == 1, let key = keys.first, Base64.decode(key)?.count == 16 else {
            throw Refusal(.badRequest, "Sec-WebSocket-Key must be 16 bytes in Base64.")
        }
        guard
            request.headerFields[values: .secWebSocketProtocol]
                .flatMap({ $0.split(separator: ",") }).contains(where: { $0.trimmingBlanks() == subprotocol })
        else { throw Refusal(.badRequest, "Sec-WebSocket-Protocol must name \(subprotocol).") }
        let digest = Insecure.SHA1.hash(data: Array((key + identifier).utf8))
        return [
            .upgrade: "websocket", .connection: "upgrade", .secWebSocketAccept: Base64.encode(Array(digest)),
            .secWebSocketProtocol: subprotocol,
        ]
    }
}
