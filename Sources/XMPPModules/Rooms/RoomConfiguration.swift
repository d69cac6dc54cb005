import XMPPServer

/// XEP-0045 §10.2: how a room is configured.
struct RoomConfiguration: Sendable, Equatable {
    /// Who may send private messages.
    enum PrivateMessages: String, Sendable, CaseIterable { case anyone, participants, moderators, none }
    /// Who may learn the real addresses of occupants.
    enum Whois: String, Sendable, CaseIterable { case moderators, anyone }

    var name = ""
    var description = ""
    var language = ""
    var isPublic = true
    var isPersistent = false
    var isModerated = false
    var isForMembers = false
    /// Whether `secret` has to be given.
    var asksForPassword = false
    var password = ""
    var whois = Whois.moderators
    /// nil: as many as the service lets in.
    var maximumOccupants: Int?
    /// The roles whose presence is shown to all.
    var broadcastRoles: Set<RoomRole> = Self.roles
    /// The roles that may read the list of members.
    var memberListRoles: Set<RoomRole> = Self.roles
    var letsAllChangeSubject = false
    var letsMembersInvite = false
    var privateMessages = PrivateMessages.anyone
    /// Whether messages are kept, and shown to those who enter.
    var keepsHistory = true
    /// Messages that are shown to those who enter; nil: as many as the service shows.
    var history: Int?
    /// How many days messages are kept; nil: as long as the service keeps them.
    var keepDays: Int?
    /// The seconds between two messages of a person, XEP-0500; nil: none.
    var slowMode: Int?

    private static let roles: Set<RoomRole> = [.moderator, .participant, .visitor]

    /// What a room is at first.
    static let initial = RoomConfiguration()

    /// Whether all occupants see each other's real addresses.
    var isOpenAboutAddresses: Bool { whois == .anyone }

    // MARK: Fields

    private typealias Field = ConfigurationField<RoomConfiguration>

    private static let prefix = "muc#roomconfig_"
    private static let shownRoles: [RoomRole] = [.moderator, .participant, .visitor]
    private static let occupantChoices = ["10", "20", "30", "50", "100", "200", "500", "1000", "5000", "none"]

    /// All of them, by their names. Texts are bounded by a stanza, and by these.
    private static let fields: [Field] = [
        .text(prefix + "roomname", "The room's name", maximum: 256, \.name),
        .text(prefix + "roomdesc", "What the room is about", maximum: 2048, \.description),
        .text(prefix + "lang", "The natural language of the room", maximum: 64, \.language),
        .flag(prefix + "publicroom", "Whether the room is listed", \.isPublic),
        .flag(prefix + "persistentroom", "Whether the room stays when the last person leaves", \.isPersistent),
        .flag(prefix + "moderatedroom", "Whether newcomers need a moderator's leave to speak", \.isModerated),
        .flag(prefix + "membersonly", "Whether only members may enter", \.isForMembers),
        .flag(prefix + "passwordprotectedroom", "Whether a password is needed to enter", \.asksForPassword),
        .text(prefix + "roomsecret", "The password", type: "text-private", maximum: 256, \.password),
        .choice(prefix + "whois", "Who may see real addresses", \.whois),
        .number(
            prefix + "maxusers", "The most people who may be in the room", type: "list-single", none: "none",
            options: occupantChoices, \.maximumOccupants),
        .choices(prefix + "presencebroadcast", "Whose presence is shown to all", of: shownRoles, \.broadcastRoles),
        .choices(prefix + "getmemberlist", "Who may read the list of members", of: shownRoles, \.memberListRoles),
        .flag(prefix + "changesubject", "Whether everybody may change the subject", \.letsAllChangeSubject),
        .flag(prefix + "allowinvites", "Whether members may invite others", \.letsMembersInvite),
        .choice(prefix + "allowpm", "Who may send private messages", \.privateMessages),
        .flag(prefix + "enablelogging", "Whether messages are kept", \.keepsHistory),
        .number("muc#maxhistoryfetch", "How many messages are shown to those who enter", none: "", \.history),
        .number(prefix + "keep_days", "The days that messages are kept", none: "", maximum: 36_525, \.keepDays),
        .number(
            prefix + "slow_mode_duration", "The seconds between two messages of a person", none: "0", maximum: 86_400,
            \.slowMode),
    ]

    private static let fieldsByName = Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0) })

    // MARK: Forms

    /// The fields with their values, for a form to be filled in.
    var fields: [FormField] { Self.fields.map { $0.line(self) } }

    /// Changes what the form names, and nothing else.
    ///
    /// - Parameter maximum: as many occupants as the service lets in.
    /// - Returns: the fields that are not of the configuration.
    /// - Throws: `not-acceptable` for no value of a field, or a room without a password that asks for one.
    mutating func apply(
        _ form: DataForm, maximum: Int
    ) throws(StanzaError) -> [(name: String, values: [String])] {
        var others: [(name: String, values: [String])] = []
        for (name, values) in form.fields {
            guard let field = Self.fieldsByName[name] else {
                others.append((name, values))
                continue
            }
            try field.set(&self, values)
        }
        if asksForPassword, password.isEmpty { throw .notAcceptable }
        if let occupants = maximumOccupants, occupants < 1 { throw .notAcceptable }
        if maximumOccupants.map({ $0 > maximum }) == true { maximumOccupants = nil }
        return others
    }

    /// The fields that are otherwise than in `other`.
    func differences(from other: RoomConfiguration) -> [(name: String, values: [String])] {
        Self.fields.compactMap { field in
            let values = field.get(self)
            return values == field.get(other) ? nil : (field.name, values)
        }
    }

    /// A field of the form as people write it outside of one: `NAME=VALUE`, with commas between several values.
    ///
    /// - Throws: `bad-request` if it is not so.
    static func field(_ text: String) throws(StanzaError) -> (name: String, values: [String]) {
        guard let sign = text.firstIndex(of: "=") else { throw .badRequest }
        let short = String(text[..<sign])
        let name = short.hasPrefix("muc#") ? short : prefix + short
        let value = text[text.index(after: sign)...]
        guard let field = fieldsByName[name], "\(field.type)" != "list-multi" else {
            return (name, value.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
        }
        return (name, [String(value)])
    }

    /// Changes one field to what was stored; a field that this version does not know is left out.
    ///
    /// - Throws: `not-acceptable` for no value of the field. Without it the room might be open to all.
    mutating func restore(_ name: String, _ values: [String]) throws(StanzaError) {
        try Self.fieldsByName[name]?.set(&self, values)
    }
}
