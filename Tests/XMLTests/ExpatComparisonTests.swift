import NIOCore
import Testing

@testable import XML

/// What we accept, libexpat accepts, and both find the same.
struct ExpatComparisonTests {
    @Test func generatedDocuments() throws {
        for seed in 0..<3_000 as Range<UInt64> {
            var generator = DocumentGenerator(seed: seed)
            let document = generator.document()
            let element = try Element(parsing: document)
            #expect(Tree(element) == Expat.tree(Array(document.utf8)), "\(document.debugDescription)")
        }
    }

    @Test func mutatedDocuments() {
        var mutator = Mutator(dice: Dice(seed: 1))
        var accepted = 0
        for seed in 0..<6_000 as Range<UInt64> {
            var generator = DocumentGenerator(seed: seed % 1_000)
            let bytes = mutator.mutated(Array(generator.document().utf8))
            guard let element = try? Element(parsing: ByteBuffer(bytes: bytes)) else { continue }
            // In names expat goes by an older edition of XML, which has no U+FEFF there.
            guard !String(decoding: bytes, as: UTF8.self).unicodeScalars.contains("\u{FEFF}") else { continue }
            accepted += 1
            #expect(Tree(element) == Expat.tree(bytes), "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        #expect(accepted > 600)
    }

    /// What expat accepts we refuse only for a reason that XMPP gives, or because of a version that is none.
    @Test func refusalsHaveAReason() {
        var mutator = Mutator(dice: Dice(seed: 2))
        for seed in 0..<4_000 as Range<UInt64> {
            var generator = DocumentGenerator(seed: seed % 1_000)
            let bytes = mutator.mutated(Array(generator.document().utf8))
            guard Expat.tree(bytes) != nil, !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { continue }
            do throws(XMLError) {
                _ = try Element(parsing: ByteBuffer(bytes: bytes))
            } catch {
                #expect(
                    error.kind == .restrictedXML || error.reason == "Malformed XML declaration",
                    "\(error) \(String(decoding: bytes, as: UTF8.self).debugDescription)")
            }
        }
    }
}
