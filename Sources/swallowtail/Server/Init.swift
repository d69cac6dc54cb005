import ArgumentParser
import Foundation
import XMPP
import XMPPModules
import XMPPServer

/// `swallowtail init`.
struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: """
            Sets a server up: writes the configuration, makes a certificate, the first administrator and an invitation.
            """,
        discussion: """
            A file of the configuration that has no hosts yet is added to. The certificate is signed by itself, unless \
            others are named. At the end it prints what is left to do: the DNS records, and how the server is started.
            """)

    @Argument(help: "What stands behind the @ in addresses; without it, the command asks.")
    var domain: String?

    @Option(
        help: ArgumentHelp("What stands before the @ in the address of the first administrator.", valueName: "name"))
    var admin = "admin"

    @Option(help: ArgumentHelp("A certificate chain in PEM, instead of making one.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("The key of that certificate.", valueName: "file"))
    var key: String?

    @OptionGroup var password: PasswordOptions

    @OptionGroup var options: ConfigurationOptions

    func validate() throws {
        guard (certificate == nil) == (key == nil) else {
            throw ValidationError("Say both --certificate and --key, or neither.")
        }
    }

    func run() async throws {
        let file = options.pathOfNew()
        let before = try text(of: file)
        let domain = try chosenDomain()
        let password = try password.read()
        let pair = try certificatePair(domain, beside: file)
        try write(before + Self.hosts(domain, pair), to: file)
        print("Written: \(file)")

        let configuration = try options(for: file).load()
        let directory = configuration.data.directory
        if DataOwner(of: directory) == nil {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        let owner = DataOwner(of: directory)
        let isOthers = owner.map { $0.user != geteuid() } ?? false
        try owner?.act()

        let address = "\(admin)@\(domain)"
        _ = try await perform(
            "account-add",
            ["name": .text(address), "password": CommandValue(password), "admin": .boolean(true)], configuration)
        print("The administrator: \(address)")
        let invitation = try await perform(
            "invite-make", ["host": .text(domain), "expires": .text("7d")], configuration)
        printInvitation(invitation.text)
        printRecords(domain)
        printStart(file, isOthers ? owner : nil)
    }

    // MARK: What is asked and written

    private func chosenDomain() throws -> String {
        var name = domain
        if name == nil {
            FileHandle.standardError.write(Data("Domain (what stands behind the @ in addresses): ".utf8))
            name = readLine()
        }
        let typed = name?.trimmingCharacters(in: .whitespaces) ?? ""
        let isPlain = typed.allSatisfy { $0.isLetter || $0.isNumber || $0 == "." || $0 == "-" }
        guard isPlain, let jid = JID(typed), jid.local == nil, jid.resource == nil else {
            throw Failure("\"\(typed)\" is no domain; say one such as chat.example")
        }
        return jid.domain
    }

    /// The configuration before the hosts.
    private func text(of file: String) throws -> String {
        guard FileManager.default.fileExists(atPath: file) else {
            return "# `swallowtail config` prints every key that there is.\ndata:\n  directory: data\n"
        }
        let (configuration, _) = try options(for: file).check()
        guard configuration.hosts.isEmpty else {
            throw Failure(
                "\(file) has hosts already; edit it, and see \"swallowtail check\" and \"swallowtail account add\"")
        }
        do {
            return try String(contentsOfFile: file, encoding: .utf8)
        } catch {
            throw Failure("cannot read \(file): \(error.localizedDescription)")
        }
    }

    private static func hosts(_ domain: String, _ pair: (certificate: String, key: String)) -> String {
        """

        listeners:
          - port: 5222                      # STARTTLS, or TLS from the first byte
          - {port: 5223, tls: direct}

        http-listeners:
          - port: 5443                      # pages of the account, and streams of browsers

        hosts:
          "\(domain)":
            profile: standard
            certificate: "\(pair.certificate)"
            key: "\(pair.key)"
            modules: {web-pages: on, oauth: on, websocket: on, bosh: on, host-meta: on}

        """
    }

    /// The certificate's and the key's paths as the configuration names them.
    private func certificatePair(_ domain: String, beside file: String) throws -> (certificate: String, key: String) {
        if let certificate, let key {
            func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }
            return (absolute(certificate), absolute(key))
        }
        let folder = (file as NSString).deletingLastPathComponent
        let made = try SelfSignedCertificate(domain: domain)
        let pair = (certificate: "\(domain).pem", key: "\(domain).key")
        func place(_ name: String) -> String { (folder as NSString).appendingPathComponent(name) }
        for name in [pair.certificate, pair.key] where FileManager.default.fileExists(atPath: place(name)) {
            throw Failure("there is \(place(name)) already; name it with --certificate and --key, or move it away")
        }
        // The key first is there for nobody else; then its group is the server's.
        try create(place(pair.key), made.key, mode: 0o600)
        try create(place(pair.certificate), made.certificate, mode: 0o644)
        return pair
    }

    private func create(_ path: String, _ text: String, mode: Int) throws {
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: mode])
        else { throw Failure("cannot write \(path)") }
    }

    /// Writes the configuration if it is right, else nothing.
    private func write(_ text: String, to file: String) throws {
        let new = "\(file).new"
        try create(new, text, mode: 0o644)
        do {
            let configuration = try options(for: new).load()
            try giveKey(configuration)
            guard rename(new, file) == 0 else {
                throw Failure("cannot write \(file): \(String(cString: strerror(errno)))")
            }
        } catch {
            unlink(new)
            throw error
        }
    }

    /// Lets the owner of the data read a key that root has made.
    private func giveKey(_ configuration: ServerConfiguration) throws {
        guard key == nil, geteuid() == 0, let owner = DataOwner(of: configuration.data.directory), owner.user != 0
        else { return }
        for path in configuration.hosts.compactMap(\.key) {
            guard chown(path, 0, owner.group) == 0, chmod(path, 0o640) == 0 else {
                throw Failure("cannot give \(path) to the server: \(String(cString: strerror(errno)))")
            }
        }
    }

    private func options(for file: String) -> ConfigurationOptions {
        var options = options
        options.config = file
        return options
    }

    private func perform(
        _ command: String, _ arguments: [String: CommandValue], _ configuration: ServerConfiguration
    ) async throws -> CommandReply {
        let request = CommandRequest(command, arguments)
        let reply = try await Operator.perform(request, configuration) { storage in
            try await Operator.withServer(configuration, storage) { await $0.perform(request) }
        }
        guard reply.failure == nil else { throw Failure(reply.text) }
        return reply
    }

    // MARK: What is printed

    private func printInvitation(_ link: String) {
        print("\nAn invitation, good once, within seven days:\n\n    \(link)\n")
        if let code = QRCode(link) { print(code.terminalText) }
    }

    private func printRecords(_ domain: String) {
        print(
            """
            DNS records, with the addresses of this machine:

                \(domain).  A     (its IPv4 address)
                \(domain).  AAAA  (its IPv6 address, if it has one)
                _xmpp-client._tcp.\(domain).   SRV  5 0 5222 \(domain).
                _xmpps-client._tcp.\(domain).  SRV  5 0 5223 \(domain).

            """)
    }

    /// - Parameter owner: the user to run it as, if it is another one.
    private func printStart(_ file: String, _ owner: DataOwner?) {
        let command: String
        if owner != nil, FileManager.default.fileExists(atPath: "/run/systemd/system") {
            command = "systemctl enable --now swallowtail"
        } else {
            let name = owner.flatMap { getpwuid($0.user) }.map { String(cString: $0.pointee.pw_name) }
            command = (name.map { "runuser -u \($0) -- " } ?? "") + "swallowtail serve --config \(file)"
        }
        print("Start it:\n\n    \(command)")
    }
}
