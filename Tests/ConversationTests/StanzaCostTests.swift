import NIOCore
import Testing

@testable import TestKit

/// What one stanza costs the event loop grows as its bytes do. (What the parser alone does is counted in ParserCostTests.)
@Suite(.timeLimit(.minutes(10))) struct StanzaCostTests {
    private static let long = String(repeating: "n", count: 900)

    /// Stanzas with `count` of something.
    private static let stanzas: [(what: String, stanza: @Sendable (_ count: Int) -> String)] = [
        ("children", { message((0..<$0).map { "<x xmlns='urn:\($0)'/>" }.joined()) }),
        ("children of one name", { message(String(repeating: "<x xmlns='urn:x'><y/></x>", count: $0)) }),
        (
            "children that are taken off",
            { message(String(repeating: "<received xmlns='urn:xmpp:carbons:2'/>", count: $0)) }
        ),
        ("text", { message("<body>\(String(repeating: "\"&lt;", count: $0 * 10))</body>") }),
        (
            "attributes",
            {
                message(
                    String(repeating: "<x \((0..<100).map { "a\($0)=''" }.joined(separator: " "))/>", count: $0 / 50))
            }
        ),
        (
            "namespaces with references",
            { message((0..<($0 / 20)).map { "<a:x xmlns:a='&amp;\($0)\(long)'/>" }.joined()) }
        ),
        (
            "depth",
            {
                message(
                    String(
                        repeating: "\(String(repeating: "<x>", count: 60))\(String(repeating: "</x>", count: 60))",
                        count: $0 / 30))
            }
        ),
        ("presence", { "<presence>\((0..<$0).map { "<x xmlns='urn:\($0)'/>" }.joined())</presence>" }),
        ("blocking", { count in block((0..<count).map { "<item jid='u\($0)@h'/>" }.joined()) }),
        ("one blocked again and again", { block(String(repeating: "<item jid='u@h'/>", count: $0)) }),
        ("archiving preferences", { count in archive((0..<count).map { "<jid>u\($0)@h</jid>" }.joined()) }),
        (
            "archiving modes",
            { count in modes((0..<count).map { "<item jid='u\($0)@h' save='body' otr='concede'/>" }.joined()) }
        ),
        (
            "private XML",
            { iq("<query xmlns='jabber:iq:private'>\((0..<$0).map { "<x xmlns='urn:\($0)'/>" }.joined())</query>") }
        ),
        (
            "a vCard",
            { iq("<vCard xmlns='vcard-temp'>\(String(repeating: "<TEL><NUMBER/></TEL>", count: $0))</vCard>") }
        ),
    ]

    private static func message(_ content: String) -> String {
        "<message to='juliet@localhost' type='chat'>\(content)</message>"
    }
    private static func iq(_ content: String) -> String { "<iq type='set' id='i'>\(content)</iq>" }
    private static func block(_ items: String) -> String { iq("<block xmlns='urn:xmpp:blocking'>\(items)</block>") }
    private static func modes(_ items: String) -> String { iq("<pref xmlns='urn:xmpp:archive'>\(items)</pref>") }
    private static func archive(_ jids: String) -> String {
        iq("<prefs xmlns='urn:xmpp:mam:2' default='always'><always>\(jids)</always><never/></prefs>")
    }

    @Test(arguments: stanzas.indices) func costIsLinear(_ index: Int) async throws {
        let (what, stanza) = Self.stanzas[index]
        let script = try Script(
            name: what,
            text: """
                host localhost standard
                  limits: {rate: {stanzas-per-second: 0, bytes-per-second: 0}}
                contacts romeo juliet
                """)
        let talk = Conversation(script, try await TestServer(script.configuration))
        try await talk.setUp()
        for name in ["romeo", "juliet"] { try await talk.signIn(name, "pc", isOnline: true, nil) }
        try await talk.settle()
        let client = try talk.client("romeo")
        let connection = try #require(client.connection as? MemoryConnection)
        // The fastest of some: other threads can make one slower, and none faster.
        var few = Duration.seconds(1), many = Duration.seconds(60)
        for _ in 0..<5 {
            few = min(few, try await connection.processorTime(for: ByteBuffer(string: stanza(400))))
            many = min(many, try await connection.processorTime(for: ByteBuffer(string: stanza(3_200))))
            try await talk.settle()
            #expect(!client.pending.contains { $0.isEnd })
            for (_, client) in talk.clients { client.pending = [] }
        }
        // Eight times as much takes eight times as long; where each is compared with each, 64 times.
        #expect(many < few * 20, "\(what): \(few) for 400, \(many) for 3,200")
        await talk.tearDown()
    }
}
