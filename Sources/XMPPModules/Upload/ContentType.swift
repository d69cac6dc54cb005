/// What a file is, told from its first bytes: what its sender says is not to be trusted, as browsers act on it.
package struct ContentType: Equatable, Sendable, CustomStringConvertible {
    /// So many bytes are looked at.
    static let enough = 512

    /// The media type, RFC 6838.
    package let description: String
    /// Whether a browser may show it: it cannot act.
    package let isShown: Bool

    static let unknown = ContentType("application/octet-stream", isShown: false)
    private static let text = ContentType("text/plain; charset=utf-8", isShown: true)

    private init(_ description: String, isShown: Bool) {
        self.description = description
        self.isShown = isShown
    }

    /// The type with that text, as it was stored.
    init(stored text: String) {
        let kind = text.prefix { $0 != "/" }
        self.init(text, isShown: ["image", "video", "audio"].contains(kind) || text == Self.text.description)
    }

    /// - Parameter head: the first bytes, as many as there are up to `enough`.
    init(of head: [UInt8]) {
        if let type = Self.signatures.first(where: { $0.matches(head) })?.type ?? Self.container(head) {
            self.init(stored: type)
        } else {
            self = Self.isText(head) ? .text : .unknown
        }
    }

    // MARK: Signatures

    private struct Signature {
        let offset: Int
        let bytes: [UInt8]
        let type: String

        init(_ text: String, at offset: Int = 0, _ type: String) {
            self.init(Array(text.utf8), at: offset, type)
        }

        init(_ bytes: [UInt8], at offset: Int = 0, _ type: String) {
            self.bytes = bytes
            self.offset = offset
            self.type = type
        }

        func matches(_ head: [UInt8]) -> Bool { head.dropFirst(offset).starts(with: bytes) }
    }

    private static let signatures = [
        Signature([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], "image/png"),
        Signature([0xFF, 0xD8, 0xFF], "image/jpeg"),
        Signature("GIF87a", "image/gif"),
        Signature("GIF89a", "image/gif"),
        Signature([0xFF, 0x0A], "image/jxl"),
        Signature([0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20, 0x0D, 0x0A, 0x87, 0x0A], "image/jxl"),
        Signature("WEBP", at: 8, "image/webp"),
        Signature("WAVE", at: 8, "audio/wav"),
        Signature("BM", "image/bmp"),
        Signature([0x49, 0x49, 0x2A, 0], "image/tiff"),
        Signature([0x4D, 0x4D, 0, 0x2A], "image/tiff"),
        Signature([0x1A, 0x45, 0xDF, 0xA3], "video/webm"),
        Signature("OggS", "audio/ogg"),
        Signature("fLaC", "audio/flac"),
        Signature("#!AMR", "audio/amr"),
        Signature("ID3", "audio/mpeg"),
        Signature([0xFF, 0xFB], "audio/mpeg"),
        Signature([0xFF, 0xF3], "audio/mpeg"),
        Signature([0xFF, 0xF1], "audio/aac"),
        Signature([0xFF, 0xF9], "audio/aac"),
        Signature("%PDF-", "application/pdf"),
        Signature("PK\u{3}\u{4}", "application/zip"),
        Signature([0x1F, 0x8B], "application/gzip"),
        Signature("BZh", "application/x-bzip2"),
        Signature([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "application/x-xz"),
        Signature([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "application/x-7z-compressed"),
    ]

    /// Files of ISO/IEC 14496-12 say by a brand what they are.
    private static func container(_ head: [UInt8]) -> String? {
        guard Signature("ftyp", at: 4, "").matches(head), head.count >= 12 else { return nil }
        switch String(decoding: head[8..<12], as: UTF8.self) {
        case "avif", "avis": return "image/avif"
        case "heic", "heix", "hevc", "hevx": return "image/heic"
        case "mif1", "msf1": return "image/heif"
        case "M4A ", "M4B ": return "audio/mp4"
        case "qt  ": return "video/quicktime"
        case "3gp4", "3gp5", "3gp6": return "video/3gpp"
        default: return "video/mp4"
        }
    }

    /// Whether it is UTF-8 without control characters. The last character may be cut off.
    private static func isText(_ head: [UInt8]) -> Bool {
        guard !head.isEmpty, !head.contains(where: { $0 < 0x20 && !(0x09...0x0D).contains($0) || $0 == 0x7F }) else {
            return false
        }
        return (0...(head.count < enough ? 0 : 3)).contains { cut in
            String(validating: head.dropLast(cut), as: UTF8.self) != nil
        }
    }
}
