import NIOCore

/// The header with which a proxy names its client: the PROXY protocol, version 1 (a line of text) and version 2
/// (binary), as in HAProxy's `proxy-protocol.txt`.
enum ProxyHeader: Equatable {
    /// The client's address.
    case client(IPAddress)
    /// The connection is the proxy's own, or its client is unknown.
    case unknown

    enum Outcome: Equatable {
        case parsed(ProxyHeader, byteCount: Int)
        /// More bytes are needed.
        case unfinished
        /// Not a PROXY header.
        case other
    }

    /// The maximum bytes of a line with its end, §2.1.
    private static let longestLine = 107
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// The maximum bytes after the fixed part of the binary form.
    private static let longestRest = 2048

    /// Parses the beginning of a connection.
    static func parse(_ bytes: ByteBufferView) -> Outcome {
        if bytes.starts(with: signature.prefix(bytes.count)) { return parseBinary(bytes) }
        if bytes.starts(with: "PROXY ".utf8.prefix(bytes.count)) { return parseLine(bytes) }
        return .other
    }

    private static func parseLine(_ bytes: ByteBufferView) -> Outcome {
        guard let end = bytes.prefix(longestLine).firstIndex(of: 0x0A) else {
            return bytes.count < longestLine ? .unfinished : .other
        }
        let line = bytes[..<end]
        guard line.last == 0x0D, let text = String(validating: line.dropLast(), as: UTF8.self) else { return .other }
        let byteCount = line.count + 1
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2 else { return .other }
        switch words[1] {
        case "UNKNOWN":
            return .parsed(.unknown, byteCount: byteCount)
        case "TCP4", "TCP6":
            guard words.count == 6, let client = IPAddress(String(words[2])), IPAddress(String(words[3])) != nil,
                words[2].contains(":") == (words[1] == "TCP6"), UInt16(words[4]) != nil, UInt16(words[5]) != nil
            else { return .other }
            return .parsed(.client(client), byteCount: byteCount)
        default:
            return .other
        }
    }

    /// §2.2: the signature, version and command, family, the length of what follows, source and target address.
    private static func parseBinary(_ bytes: ByteBufferView) -> Outcome {
        guard bytes.count >= 16 else { return .unfinished }
        let start = bytes.startIndex
        let length = Int(bytes[start + 14]) << 8 | Int(bytes[start + 15])
        guard bytes[start + 12] >> 4 == 2, bytes[start + 12] & 15 <= 1, length <= longestRest else { return .other }
        guard bytes.count >= 16 + length else { return .unfinished }
        let byteCount = 16 + length
        guard bytes[start + 12] & 15 == 1 else { return .parsed(.unknown, byteCount: byteCount) }
        let width: Int
        switch bytes[start + 13] >> 4 {
        case 1: width = 4
        case 2: width = 16
        default: return .parsed(.unknown, byteCount: byteCount)
        }
        guard length >= 2 * width + 4 else { return .other }
        let address = IPAddress(bigEndian: bytes[(start + 16)..<(start + 16 + width)])
        return .parsed(.client(address), byteCount: byteCount)
    }
}

/// Waits on a connection from a proxy until its header has come; in front of everything else.
final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// How long the header may take.
    static let time = TimeAmount.seconds(10)

    /// Called with the client's address; false: the connection is refused.
    private let arrived: (IPAddress) -> Bool
    private var received = ByteBuffer()
    private var alarm: Scheduled<Void>?

    init(_ arrived: @escaping (IPAddress) -> Bool) {
        self.arrived = arrived
    }

    func handlerAdded(context: ChannelHandlerContext) {
        alarm = context.eventLoop.assumeIsolated().scheduleTask(in: Self.time) { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        alarm?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(unwrapInboundIn(data))
        switch ProxyHeader.parse(received.readableBytesView) {
        case .unfinished:
            return
        case .other:
            context.close(promise: nil)
        case .parsed(let header, let byteCount):
            if case .client(let client) = header, !arrived(client) {
                context.close(promise: nil)
                return
            }
            received.moveReaderIndex(forwardBy: byteCount)
            if received.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(received)) }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }
}
