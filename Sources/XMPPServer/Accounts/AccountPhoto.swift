import NIOCore
import XML
import XMPP

/// A picture of a person, stored for the account and shown in its vCard.
public struct AccountPhoto: Sendable, Equatable {
    /// The store of photos; an account's photo is under the empty key.
    public static let store = "photo"
    /// The largest photo in bytes. It goes out in one stanza, a third larger.
    public static let maximumSize = 64 * 1024

    /// Image formats that clients show.
    public enum Format: String, Sendable, CaseIterable {
        case png = "image/png"
        case jpeg = "image/jpeg"
        case gif = "image/gif"
        case webP = "image/webp"

        /// Whether a file begins like one of these.
        fileprivate func isOf(_ bytes: [UInt8]) -> Bool {
            switch self {
            case .png: bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
            case .jpeg: bytes.starts(with: [0xFF, 0xD8, 0xFF])
            case .gif: bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8)
            // Between the two is the file's length.
            case .webP: bytes.starts(with: "RIFF".utf8) && bytes.dropFirst(8).starts(with: "WEBP".utf8)
            }
        }
    }

    /// The format, detected from the first bytes.
    public let format: Format
    /// The file.
    public let bytes: [UInt8]

    /// - Returns: nil if the format is unknown.
    public init?(_ bytes: [UInt8]) {
        guard let format = Format.allCases.first(where: { $0.isOf(bytes) }) else { return nil }
        self.format = format
        self.bytes = bytes
    }

    /// The stored form.
    public var stored: [UInt8] { StoredXML.encode(self) }
}

/// As the element `PHOTO` of a vCard.
extension AccountPhoto: StoredValue {
    /// - Returns: nil if the format is unknown.
    public init?(stored element: Element) {
        guard let bytes = (element.child("BINVAL", .vCard)?.text).flatMap({ Base64.decode($0) }) else { return nil }
        self.init(bytes)
    }

    public func write(to writer: inout XMLWriter) {
        writer.element("PHOTO", .vCard) { writer in
            writer.element("TYPE", text: format.rawValue)
            writer.element("BINVAL", text: Base64.encode(bytes))
        }
    }
}
