/// How large a contact list may grow, by whatever way: clients add contacts, ask for subscriptions, say yes ahead, or are
/// invited.
public struct RosterBounds: Sendable, Equatable {
    /// How many contacts.
    public var contacts: Int
    /// How many bytes they may take as they are written in XML, names and groups included.
    public var bytes: Int

    public init(contacts: Int, bytes: Int) {
        self.contacts = contacts
        self.bytes = bytes
    }

    /// Those of a host whose modules say nothing.
    static let none = RosterBounds(contacts: .max, bytes: .max)

    /// A contact list would have grown beyond its bounds.
    public struct Exceeded: Error {}
}

extension RosterItem {
    /// Whether the roster shows the item; one of which all there is is an invitation is not shown, RFC 6121 §3.1.3.
    public var isShown: Bool { isListed || isApproved }

    /// What the item counts in a roster's bounds: nothing while it is not shown.
    var writtenByteCount: Int {
        guard isShown else { return 0 }
        let texts = [jid.string] + (name.map { [$0] } ?? []) + groups
        // Elements, attributes and states take room as well.
        return 64 + texts.reduce(0) { $0 + 16 + Self.written($1) }
    }

    /// Characters that are written as references take up to six bytes.
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
