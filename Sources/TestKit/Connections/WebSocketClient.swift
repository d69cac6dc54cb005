import NIOCore
import Synchronization
import XMPPServer
import XMPPStream

/// The client's side of RFC 6455 and RFC 7395: puts a script's elements into masked frames, and turns the server's
/// frames into a stream of RFC 6120, so that scripts are the same on every transport.
///
/// Independent of the server's code for frames.
final class WebSocketClient: Sendable {
    private struct State: ~Copyable {
        var output = StreamSplitter()
        var received = ByteBuffer()
    }

    private enum Opcode {
        static let text: UInt8 = 1
        static let close: UInt8 = 8
    }

    private let state = Mutex(State())

    // MARK: To the server

    /// A message for each element in `bytes`. Bytes that are not XML are one message.
    func frames(of bytes: ByteBuffer) -> ByteBuffer {
        let text = String(buffer: bytes)
        let isOpening = text.hasPrefix("<?xml") || text.hasPrefix("<stream:stream")
        return state.withLock { state in
            if isOpening { state.output = StreamSplitter() }
            var frames = ByteBuffer()
            state.output.feed(bytes)
            do throws(XMLError) {
                while let part = try state.output.next() {
                    Self.write(Self.message(part), Opcode.text, to: &frames)
                }
            } catch {
                Self.write(bytes, Opcode.text, to: &frames)
            }
            return frames
        }
    }

    /// A close frame.
    func close() -> ByteBuffer {
        var frame = ByteBuffer()
        Self.write(ByteBuffer(), Opcode.close, to: &frame)
        return frame
    }

    private static func message(_ part: StreamSplitter.Part) -> ByteBuffer {
        switch part {
        case .element(let bytes):
            return bytes
        case .opened(let root):
            var writer = XMLWriter(contentNamespace: .none)
            writer.element(
                "open", framing,
                [
                    "to": root["to"], "from": root["from"], "version": root["version"],
                    "xml:lang": root.attribute("lang", .xml),
                ])
            return writer.finish()
        case .closed:
            return ByteBuffer(string: "<close xmlns=\"\(framing.name)\"/>")
        }
    }

    private static func write(_ data: ByteBuffer, _ opcode: UInt8, to frames: inout ByteBuffer) {
        let length = data.readableBytes
        frames.writeInteger(0x80 | opcode)
        switch length {
        case 0...125:
            frames.writeInteger(0x80 | UInt8(length))
        case 126...0xFFFF:
            frames.writeInteger(0x80 | 126 as UInt8)
            frames.writeInteger(UInt16(length))
        default:
            frames.writeInteger(0x80 | 127 as UInt8)
            frames.writeInteger(UInt64(length))
        }
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        frames.writeBytes(key)
        frames.writeBytes(data.readableBytesView.enumerated().map { $1 ^ key[$0 & 3] })
    }

    // MARK: From the server

    /// - Returns: the server's elements as a stream, and whether it closes the connection.
    func received(_ bytes: ByteBuffer) -> (octets: ByteBuffer, closes: Bool) {
        state.withLock { state in
            state.received.writeImmutableBuffer(bytes)
            var octets = ByteBuffer()
            while let (opcode, message) = Self.read(&state.received) {
                guard opcode == Opcode.text else { return (octets, opcode == Opcode.close) }
                octets.writeImmutableBuffer(Self.octets(of: message))
            }
            return (octets, false)
        }
    }

    private static func read(_ bytes: inout ByteBuffer) -> (UInt8, ByteBuffer)? {
        var rest = bytes
        guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
            return nil
        }
        let length: Int?
        switch second {
        case 126: length = rest.readInteger(as: UInt16.self).map(Int.init)
        case 127: length = rest.readInteger(as: UInt64.self).map(Int.init)
        default: length = Int(second)
        }
        guard let length, let data = rest.readSlice(length: length) else { return nil }
        bytes = rest
        return (first & 0x0F, data)
    }

    /// Elements are recognised by what follows them, so that none is parsed twice.
    private static func octets(of message: ByteBuffer) -> ByteBuffer {
        guard let element = try? Element(ownOutput: message) else {
            return message
        }
        if element.isNamed("close", framing) { return ByteBuffer(string: "</stream:stream>") }
        guard element.isNamed("open", framing) else { return message }
        var writer = XMLWriter()
        writer.start("stream", prefix: "stream", .streams)
        writer.attribute("xmlns", "jabber:client")
        for name in ["from", "to", "id", "version"] as [StaticString] {
            writer.attribute(name, element[name])
        }
        writer.attribute("xml:lang", element.attribute("lang", .xml))
        writer.text("")
        return writer.finish()
    }

    private static let framing: Namespace = "urn:ietf:params:xml:ns:xmpp-framing"
}
