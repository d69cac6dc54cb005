import Foundation
import TestKit
import Testing
import XMPPServer

/// Every script in `Tests/Conversations`, on every transport that it is for.
///
/// `CONVERSATION=R24` in the environment runs those alone whose names begin so; `make conversation-R24` does that.
/// `TRANSPORTS="memory tcp"` chooses transports.
@Suite struct ConversationTests {
    struct Run: Sendable, CustomTestStringConvertible {
        let script: Script
        let transport: Transport

        var testDescription: String { "\(script.name), \(transport.rawValue)" }
    }

    static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Conversations").path

    /// The server's own secret, and the apps that there are.
    private static let storesAboutNobody: Set = ["secret", "app"]

    private static let presenceOfSubscribers =
        "which clients are there, and what they want to be told of, is known at their home alone"

    private static let keptBeforePresence = "what was kept comes from one home, presence of contacts from the other"

    /// Scripts that do not run with people at two homes (`Transport.homes`), each with its reason.
    private static let notWithTwoHomes = [
        "0045-removal": "not yet: commands for other people's accounts are carried out where they are given",
        "0060-subscribe": "not yet: \(presenceOfSubscribers)",
        "0084-from-vcard": "not yet: \(presenceOfSubscribers)",
        "0107-mood-activity-tune": "not yet: \(presenceOfSubscribers)",
        "0133-accounts": "not yet: commands for other people's accounts are carried out where they are given",
        "0133-service": "not yet: who is online is counted by each server for itself",
        "0163-at-once": "not yet: \(presenceOfSubscribers)",
        "0163-blocking": "not yet: \(presenceOfSubscribers)",
        "0163-discovery": "not yet: \(presenceOfSubscribers)",
        "0163-last-item": "not yet: \(presenceOfSubscribers)",
        "0163-new-contact": "not yet: \(presenceOfSubscribers)",
        "0163-publish": "not yet: \(presenceOfSubscribers)",
        "0163-removal": "not yet: what an account has to do with at accounts of another home does not end with it",
        "0163-resumed": "not yet: \(presenceOfSubscribers)",
        "0172-nickname-node": "not yet: \(presenceOfSubscribers)",
        "0198-not-resumed": keptBeforePresence,
        "0198-removal": "an account's sessions and its subscriptions end side by side; one loop puts that in order",
        "0292-vcard4": "not yet: \(presenceOfSubscribers)",
        "0356-presence-contacts": "contacts at two homes are told to a component in no order",
        "0356-requests": "the home of a session that is gone answers for it at once",
        "0356-roster-push": "not yet: commands for other people's accounts are carried out where they are given",
        "0357-limits": "each home counts for itself what it sends to a push service",
        "0363-refused": "each home counts for itself how much room files have left",
        "0384-omemo": "not yet: \(presenceOfSubscribers)",
        "0390-interest": "not yet: \(presenceOfSubscribers)",
        "0398-account-page": "not yet: \(presenceOfSubscribers)",
        "0490-displayed": "not yet: \(presenceOfSubscribers)",
        "R41-states-are-not-kept": keptBeforePresence,
        "R42-offline": keptBeforePresence,
        "R50-history-of-both": "a quick answer is archived before its message, which waits for the other home",
    ]

    private static let scripts = Result { try Script.all(in: directory) }

    static let runs: [Run] = {
        let environment = ProcessInfo.processInfo.environment
        let wanted = environment["CONVERSATION"] ?? ""
        let transports = environment["TRANSPORTS"].map {
            $0.split(separator: " ").compactMap { Transport(rawValue: "\($0)") }
        }
        let all = (try? Self.scripts.get()) ?? []
        return all.filter { $0.name.hasPrefix(wanted) }.flatMap { script in
            script.transports.filter { transport in
                (transports ?? Transport.allCases).contains(transport)
                    && (transport != .homes || notWithTwoHomes[script.name] == nil)
            }.map { Run(script: script, transport: $0) }
        }
    }()

    @Test func everyScriptCanBeRead() throws {
        #expect(try !Self.scripts.get().isEmpty)
    }

    @Test(arguments: runs) func conversation(_ run: Run) async {
        do {
            try await Conversation.run(run.script, on: run.transport) { server in
                // Whatever a module stores is declared, or is about nobody.
                let declared = Set(server.server.hosts.all.flatMap(\.personalData).map(\.store))
                let undeclared = server.storage.usedStores.subtracting(declared).subtracting(Self.storesAboutNobody)
                #expect(undeclared.isEmpty, "stores that no module declares as personal data: \(undeclared)")
            }
        } catch {
            Issue.record(Comment(rawValue: "\(error)"))
        }
    }
}
