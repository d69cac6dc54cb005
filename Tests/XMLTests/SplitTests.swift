import NIOCore
import Testing

@testable import XML

/// However the bytes are cut, the parser says the same.
struct SplitTests {
    static func streams(_ range: Range<UInt64>) -> [[UInt8]] {
        range.map { seed in
            var generator = DocumentGenerator(seed: seed)
            let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='urn:s' xmlns:q=\"u\">"
            let stanzas = (0..<3).map { _ in generator.element(prefixes: ["stream", "q"]) }
            return Array((header + stanzas.joined(separator: " \n") + "</stream:stream> ").utf8)
        }
    }

    @Test func everySplitPoint() {
        for stream in Self.streams(0..<12) {
            let whole = Transcript(stream: [stream])
            #expect(whole.error == nil)
            #expect(whole.events.count == 5)
            for split in 1..<stream.count {
                #expect(Transcript(stream: [Array(stream[..<split]), Array(stream[split...])]) == whole)
            }
        }
    }

    @Test func piecesOfEverySize() {
        for stream in Self.streams(100..<180) {
            let whole = Transcript(stream: [stream])
            for size in [1, 2, 3, 7, 8, 9, 64] {
                #expect(Transcript(stream: stream.pieces(of: size)) == whole)
            }
        }
    }

    /// Errors come at the same place, whole or byte by byte.
    @Test func brokenStreams() {
        var mutator = Mutator(dice: Dice(seed: 3))
        for stream in Self.streams(1_000..<1_600) {
            let broken = mutator.mutated(stream)
            let limits = XMLLimits(stanzaBytes: 300, depth: 4, attributes: 4, namespaces: 6, nameBytes: 8)
            for limits in [XMLLimits(), limits] {
                let whole = Transcript(stream: [broken], limits: limits)
                let bytewise = Transcript(stream: broken.pieces(of: 1), limits: limits)
                #expect(bytewise == whole, "\(String(decoding: broken, as: UTF8.self).debugDescription)")
            }
        }
    }
}
