/// An invitation, without its token.
public struct InvitationInfo: CommandRecord, Equatable {
    /// The first digits of the token's digest, which identify it.
    public let id: String
    public let host: String
    /// nil: it adds nobody to a roster.
    public let inviter: String?
    public let createdAt: String
    public let expiresAt: String
}

extension InvitationInfo {
    public static let columns: [CommandColumn<InvitationInfo>] = [
        .text("id", "id") { $0.id },
        .text("host", "host") { $0.host },
        .text("inviter", "inviter", shape: .address) { $0.inviter },
        .text("createdAt", "made", shape: .moment) { $0.createdAt },
        .text("expiresAt", "expires", shape: .moment) { $0.expiresAt },
    ]
    public static let none = "There are no invitations."
}
