import NIOCore

@testable import XML

/// All that a parser says about some bytes.
struct Transcript: Equatable {
    enum Event: Equatable {
        case opened(Tree)
        case element(Tree)
        case closed
    }

    var events: [Event] = []
    var error: XMLError?
    var unreadByteCount = 0
    var steps = 0

    /// Feeds the parts one after the other to a new parser.
    init(stream parts: some Sequence<[UInt8]>, limits: XMLLimits = .init()) {
        var parser = StreamParser(limits: limits)
        for part in parts {
            parser.feed(ByteBuffer(bytes: part))
            drain(&parser)
            if error != nil { break }
        }
        unreadByteCount = parser.unreadByteCount
        steps = parser.steps
    }

    init(stream text: String, limits: XMLLimits = .init()) {
        self.init(stream: [Array(text.utf8)], limits: limits)
    }

    private mutating func drain(_ parser: inout StreamParser) {
        do throws(XMLError) {
            while let event = try parser.next() {
                switch event {
                case .opened(let element): events.append(.opened(Tree(element)))
                case .element(let element): events.append(.element(Tree(element)))
                case .closed: events.append(.closed)
                }
            }
        } catch {
            self.error = error
        }
    }

    /// Equal but for the cost.
    static func == (left: Transcript, right: Transcript) -> Bool {
        left.events == right.events && left.error == right.error && left.unreadByteCount == right.unreadByteCount
    }
}

extension [UInt8] {
    /// The bytes in pieces of `size`.
    func pieces(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
