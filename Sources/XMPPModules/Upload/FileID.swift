import XMPPServer

/// The name of an uploaded file: 128 random bits, which nobody can guess. Whoever knows it may read the file.
package struct FileID: Hashable, Sendable, LosslessStringConvertible {
    /// 32 hexadecimal digits.
    package let description: String

    /// A new one.
    init() {
        let digits = Array("0123456789abcdef".utf8)
        let text = SecureRandom.bytes(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        description = String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil if the text is no such name, such as a path.
    package init?(_ text: String) {
        guard text.utf8.count == 32, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        description = text
    }

    /// The beginnings that names have: each stands for a part of all files, of about the same size.
    static let prefixes = (0..<256).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }

    /// Which of them it begins with.
    var prefix: String { String(description.prefix(2)) }

    /// The index of that among them.
    var part: Int { Int(prefix, radix: 16) ?? 0 }
}
