import Testing
import XMPPServer

@testable import XMPPModules

/// The sizes that files of images tell, and files that lie.
@Suite struct ImageSizeTests {
    private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    private func size(_ bytes: [UInt8]) -> [Int]? {
        AccountPhoto(bytes).flatMap { ImageSize(of: $0) }.map { [$0.width, $0.height] }
    }

    @Test func png() {
        let header: [UInt8] = [0, 0, 0, 13] + Array("IHDR".utf8) + [0, 0, 0x01, 0x40, 0, 0, 0, 0xF0]
        #expect(size(Self.png + header) == [320, 240])
        #expect(size(Self.png + header.dropLast()) == nil)
        #expect(size(Self.png) == nil)
        // Not what may be said of an avatar.
        #expect(size(Self.png + [0, 0, 0, 13] + Array("IHDR".utf8) + [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1]) == nil)
        #expect(size(Self.png + [0, 0, 0, 13] + Array("IHDR".utf8) + [0, 0, 0, 0, 0, 0, 0, 1]) == nil)
        #expect(size(Self.png + [0, 0, 0, 13] + Array("IDAT".utf8) + [0, 0, 0, 1, 0, 0, 0, 1]) == nil)
    }

    @Test func gif() {
        #expect(size(Array("GIF89a".utf8) + [0x40, 0x01, 0xF0, 0x00]) == [320, 240])
        #expect(size(Array("GIF87a".utf8) + [0x40, 0x01, 0xF0]) == nil)
    }

    @Test func jpeg() {
        let frame: [UInt8] = [0xFF, 0xC2, 0, 17, 8, 0x00, 0xF0, 0x01, 0x40, 3]
        #expect(size([0xFF, 0xD8] + frame) == [320, 240])
        // A segment, a table and padding stand before it.
        #expect(size([0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xC4, 0, 2, 0xFF] + frame) == [320, 240])
        #expect(size([0xFF, 0xD8] + frame.dropLast(3)) == nil)
        // The segment is longer than the file; as long as nothing; no segment at all.
        #expect(size([0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF] + frame) == nil)
        #expect(size([0xFF, 0xD8, 0xFF, 0xE0, 0, 0] + frame) == [320, 240])
        #expect(size([0xFF, 0xD8, 0xFF]) == nil)
        #expect(size([0xFF, 0xD8] + Array(repeating: 0xFF, count: 100_000)) == nil)
        let empty: [UInt8] = [0xFF, 0xE1, 0, 2]
        #expect(size([0xFF, 0xD8] + Array(repeatElement(empty, count: 50_000).joined()) + frame) == nil)
    }

    @Test func webP() {
        func file(_ chunk: String, _ data: [UInt8]) -> [UInt8] {
            Array("RIFF".utf8) + [0, 0, 0, 0] + Array("WEBP".utf8) + Array(chunk.utf8) + [0, 0, 0, 0] + data
        }
        #expect(size(file("VP8 ", [0, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00])) == [320, 240])
        #expect(size(file("VP8L", [0x2F, 0x3F, 0xC1, 0x3B, 0x00, 0, 0, 0, 0, 0])) == [320, 240])
        #expect(size(file("VP8X", [0, 0, 0, 0, 0x3F, 0x01, 0, 0xEF, 0, 0])) == [320, 240])
        #expect(size(file("VP8X", [0, 0, 0, 0, 0x3F, 0x01, 0, 0xEF, 0])) == nil)
        #expect(size(file("VP8 ", [0, 0, 0, 0, 0, 0, 0x40, 0x01, 0xF0, 0x00])) == nil)
        #expect(size(file("XXXX", Array(repeating: 1, count: 10))) == nil)
        #expect(AccountPhoto(Array("RIFF....WAVE".utf8)) == nil)
    }
}
