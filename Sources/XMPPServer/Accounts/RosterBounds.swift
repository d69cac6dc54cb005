/// Bounds for the size of a roster, whatever makes it grow: added contacts, subscription requests, pre-approvals,
/// invitations.
public struct RosterBounds: Sendable, Equatable {
    /// The number of contacts.
    public var contacts: Int
    /// Their bytes as XML, including names and groups.
    public var bytes: Int

    public init(contacts: Int, bytes: Int) {
        self.contacts = contacts
        self.bytes = bytes
    }

    /// The bounds of a host whose modules set none.
    static let none = RosterBounds(contacts: .max, bytes: .max)

    /// A change would exceed the bounds of a roster.
    public struct Exceeded: Error {}
}

extension RosterItem {
    /// Whether the item is shown; one that only holds a subscription request is not, RFC 6121 §3.1.3.
    public var isShown: Bool { isListed || isApproved }

    /// The item's bytes in the bounds; 0 if it is not shown.
    var writtenByteCount: Int {
        guard isShown else { return 0 }
        let texts = [jid.string] + (name.map { [$0] } ?? []) + groups
        // An estimate for elements, attributes and states.
        return 64 + texts.reduce(0) { $0 + 16 + Self.written($1) }
    }

    /// Escaped characters take up to six bytes.
    private static func written(_ text: String) -> Int {
        text.utf8.reduce(0) { count, byte in
            switch byte {
            case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"):
                count + 6
            default: count + 1
            }
        }
    }
}
