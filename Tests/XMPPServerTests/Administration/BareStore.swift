import Foundation
import SQLiteStorage
import XMPP
import XMPPModules

@testable import XMPPServer

/// An administration of a store that no server has open, for one test.
final class BareStore: Sendable {
    static let now = Timestamp(milliseconds: 1_335_434_400_000)

    let directory: String
    let configuration: ServerConfiguration
    let storage: any Storage
    let administration: Administration

    /// - Parameter hosts: domains and profiles; by default one of each profile that ships.
    init(hosts: KeyValuePairs<String, String> = ["im.example": "messenger", "chat.example": "standard"]) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "swallowtail-\(UUID().uuidString)").path
        let sections = hosts.map { domain, profile in
            "  \(domain): {profile: \(profile), authentication: {require-tls: off, scram-iterations: 4096}}\n"
        }
        let (root, _) = try ConfigFile.parse("hosts:\n" + sections.joined(), file: "\(directory)/f.yaml")
        configuration = ServerConfiguration(root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        storage = try SQLiteStorage(path: configuration.data.database)
        administration = Administration(configuration, storage: storage, now: { Self.now })
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Performs a request that succeeds with an account.
    func add(_ account: NewAccount) async throws -> AccountInfo {
        try await administration.perform(.addAccount(account: account)).account
    }

    /// Why a request fails; nil if it does not.
    func failure(_ request: AdministrationRequest) async -> String? {
        if case .failed(let reason) = await administration.perform(request) { reason } else { nil }
    }
}

/// A reply of another kind than the test asks for.
struct UnexpectedReply: Error {
    let reply: AdministrationReply
}

extension AdministrationReply {
    var account: AccountInfo {
        get throws { if case .account(let account) = self { account } else { throw UnexpectedReply(reply: self) } }
    }

    var accounts: [AccountInfo] {
        get throws { if case .accounts(let accounts) = self { accounts } else { throw UnexpectedReply(reply: self) } }
    }

    var details: AccountDetails {
        get throws { if case .details(let details) = self { details } else { throw UnexpectedReply(reply: self) } }
    }

    var minted: MintedToken {
        get throws { if case .minted(let token) = self { token } else { throw UnexpectedReply(reply: self) } }
    }

    var tokens: [TokenInfo] {
        get throws { if case .tokens(let tokens) = self { tokens } else { throw UnexpectedReply(reply: self) } }
    }

    var contacts: [ContactInfo] {
        get throws { if case .contacts(let contacts) = self { contacts } else { throw UnexpectedReply(reply: self) } }
    }

    var done: String {
        get throws { if case .done(let sentence) = self { sentence } else { throw UnexpectedReply(reply: self) } }
    }
}
