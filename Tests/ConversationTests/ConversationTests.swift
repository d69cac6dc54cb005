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

    private static let scripts = Result { try Script.all(in: directory) }

    static let runs: [Run] = {
        let environment = ProcessInfo.processInfo.environment
        let wanted = environment["CONVERSATION"] ?? ""
        let transports = environment["TRANSPORTS"].map {
            $0.split(separator: " ").compactMap { Transport(rawValue: "\($0)") }
        }
        let all = (try? Self.scripts.get()) ?? []
        return all.filter { $0.name.hasPrefix(wanted) }.flatMap { script in
            script.transports.filter { (transports ?? Transport.allCases).contains($0) }.map {
                Run(script: script, transport: $0)
            }
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
