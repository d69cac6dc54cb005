import Foundation
import XMPPServer

/// A conversation between clients and the server, as text: what each client sends and must receive.
///
/// `Tests/Conversations/README.md` describes the format.
public struct Script: Sendable {
    /// The file's name without extension.
    public let name: String
    /// The file.
    public let path: String
    /// The configuration of its server.
    public internal(set) var configuration = TestConfiguration()
    /// The transports that the script is for.
    public internal(set) var transports = Transport.allCases
    var people: [TestAccount] = []
    var rosters: [RosterLine] = []
    var steps: [Step] = []

    /// A contact in a roster at the beginning.
    struct RosterLine: Sendable {
        let owner: String
        let contact: String
        let state: SubscriptionState
        var name: String?
        var groups: [String] = []
        let isApproved: Bool
    }

    struct Step: Sendable {
        let line: Int
        let action: Action
    }

    /// How far a connection is established before the script continues.
    enum Depth: Sendable {
        case connected
        /// With TLS from the first byte.
        case direct(host: String)
        /// On TLS, the stream opened, its features read.
        case opened(host: String)
        /// Signed in, the stream opened anew, its features read.
        case signedIn(host: String, alias: String)
    }

    enum Action: Sendable {
        case connect(name: String, Depth, listener: String?)
        /// An authenticated external component.
        case connectComponent(name: String, domain: String)
        case signIn(alias: String, resource: String?, isOnline: Bool, listener: String?)
        case send(client: String, String)
        case receive(client: String, String, inAnyOrder: Bool)
        case receiveText(client: String, String)
        case receiveNothing(client: String)
        case ignoreRest(client: String?)
        case beDisconnected(client: String)
        case close(client: String)
        case hangUp(client: String)
        case startTLS(client: String, host: String)
        case advance(Duration)
        case setClock(aheadBy: Duration)
        case stopServer
        case restartServer
        case killServer
        case runJobs
        case failStorage(Bool)
        case mint(alias: String)
        /// By a person, or to a host.
        case invite(inviter: String)
        case administrate(CommandRequest)
    }

    /// All scripts in a directory, in the order of their names.
    public static func all(in directory: String) throws -> [Script] {
        try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasSuffix(".xmpp") }.sorted()
            .map { try Script(path: "\(directory)/\($0)") }
    }

    /// Reads a script. Throws a `ConversationFailure` that names an invalid line.
    public init(path: String) throws {
        try self.init(
            name: String(path.split(separator: "/").last?.dropLast(5) ?? ""), path: path,
            text: String(contentsOfFile: path, encoding: .utf8))
    }

    /// Reads a script from a text.
    public init(name: String, path: String = "", text: String) throws {
        self.name = name
        self.path = path
        var reader = ScriptReader(text: text)
        try reader.read(into: &self)
    }
}
