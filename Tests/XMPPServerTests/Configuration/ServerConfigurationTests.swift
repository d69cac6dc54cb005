import Testing
import XMPP
import XMPPStream

@testable import XMPPServer

/// Stand-ins for the profiles that ship with the server.
private let builtIn = """
    standard:
      authentication: {mechanisms: [SCRAM-SHA-256]}
      modules:
        ping: {}
        roster: {verbs: [add, remove]}
    strict:
      authentication: {mechanisms: [X-MESSENGER-OAUTH2], attempts: 1}
      stanzas: {message-types: [chat], from-strangers: refuse}
      limits: {stanza-size: 16 KiB, idle-time: 5 min}
      modules:
        roster: {verbs: [add]}
        ping:
    """

private struct Ping: ServerModule {
    struct Settings: ModuleSettings {
        let bytes: Int

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            bytes = section.integer("bytes", default: 10, in: 0...99, "The bytes of a ping.")
        }
    }

    static let info = ModuleInfo("ping", implements: [], summary: "Answers.")
    init(host: Host, settings: Settings) {}
    func register(_ registrar: inout Registrar) {}
}

private struct Roster: ServerModule {
    struct Settings: ModuleSettings {
        let verbs: [String]
        let hasPing: Bool

        init(_ section: ConfigSection, in profile: ProfileSettings) {
            verbs = section.strings("verbs", default: [], "What may be done.")
            hasPing = profile.offers("ping")
        }
    }

    static let info = ModuleInfo("roster", implements: [], summary: "Contacts.")
    init(host: Host, settings: Settings) {}
    func register(_ registrar: inout Registrar) {}
}

private struct Time: ServerModule {
    static let info = ModuleInfo("time", implements: [], summary: "The time.")
    init(host: Host, settings: NoSettings) {}
    func register(_ registrar: inout Registrar) {}
}

private let modules: [any ServerModule.Type] = [Ping.self, Roster.self, Time.self]

/// Reads a file as the server does.
private func read(
    _ text: String, file: String = "f.yaml"
) throws -> (configuration: ServerConfiguration, messages: [String]) {
    let (root, report) = try ConfigFile.parse(text, file: file)
    let configuration = ServerConfiguration(root, builtInProfiles: builtIn, modules: modules)
    return (configuration, report.finish().map(\.description))
}

private let certificate = "certificate: c.pem, key: k.pem"

@Suite struct ServerConfigurationTests {
    @Test func aSmallFileIsEnough() throws {
        let (configuration, messages) = try read(
            "hosts:\n  Chat.Example: {profile: standard, \(certificate)}\n", file: "/etc/swallowtail/f.yaml"
        )
        #expect(messages == [])
        let host = try #require(configuration.host("chat.example"))
        #expect(host.profileName == "standard")
        #expect(host.certificate == "/etc/swallowtail/c.pem")
        #expect(host.authentication.mechanisms == [.scramSHA256])
        #expect(host.modules.map(\.info.name) == ["ping", "roster"])
        #expect(host.limits == .default)
        #expect(configuration.listeners.map(\.port) == [5222])
        #expect(configuration.listeners.map(\.addresses) == [[.anyIPv6]])
        #expect(configuration.limits == .default)
        #expect(configuration.data.database == "/etc/swallowtail/data/swallowtail.db")
        #expect(configuration.data.administrationSocket == "/etc/swallowtail/data/administration.sock")
        #expect(configuration.log.format == .auto)
    }

    @Test func aHostLaysItsOwnOverTheProfile() throws {
        let (configuration, messages) = try read(
            """
            hosts:
              a:
                profile: strict
                \(certificate.split(separator: ", ").joined(separator: "\n    "))
                stanzas: {from-strangers: deliver}
                modules: {ping: off, time: on}
              b: {profile: strict, \(certificate)}
            """
        )
        #expect(messages == [])
        let first = try #require(configuration.host("a"))
        #expect(first.stanzas.messageTypes == [.chat])
        #expect(first.stanzas.fromStrangers == .deliver)
        #expect(first.limits.stanzaSize == 16_384)
        #expect(first.limits.idleTime == .seconds(300))
        #expect(first.modules.map(\.info.name) == ["roster", "time"])
        let second = try #require(configuration.host("b"))
        #expect(second.stanzas.fromStrangers == .refuse)
        #expect(second.modules.map(\.info.name) == ["roster", "ping"])
    }

    @Test func aThirdProfileIsYAMLAlone() throws {
        let (configuration, messages) = try read(
            """
            hosts:
              a: {profile: kiosk, \(certificate)}
            profiles:
              kiosk:
                extends: quiet
                modules:
                  ping: off
                  roster: {verbs: [add, rename]}
              quiet:
                extends: strict
                authentication: {mechanisms: [PLAIN]}
                stanzas: {message-types: [chat, headline]}
                streams: {resource-conflict: replace-old}
                limits:
                  rate: {stanzas-per-second: 5}
                modules:
                  time: {}
            """
        )
        #expect(messages == [])
        let host = try #require(configuration.host("a"))
        #expect(host.authentication.mechanisms == [.plain])
        #expect(host.authentication.attempts == 1)
        #expect(host.stanzas.messageTypes == [.chat, .headline])
        #expect(host.stanzas.fromStrangers == .refuse)
        #expect(host.streams.resourceConflict == .replaceOld)
        #expect(host.limits.rate.stanzasPerSecond == 5)
        #expect(host.limits.stanzaSize == 16_384)
        #expect(host.modules.map(\.info.name) == ["roster", "time"])
        let settings = try #require(host.modules.first?.settings as? Roster.Settings)
        #expect(settings.verbs == ["add", "rename"])
        #expect(!settings.hasPing)
    }

    @Test func aProfileWithABuiltInNameChangesIt() throws {
        let (configuration, messages) = try read(
            """
            hosts: {a: {profile: strict, \(certificate)}}
            profiles:
              strict:
                limits: {stanza-size: 32 KiB}
            """
        )
        #expect(messages == [])
        #expect(configuration.hosts.first?.limits.stanzaSize == 32_768)
        #expect(configuration.hosts.first?.authentication.attempts == 1)
    }

    @Test func everythingElseIsRead() throws {
        let (configuration, messages) = try read(
            """
            data:
              directory: /var/lib/swallowtail
              database: /tmp/x.db
              administration-socket: run/a.sock
            log: {level: debug, format: json}
            limits:
              connections: 5
              sign-ins: {per-address: 3, time: 2 min}
              registrations: {per-address: 1}
              trusted-addresses: [127.0.0.0/8, "::1"]
            hosts:
              a: {profile: standard, \(certificate)}
            listeners:
            - addresses: [127.0.0.1, "::1"]
              port: 0
              tls: direct
              hosts: [a]
              node-name: NODE1.example
            - port: 5222
              redirect: {to: "node1.example:5223", at: after-sasl, accounts: [mary@a], wait: 1 s}
            """, file: "sub/f.yaml"
        )
        #expect(messages == [])
        #expect(configuration.data.directory == "/var/lib/swallowtail")
        #expect(configuration.data.database == "/tmp/x.db")
        #expect(configuration.data.administrationSocket == "sub/run/a.sock")
        #expect(configuration.log.format == .json)
        #expect(configuration.limits.connections == 5)
        #expect(configuration.limits.signIns.perAddress == 3)
        #expect(configuration.limits.signIns.time == .seconds(120))
        #expect(configuration.limits.trusts(try #require(IPAddress("127.3.2.1"))))
        #expect(!configuration.limits.trusts(try #require(IPAddress("192.0.2.1"))))
        let (first, second) = (configuration.listeners[0], configuration.listeners[1])
        #expect(first.addresses.map(\.description) == ["127.0.0.1", "::1"])
        #expect(first.tls == .direct)
        #expect(first.hosts == ["a"])
        #expect(first.redirect == nil)
        #expect(second.redirect?.target.description == "node1.example:5223")
        #expect(second.redirect?.stage == .afterSASL)
        #expect(second.redirect?.accounts?.map(\.string) == ["mary@a"])
        #expect(second.redirect?.wait == .seconds(1))
    }
}

/// Files with one mistake each, and what is said about it.
@Suite struct WrongConfigurationTests {
    @Test(arguments: [
        (
            "hosts:\n  x:\n    profil: standard\n    \(block)",
            "f.yaml:3: hosts.x.profil: unknown key — did you mean \"profile\"?"
        ),
        ("hots: {}\n\(host)", "f.yaml:1: hots: unknown key — did you mean \"hosts\"?"),
        (
            "hosts:\n  chat.example:\n    profile: standard\n    authentication: {require-tls: off}\n  certificate: c.pem\n",
            "f.yaml:5: hosts.certificate: expected a section, found a single value — write its keys indented below it"
        ),
        ("log: {}", "f.yaml: hosts: no host is served — add at least one domain below \"hosts:\""),
        ("hosts:", "f.yaml:1: hosts: no host is served — add at least one domain below \"hosts:\""),
        (
            "hosts:\n  x: {profile: strikt, \(certificate)}",
            "f.yaml:2: hosts.x.profile: there is no profile \"strikt\" — did you mean \"strict\"?"
        ),
        (
            "hosts:\n  x: {profile: zebra, \(certificate)}\nprofiles: {own: }",
            "f.yaml:2: hosts.x.profile: there is no profile \"zebra\" — profiles: standard, strict, own"
        ),
        (
            "hosts:\n  x:\n    profile: standard",
            "f.yaml:2: hosts.x.certificate: the host has no certificate — set certificate and key to PEM files (or "
                + "authentication.require-tls to false, for tests only)"
        ),
        (
            "hosts:\n  x:\n    profile: standard\n    certificate: c.pem",
            "f.yaml:2: hosts.x.key: there is a certificate without its key — set key to a PEM file"
        ),
        (
            "hosts:\n  y: {profile: strict, \(certificate)}\n  x@y: {profile: standard, \(certificate)}",
            "f.yaml:3: hosts.x@y: \"x@y\" is no domain — write a domain such as \"chat.example\""
        ),
        (
            "hosts:\n  x: {profile: standard, \(certificate)}\n  X: {profile: standard, \(certificate)}",
            "f.yaml:3: hosts.X: the domain stands here twice — delete one of the two"
        ),
        (
            "\(host)\nprofiles:\n  a: {extends: b}\n  b: {}\n  c: {extends: strickt}",
            "f.yaml:5: profiles.c.extends: there is no profile \"strickt\" — did you mean \"strict\"?"
        ),
        (
            "\(host)\nprofiles:\n  a:\n    extends: a2\n  a2:\n    extends: a2",
            "f.yaml:6: profiles.a2.extends: the profiles extend each other in a circle: a2, a2 — "
                + "let one of them extend nothing"
        ),
        (
            "\(host)\nprofiles:\n  a: {modules: {pnig: {}}}",
            "f.yaml:3: profiles.a.modules.pnig: there is no such module — did you mean \"ping\"?"
        ),
        (
            "\(host)\nprofiles:\n  a: {modules: {zebra: off}}",
            "f.yaml:3: profiles.a.modules.zebra: there is no such module — modules: ping, roster, time"
        ),
        (
            "\(host)\nprofiles:\n  a:\n    modules:\n      ping:\n        byte: 5",
            "f.yaml:6: profiles.a.modules.ping.byte: unknown key — did you mean \"bytes\"?"
        ),
        (
            "\(host)\nprofiles:\n  a:\n    modules: {ping: 7}",
            "f.yaml:4: profiles.a.modules.ping: \"7\" is no section — write on, off, or its settings indented below it"
        ),
        (
            "hosts:\n  x:\n    profile: standard\n    \(block)\n    modules: {time: {zone: 1}}",
            "f.yaml:6: hosts.x.modules.time.zone: unknown key — delete it; nothing can be set here"
        ),
        (
            "hosts:\n  x:\n    profile: standard\n    \(block)\n    authentication: {mechanisms: []}",
            "f.yaml:6: hosts.x.authentication.mechanisms: nobody could sign in — list at least one mechanism"
        ),
        (
            "hosts:\n  x:\n    profile: standard\n    \(block)\n    limits: {stanza-size: 8 KiB}",
            "f.yaml:6: hosts.x.limits.stanza-size: 8 KiB is out of bounds — "
                + "write it as \"16 KiB\", from 10000 B to 64 MiB"
        ),
        (
            "\(host)\ndata:\n  directory: /\(String(repeating: "x", count: 100))",
            "f.yaml:2: data.administration-socket: the path has 121 bytes, a socket's may have 107 — "
                + "set a shorter path, "
                + "such as \"/run/swallowtail.sock\""
        ),
        (
            "\(host)\nlimits:\n  trusted-addresses:\n  - 127.0.0.0/8\n  - 10.0.0.0/40",
            "f.yaml:5: limits.trusted-addresses[1]: \"10.0.0.0/40\" is not a block of addresses — write it as "
                + "\"192.0.2.0/24\", \"2001:db8::/32\" or a single address"
        ),
    ])
    func theMistakeIsNamed(text: String, message: String) throws {
        #expect(try read(text).messages == [message])
    }

    @Test func aCircleOfProfilesIsNamed() throws {
        let text = "\(host)\nprofiles:\n  a: {extends: b}\n  b: {extends: a}"
        #expect(
            try read(text).messages == [
                "f.yaml:3: profiles.a.extends: the profiles extend each other in a circle: a, b, a — "
                    + "let one of them extend "
                    + "nothing",
                "f.yaml:4: profiles.b.extends: the profiles extend each other in a circle: b, a, b — "
                    + "let one of them extend "
                    + "nothing",
            ]
        )
    }

    @Test(
        arguments: [
            ("port: 99999", "port: 99999 is out of bounds — write a number from 0 to 65535"),
            ("tls: ssl", "tls: \"ssl\" is not known here — write starttls, direct or either"),
            (
                "addresses: [localhost]",
                "addresses[0]: \"localhost\" is not an IP address — write it as \"127.0.0.1\" or \"::1\""
            ),
            ("addresses: []", "addresses: nobody could connect — list at least one address, such as \"::\""),
            (
                "hosts: [chat.exmaple]",
                "hosts[0]: \"chat.exmaple\" is not among the hosts — did you mean \"chat.example\"?"
            ),
            (
                "redirect: {to: a b}",
                "redirect.to: \"a b\" is not a host — write it as \"node.example\" or \"node.example:5223\""
            ),
            (
                "redirect: {to: other, at: after-sasl, accounts: [a@b, c]}",
                "redirect.accounts[1]: \"c\" is no account's address — write it as \"mary@chat.example\""
            ),
            (
                "redirect: {wait: 1 s}",
                "redirect.to: the redirect leads nowhere — set to to a host, or delete the redirect"
            ),
            (
                "redirect: {to: other, accounts: [a@b]}",
                "redirect.accounts: before sign-in no account is known — set at to after-sasl"
            ),
            (
                "tls: direct, redirect: {to: other, at: before-tls}",
                "redirect.at: with direct TLS there is nothing before TLS — write before-sasl, or set tls to either"
            ),
            ("redirect: {to: localhost}", loop), ("redirect: {to: 127.0.0.1}", loop),
            ("redirect: {to: \"[::1]:5222\"}", loop),
            ("redirect: {to: chat.example}", loop), ("node-name: N1.example, redirect: {to: n1.example}", loop),
            ("addresses: [192.0.2.1], redirect: {to: 192.0.2.1}", loop),
            ("addresses: [192.0.2.1], redirect: {to: 192.0.2.2}", nil), ("redirect: {to: \"localhost:5223\"}", nil),
            ("addresses: [192.0.2.1], redirect: {to: localhost}", nil), ("port: 0, redirect: {to: localhost}", nil),
        ] as [(String, String?)])
    func theListenersMistakeIsNamed(settings: String, message: String?) throws {
        let text = "\(host)\nlisteners:\n- {\(settings)}"
        #expect(try read(text).messages == (message.map { ["f.yaml:3: listeners[0].\($0)"] } ?? []))
    }

    @Test func listenersMayNotSendClientsInACircle() throws {
        let text = """
            \(host)
            listeners:
            - {port: 5222, redirect: {to: "localhost:5223"}}
            - {port: 5223, redirect: {to: "localhost:5222"}}
            - {port: 5224, redirect: {to: "localhost:5222"}}
            """
        let fix = "name another host or port, or delete the redirect"
        #expect(
            try read(text).messages == [
                "f.yaml:3: listeners[0].redirect.to: the redirect leads back to this listener by way of others — "
                    + "\(fix)",
                "f.yaml:4: listeners[1].redirect.to: the redirect leads back to this listener by way of others — "
                    + "\(fix)",
            ]
        )
    }

    @Test func twoListenersCannotHaveOnePort() throws {
        let text = "\(host)\nlisteners:\n- {port: 5222}\n- {port: 5222}\n- {port: 0}\n- {port: 0}"
        #expect(
            try read(text).messages == [
                "f.yaml:4: listeners[1].port: another listener has the same address and port — choose another port"
            ]
        )
    }

    @Test func componentsHaveNoPrivilegesUnlessTheyAreGiven() throws {
        let (configuration, messages) = try read(
            """
            hosts:
              a:
                \(certificate.split(separator: ", ").joined(separator: "\n    "))
                components:
                  b: {secret: component-secret}
                  c: {secret: component-secret, privileges: {message: outgoing, roster: get}}
                  d: {secret: component-secret, privileges: {message: incoming, rooster: get, iq: {"jabber:iq:register": set}}}
            """)
        let privileges = try #require(configuration.host("a")).components.map(\.privileges)
        #expect(privileges.map(\.isEmpty) == [true, false, true])
        #expect(privileges[1].messages == .outgoing)
        #expect(privileges[1].roster.allows(.get))
        #expect(!privileges[1].roster.allows(.set))
        #expect(messages.count == 3)
    }

    @Test func componentsAreToldPresenceAndChangesAsTheyMay() throws {
        let (configuration, messages) = try read(
            """
            hosts:
              a:
                \(certificate.split(separator: ", ").joined(separator: "\n    "))
                components:
                  b: {secret: component-secret, privileges: {roster: both, presence: roster}}
                  c: {secret: component-secret, privileges: {roster: set, presence: roster}}
                  d: {secret: component-secret, privileges: {roster: get, roster-push: off, presence: managed_entity}}
            """)
        let privileges = try #require(configuration.host("a")).components.map(\.privileges)
        #expect(privileges.map(\.rosterPush) == [true, false, false])
        #expect(privileges.map(\.presence) == [.contacts, .contacts, .accounts])
        #expect(messages.count == 1)
        #expect(messages.first?.contains("a.components.c.privileges.presence: ") == true)
    }

    @Test func delegationsAreUniqueAndLeaveTheOwnersMattersAlone() throws {
        let (configuration, messages) = try read(
            """
            hosts:
              a:
                \(certificate.split(separator: ", ").joined(separator: "\n    "))
                components:
                  b: {secret: component-secret, delegations: {"urn:a": {}, "urn:b": {attributes: [node]}}}
                  c: {secret: component-secret, delegations: {"urn:b": {}, "urn:a": {}, "jabber:iq:register": {}}}
                  d: {secret: component-secret, delegations: {"urn:xmpp:delegation:2": {}, "urn:c": {atributes: [a]}}}
            """)
        let components = try #require(configuration.host("a")).components
        #expect(components[0].delegations.map(\.namespace) == ["urn:a", "urn:b"])
        #expect(components[0].delegations.map(\.attributes) == [[], ["node"]])
        #expect(messages.count == 4)
    }

    @Test func allMistakesComeAtOnceInOrder() throws {
        let text = "lgo: {}\nlimits: {connections: x}\nhosts:\n  a: {profile: strict, \(certificate), stansas: {}}\n"
        #expect(
            try read(text).messages == [
                "f.yaml:1: lgo: unknown key — did you mean \"log\"?",
                "f.yaml:2: limits.connections: \"x\" is not a whole number — write a number from 0 to 10000000",
                "f.yaml:4: hosts.a.stansas: unknown key — did you mean \"stanzas\"?",
            ]
        )
    }

    @Test func aMistakeInABuiltInProfileIsTold() throws {
        let (root, report) = try ConfigFile.parse(host, file: "f.yaml")
        _ = ServerConfiguration(root, builtInProfiles: "standard: {limts: {}}\n", modules: [])
        #expect(
            report.finish().map(\.description) == [
                "(built-in profiles):1: standard.limts: unknown key — did you mean \"limits\"?"
            ]
        )
    }
}

@Suite struct ReferenceTests {
    @Test func theReferenceHasEverySection() {
        let text = ServerConfiguration.reference(builtInProfiles: builtIn, modules: modules)
        let headings = text.split(separator: "\n").filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) }
        #expect(
            headings == [
                "`data`", "`log`", "`limits`", "`limits.sign-ins`", "`limits.registrations`", "`profiles.<name>`",
                "`profiles.<name>.authentication`", "`profiles.<name>.stanzas`", "`profiles.<name>.streams`",
                "`profiles.<name>.limits`", "`profiles.<name>.limits.rate`", "`profiles.<name>.modules`",
                "`profiles.<name>.modules.ping`", "`profiles.<name>.modules.roster`", "`profiles.<name>.modules.time`",
                "`hosts.<name>`", "`hosts.<name>.components.<name>`", "`hosts.<name>.components.<name>.queue`",
                "`hosts.<name>.components.<name>.privileges`", "`hosts.<name>.components.<name>.privileges.iq`",
                "`hosts.<name>.components.<name>.delegations.<name>`",
                "`listeners[]`", "`listeners[].redirect`", "`http-listeners[]`", "`component-listeners[]`",
            ]
        )
        #expect(text.contains("| `bytes` | number from 0 to 99 | `10` | The bytes of a ping. |"))
        #expect(text.contains("| `stanza-size` | bytes from 10000 B to 64 MiB | `256 KiB` | The largest stanza. |"))
    }
}

private let block = "certificate: c.pem\n    key: k.pem"
private let host = "hosts: {chat.example: {profile: standard, \(certificate)}}"
private let loop =
    "redirect.to: the redirect leads to this listener itself — name another host or port, or delete the redirect"
