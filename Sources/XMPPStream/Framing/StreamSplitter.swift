import NIOCore
import XML
import XMPP

/// Splits a stream of RFC 6120 into self-contained parts, for transports that carry each element separately: WebSocket
/// (RFC 7395 §3.3) and BOSH (XEP-0124).
public struct StreamSplitter: ~Copyable {
    /// A self-contained part.
    public enum Part: Sendable {
        /// The opening tag, as an element without content.
        case opened(Element)
        /// An element with all namespace declarations that it needs.
        case element(ByteBuffer)
        /// The closing tag.
        case closed
    }

    private var parser: StreamParser

    /// - Parameter limits: for the input; by default our own output, without limits.
    public init(limits: XMLLimits = .ownOutput) {
        parser = StreamParser(limits: limits)
    }

    /// Takes more of the stream, split anywhere.
    public mutating func feed(_ bytes: ByteBuffer) {
        parser.feed(bytes)
    }

    /// The next part; nil if more bytes are needed.
    public mutating func next() throws(XMLError) -> Part? {
        switch try parser.next() {
        case .opened(let root): return .opened(root)
        case .closed: return .closed
        case nil: return nil
        case .element(let element):
            // The stream is restarted after it, RFC 6120 §6.4.6.
            if element.isNamed("success", .sasl) { parser.restart() }
            var writer = XMLWriter(contentNamespace: .none, reserving: element.byteCount + 32)
            writer.copy(element)
            return .element(writer.finish())
        }
    }

    /// Begins a new stream.
    public mutating func restart() {
        parser.restart()
    }
}
