import Foundation
import Logging
import NIOPosix
import SQLiteStorage
import TestKit
import XMPP
import XMPPModules

@testable import XMPPServer

/// An administration of a store that no server with listeners has open, for one test.
final class BareStore: Sendable {
    static let now = Timestamp(milliseconds: 1_335_434_400_000)

    let directory: String
    let configuration: ServerConfiguration
    let storage: any Storage
    let administration: Administration
    private let server: Server

    /// - Parameters:
    ///   - hosts: domains and profiles; by default one of each profile that ships.
    ///   - modules: further modules of each, in YAML.
    ///   - available: those that there are.
    init(
        hosts: KeyValuePairs<String, String> = ["im.example": "messenger", "chat.example": "standard"],
        modules: String = "", _ available: [any ServerModule.Type] = StandardModules.all,
        logger: Logger = Logger(label: "store") { _ in SwiftLogNoOpLogHandler() }
    ) async throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "swallowtail-\(UUID().uuidString)").path
        let sections = hosts.map { domain, profile in
            "  \(domain): {profile: \(profile), authentication: {require-tls: off, scram-iterations: 4096}, "
                + "modules: {\(modules)}}\n"
        }
        let (root, _) = try ConfigFile.parse("hosts:\n" + sections.joined(), file: "\(directory)/f.yaml")
        configuration = ServerConfiguration(root, builtInProfiles: StandardProfiles.yaml, modules: available)
        storage = try SQLiteStorage(path: configuration.data.database)
        server = try await Server(
            configuration, storage: storage, group: MultiThreadedEventLoopGroup.singleton,
            logger: logger, listens: false, now: { Self.now })
        administration = Administration(server)
    }

    deinit {
        Task { [server] in await server.stop() }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Adds an account.
    func add(_ account: NewAccount) async throws -> AccountInfo { try await administration.add(account) }

    /// Why something fails; nil if it does not.
    func failure(_ body: (Administration) async throws -> Void) async -> String? {
        do {
            try await body(administration)
            return nil
        } catch let error as AdministrationError {
            return error.description
        } catch let error as StorageError {
            return AdministrationError(error).description
        } catch {
            return "\(error)"
        }
    }
}

/// Accounts by their names.
extension Administration {
    func details(of name: AccountName) async throws -> AccountDetails { try await details(of: account(name)) }
    func contacts(of name: AccountName) async throws -> [ContactInfo] { try await contacts(of: account(name)) }
}
