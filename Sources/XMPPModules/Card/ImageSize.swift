import XMPPServer

/// The width and height that the first bytes of an image file tell, in pixels. Nothing is decoded; what is said may be a lie.
struct ImageSize: Equatable, Sendable {
    let width: Int
    let height: Int

    /// Segments of a JPEG file that are looked at: its size stands behind its tables, profiles and comments.
    private static let maximumSegments = 200
    /// What metadata may say (XEP-0084 has them in 16 bits).
    private static let sizes = 1...0xFFFF

    private init?(_ width: Int, _ height: Int) {
        guard Self.sizes.contains(width), Self.sizes.contains(height) else { return nil }
        self.width = width
        self.height = height
    }

    /// - Returns: nil if the file does not tell it.
    init?(of photo: AccountPhoto) {
        let bytes = photo.bytes
        let size: ImageSize? =
            switch photo.format {
            case .png: Self.ofPNG(bytes)
            case .jpeg: Self.ofJPEG(bytes)
            case .gif: Self.littleEndian(bytes, at: 6, 8)
            case .webP: Self.ofWebP(bytes)
            }
        guard let size else { return nil }
        self = size
    }

    /// The header chunk is the first.
    private static func ofPNG(_ bytes: [UInt8]) -> ImageSize? {
        guard bytes.count >= 24, bytes[12..<16].elementsEqual("IHDR".utf8) else { return nil }
        let width = bytes[16..<20].reduce(0) { $0 << 8 | Int($1) }
        let height = bytes[20..<24].reduce(0) { $0 << 8 | Int($1) }
        return ImageSize(width, height)
    }

    /// In the segment that begins a frame.
    private static func ofJPEG(_ bytes: [UInt8]) -> ImageSize? {
        var position = 2
        for _ in 0..<maximumSegments {
            guard position + 9 <= bytes.count, bytes[position] == 0xFF else { return nil }
            let marker = bytes[position + 1]
            if marker == 0xFF {
                // Padding.
                position += 1
                continue
            }
            // 0xC4, 0xC8 and 0xCC are tables.
            if (0xC0...0xCF).contains(marker), ![0xC4, 0xC8, 0xCC].contains(marker) {
                return ImageSize(bigEndian(bytes, at: position + 7), bigEndian(bytes, at: position + 5))
            }
            position += 2 + max(bigEndian(bytes, at: position + 2), 2)
        }
        return nil
    }

    /// In the first chunk, which may be of three kinds.
    private static func ofWebP(_ bytes: [UInt8]) -> ImageSize? {
        guard bytes.count >= 30 else { return nil }
        switch String(decoding: bytes[12..<16], as: UTF8.self) {
        case "VP8 ":
            guard bytes[23..<26].elementsEqual([0x9D, 0x01, 0x2A]) else { return nil }
            return ImageSize(Int(bytes[26]) | Int(bytes[27] & 0x3F) << 8, Int(bytes[28]) | Int(bytes[29] & 0x3F) << 8)
        case "VP8L":
            guard bytes[20] == 0x2F else { return nil }
            let bits = bytes[21..<25].reversed().reduce(0) { $0 << 8 | Int($1) }
            return ImageSize(bits & 0x3FFF + 1, bits >> 14 & 0x3FFF + 1)
        case "VP8X":
            let width = Int(bytes[24]) | Int(bytes[25]) << 8 | Int(bytes[26]) << 16
            let height = Int(bytes[27]) | Int(bytes[28]) << 8 | Int(bytes[29]) << 16
            return ImageSize(width + 1, height + 1)
        default:
            return nil
        }
    }

    private static func bigEndian(_ bytes: [UInt8], at index: Int) -> Int {
        Int(bytes[index]) << 8 | Int(bytes[index + 1])
    }

    private static func littleEndian(_ bytes: [UInt8], at width: Int, _ height: Int) -> ImageSize? {
        guard bytes.count >= height + 2 else { return nil }
        return ImageSize(
            Int(bytes[width]) | Int(bytes[width + 1]) << 8, Int(bytes[height]) | Int(bytes[height + 1]) << 8)
    }
}
