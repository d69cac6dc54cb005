import Testing
import XMPP

@testable import XMPPModules

/// XEP-0045 §5: who may change what.
@Suite struct RoomStandingTests {
    private typealias Standing = RoomStanding

    @Test func rolesOfThoseWhoEnter() {
        // §5.1.2, the table of initial roles.
        let open: [RoomAffiliation: RoomRole] = [
            .none: .participant, .member: .participant, .admin: .moderator, .owner: .moderator, .outcast: .none,
        ]
        for (affiliation, role) in open { #expect(Standing.role(of: affiliation, isModerated: false) == role) }
        for (affiliation, role) in open where affiliation != .none {
            #expect(Standing.role(of: affiliation, isModerated: true) == role)
        }
        #expect(Standing.role(of: .none, isModerated: true) == .visitor)
    }

    @Test func anAffiliationBringsItsRole() {
        let visitor = Standing(affiliation: .none, role: .visitor)
        #expect(visitor.with(.member, isModerated: true).role == .participant)
        #expect(visitor.with(.admin, isModerated: true).role == .moderator)
        let moderator = Standing(affiliation: .none, role: .moderator)
        #expect(moderator.with(.member, isModerated: true).role == .moderator)
        let owner = Standing(affiliation: .owner, role: .moderator)
        #expect(owner.with(.none, isModerated: true).role == .visitor)
        #expect(owner.with(.none, isModerated: false).role == .participant)
        #expect(owner.with(.admin, isModerated: false).role == .moderator)
    }

    /// Who may do what to whom, §5.1.1 and §8.
    @Test(arguments: [
        // Kick.
        ("none/participant", "none/visitor", RoomRole.none, StanzaError.forbidden as StanzaError?),
        ("member/participant", "none/visitor", .none, .forbidden), ("none/moderator", "none/participant", .none, nil),
        ("none/moderator", "member/participant", .none, .notAllowed), ("member/moderator", "none/visitor", .none, nil),
        ("member/moderator", "admin/moderator", .none, .notAllowed),
        ("admin/moderator", "owner/moderator", .none, .notAllowed), ("owner/moderator", "admin/moderator", .none, nil),
        ("owner/none", "none/participant", .none, nil), ("member/moderator", "none/moderator", .none, .forbidden),
        // Voice.
        ("none/participant", "none/visitor", .participant, .forbidden),
        ("none/moderator", "none/visitor", .participant, nil),
        ("none/moderator", "none/participant", .visitor, nil),
        ("none/moderator", "member/participant", .visitor, .notAllowed),
        ("member/moderator", "member/participant", .visitor, .notAllowed),
        ("admin/moderator", "member/participant", .visitor, nil),
        ("owner/moderator", "admin/moderator", .visitor, .notAllowed),
        // Moderators, §9.6 and 9.7.
        ("none/moderator", "none/participant", .moderator, .forbidden),
        ("admin/moderator", "none/participant", .moderator, nil),
        ("admin/moderator", "none/moderator", .participant, nil),
        ("admin/moderator", "admin/moderator", .participant, .notAllowed),
        ("owner/moderator", "admin/moderator", .participant, .notAllowed),
    ])
    func roles(_ actor: String, _ target: String, _ role: RoomRole, _ refusal: StanzaError?) throws {
        #expect(try standing(actor).refusal(of: role, for: standing(target)) == refusal, "\(actor) \(target) \(role)")
    }

    private func standing(_ text: String) throws -> RoomStanding {
        let parts = text.split(separator: "/").map(String.init)
        return RoomStanding(
            affiliation: try #require(RoomAffiliation(rawValue: parts[0])),
            role: try #require(RoomRole(rawValue: parts[1])))
    }

    /// §5.2.2, the table of changes: the least affiliation that may make each of them.
    @Test func affiliations() {
        for actor in RoomAffiliation.allCases {
            for former in RoomAffiliation.allCases {
                for affiliation in RoomAffiliation.allCases {
                    let takesOwner = former >= .admin || affiliation >= .admin
                    let mayChange = actor == .owner || actor == .admin && !takesOwner
                    let refusal = Standing(affiliation: actor, role: .none)
                        .refusal(of: affiliation, for: former, isOwn: false)
                    #expect((refusal == nil) == mayChange, "\(actor): \(former) to \(affiliation)")
                    if actor < .admin { #expect(refusal == .forbidden) }
                }
            }
        }
        // §9.1: an admin or owner is not banned by an admin, and nobody bans themselves.
        let admin = Standing(affiliation: .admin, role: .moderator)
        #expect(admin.refusal(of: .outcast, for: .owner, isOwn: false) == .notAllowed)
        #expect(admin.refusal(of: .outcast, for: .admin, isOwn: false) == .notAllowed)
        #expect(admin.refusal(of: .outcast, for: .admin, isOwn: true) == .conflict)
        #expect(admin.refusal(of: .none, for: .admin, isOwn: true) == nil)
        #expect(admin.refusal(of: .admin, for: .none, isOwn: false) == .forbidden)
    }
}
