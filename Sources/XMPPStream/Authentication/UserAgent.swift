import XML
import XMPP

/// A client's description of itself at sign-in, XEP-0388 §2.3; shown to the account's owner only. A class, as stream
/// and session keep it, and most have none.
public final class UserAgent: Sendable {
    /// Identifies the installation: a UUID, in lower case.
    public let id: String?
    /// The name of the software.
    public let software: String?
    /// The owner's name of the device.
    public let device: String?

    /// The maximum characters of a name.
    static let longestName = 100

    /// The installation with that UUID, without names.
    public init(id: String) {
        self.id = id
        software = nil
        device = nil
    }

    init(_ element: Element) {
        id = element["id"].flatMap(Self.uuid)
        software = Self.name(element.child("software", .sasl2)?.text)
        device = Self.name(element.child("device", .sasl2)?.text)
    }

    /// Ids that are no UUIDs are ignored.
    private static func uuid(_ text: String) -> String? {
        let groups = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard groups.map(\.count) == [8, 4, 4, 4, 12], groups.allSatisfy({ $0.allSatisfy(isHexadecimal) }) else {
            return nil
        }
        return text.lowercased()
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    private static func name(_ text: String?) -> String? {
        guard let text else { return nil }
        let name = text.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(longestName)
        return name.isEmpty ? nil : String(name)
    }
}
