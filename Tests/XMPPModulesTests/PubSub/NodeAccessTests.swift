import Testing
import XMPP

@testable import XMPPModules

/// Who may do what at a node: XEP-0060 §4.1 and §4.5, a row for each case.
@Suite struct NodeAccessTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let model: NodeConfiguration.AccessModel
        var affiliation = Affiliation.none
        var seesPresence = false
        var groups: [String] = []
        var isSubscribed = false
        /// The conditions, the general and the particular one; nil: it is allowed.
        let read: String?
        let subscribe: String?

        var testDescription: String {
            "\(model), \(affiliation), presence \(seesPresence), \(groups), subscribed \(isSubscribed)"
        }
    }

    private static let presence = "not-authorized presence-subscription-required"
    private static let group = "not-authorized not-in-roster-group"
    private static let closed = "not-allowed closed-node"
    private static let subscribed = "not-authorized not-subscribed"

    static let rows: [Row] = [
        Row(model: .open, read: nil, subscribe: nil),
        Row(model: .open, affiliation: .outcast, read: "forbidden", subscribe: "forbidden"),
        Row(model: .open, affiliation: .publishOnly, read: "forbidden", subscribe: "forbidden"),
        Row(model: .presence, read: presence, subscribe: presence),
        Row(model: .presence, seesPresence: true, read: nil, subscribe: nil),
        Row(model: .presence, affiliation: .outcast, seesPresence: true, read: "forbidden", subscribe: "forbidden"),
        Row(model: .presence, affiliation: .member, read: nil, subscribe: nil),
        Row(model: .roster, read: presence, subscribe: presence),
        Row(model: .roster, seesPresence: true, read: group, subscribe: group),
        Row(model: .roster, seesPresence: true, groups: ["Enemies"], read: group, subscribe: group),
        Row(model: .roster, seesPresence: true, groups: ["Enemies", "Friends"], read: nil, subscribe: nil),
        Row(model: .roster, groups: ["Friends"], read: presence, subscribe: presence),
        Row(model: .authorize, read: subscribed, subscribe: nil),
        Row(model: .authorize, isSubscribed: true, read: nil, subscribe: nil),
        Row(model: .authorize, affiliation: .member, read: nil, subscribe: nil),
        Row(model: .whitelist, seesPresence: true, read: closed, subscribe: closed),
        Row(model: .whitelist, isSubscribed: true, read: closed, subscribe: closed),
        Row(model: .whitelist, affiliation: .member, read: nil, subscribe: nil),
        Row(model: .whitelist, affiliation: .publisher, read: nil, subscribe: nil),
        Row(model: .whitelist, affiliation: .owner, read: nil, subscribe: nil),
    ]

    private static func words(_ error: StanzaError?) -> String? {
        error.map { error in error.condition.rawValue + (error.detail.map { " \($0.name)" } ?? "") }
    }

    @Test(arguments: rows) func audience(_ row: Row) {
        var configuration = NodeConfiguration()
        configuration.accessModel = row.model
        configuration.rosterGroups = ["Friends"]
        let access = NodeAccess(
            configuration: configuration, affiliation: row.affiliation,
            relation: .init(seesPresence: row.seesPresence, groups: row.groups), isSubscribed: row.isSubscribed)
        #expect(Self.words(access.readError) == row.read)
        #expect(Self.words(access.subscribeError) == row.subscribe)
    }

    @Test(arguments: NodeConfiguration.PublishModel.allCases, Affiliation.allCases)
    func publishers(_ model: NodeConfiguration.PublishModel, _ affiliation: Affiliation) {
        var configuration = NodeConfiguration()
        configuration.publishModel = model
        for isSubscribed in [false, true] {
            let access = NodeAccess(
                configuration: configuration, affiliation: affiliation, relation: .none, isSubscribed: isSubscribed)
            let isAllowed =
                switch affiliation {
                case .owner, .publisher, .publishOnly: true
                case .outcast: false
                case .none, .member: model == .open || model == .subscribers && isSubscribed
                }
            #expect((access.publishError == nil) == isAllowed)
            #expect(access.mayChangeAll == (affiliation == .owner))
        }
    }

    @Test func onlyOthersWaitForApproval() {
        var configuration = NodeConfiguration()
        configuration.accessModel = .authorize
        for affiliation in Affiliation.allCases {
            let access = NodeAccess(
                configuration: configuration, affiliation: affiliation, relation: .none, isSubscribed: false)
            #expect(access.needsApproval == [.none, .outcast, .publishOnly].contains(affiliation))
        }
    }
}
