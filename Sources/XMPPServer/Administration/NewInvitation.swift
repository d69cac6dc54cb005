/// A new invitation. Its link is not stored.
public struct NewInvitation: CommandRecord {
    /// The link that the guest opens, an `xmpp:` address.
    public let link: String
    public let info: InvitationInfo
}

extension NewInvitation {
    public static let columns: [CommandColumn<NewInvitation>] = [
        .text("link", "link") { $0.link },
        .record("info") { $0.info },
    ]
    public var text: String { link }
}
