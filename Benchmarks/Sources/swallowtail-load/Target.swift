import ArgumentParser
import FoundationEssentials

enum Transport: String, ExpressibleByArgument, CaseIterable {
    case plain, starttls, direct
}

enum Mechanism: String, ExpressibleByArgument, CaseIterable {
    case plain = "PLAIN"
    case scramSHA1 = "SCRAM-SHA-1"
    case scramSHA256 = "SCRAM-SHA-256"
    case messengerOAuth2 = "X-MESSENGER-OAUTH2"
}

/// The server, and how clients get in.
struct Target {
    var host = "127.0.0.1"
    var port = 5222
    var domain = "localhost"
    var transport = Transport.plain
    var mechanism = Mechanism.scramSHA1
    var namePrefix = "user"
    var password = "secret"
    /// Access tokens by number of the user, in place of the password.
    var tokens: [String] = []
    /// How many addresses of this machine clients connect from.
    var sources = 1
    /// No XMPP but lines, as the forwarder `floor` takes them.
    var speaksLines = false

    func name(of user: Int) -> String { "\(namePrefix)\(user)" }
    func bareJID(of user: Int) -> String { "\(namePrefix)\(user)@\(domain)" }
    func secret(of user: Int) -> String { tokens.isEmpty ? password : tokens[(user - 1) % tokens.count] }

    /// The number in a bare or full JID of this naming.
    func user(in jid: String) -> Int? {
        guard jid.hasPrefix(namePrefix), let end = jid.firstIndex(of: "@") else { return nil }
        return Int(jid[jid.index(jid.startIndex, offsetBy: namePrefix.count)..<end])
    }
}

/// The options that say which server.
struct TargetOptions: ParsableArguments {
    @Option(help: "The server's IP address.") var host = "127.0.0.1"
    @Option(help: "The server's port.") var port = 5222
    @Option(help: "The domain that is served there.") var domain = "localhost"
    @Option(help: "plain, starttls or direct.") var transport = Transport.plain
    @Option(help: "PLAIN, SCRAM-SHA-1, SCRAM-SHA-256 or X-MESSENGER-OAUTH2.") var mechanism = Mechanism.scramSHA1
    @Option(help: "What the accounts' names begin with; a number follows, from 1.") var user = "user"
    @Option(help: "The number of the first account to be used.") var first = 1
    @Option(help: "The password of all accounts.") var password = "secret"
    @Option(help: "A file with an access token on each line, for the accounts from number 1.") var tokens: String?
    @Option(help: "How many addresses of 127.0.0.0/8 to connect from; one has about 28,000 ports.") var sources = 1

    func target() throws -> Target {
        var list: [String] = []
        if let tokens {
            guard let text = try? String(contentsOfFile: tokens, encoding: .utf8) else {
                throw ValidationError("cannot read \(tokens)")
            }
            list = text.split(separator: "\n").map(String.init)
        }
        guard first > 0, sources > 0 else { throw ValidationError("--first and --sources begin at 1") }
        if mechanism == .messengerOAuth2, list.isEmpty {
            throw ValidationError("X-MESSENGER-OAUTH2 takes --tokens")
        }
        return Target(
            host: host, port: port, domain: domain, transport: transport, mechanism: mechanism, namePrefix: user,
            password: password, tokens: list, sources: sources)
    }
}
