import NIOCore
import Testing
import XML
import XMPP

@testable import XMPPModules

/// Hashes of what clients can: XEP-0115 §5 and XEP-0390 §4, with the examples of the specifications.
@Suite struct CapabilityHashTests {
    private static let namespaces = #"xmlns="http://jabber.org/protocol/disco#info""#
    private static let simple = """
        <query \(namespaces)><identity category="client" type="pc" name="Exodus 0.9.1"/>\
        <feature var="http://jabber.org/protocol/caps"/><feature var="http://jabber.org/protocol/disco#items"/>\
        <feature var="http://jabber.org/protocol/disco#info"/><feature var="http://jabber.org/protocol/muc"/></query>
        """
    private static let complex = """
        <query \(namespaces)><identity xml:lang="en" category="client" name="Psi 0.11" type="pc"/>\
        <identity xml:lang="el" category="client" name="Ψ 0.11" type="pc"/>\
        <feature var="http://jabber.org/protocol/caps"/><feature var="http://jabber.org/protocol/disco#info"/>\
        <feature var="http://jabber.org/protocol/disco#items"/><feature var="http://jabber.org/protocol/muc"/>\
        <x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden">\
        <value>urn:xmpp:dataforms:softwareinfo</value></field>\
        <field var="ip_version" type="text-multi"><value>ipv4</value><value>ipv6</value></field>\
        <field var="os"><value>Mac</value></field><field var="os_version"><value>10.5.1</value></field>\
        <field var="software"><value>Psi</value></field><field var="software_version"><value>0.11</value></field></x></query>
        """

    private static func element(_ text: String) throws -> Element {
        try Element(parsing: .init(string: text), contentNamespace: .client)
    }

    private static func hash0115(_ version: String, function: String? = "sha-1") throws -> CapabilityHash {
        let hash = function.map { " hash=\"\($0)\"" } ?? ""
        let presence = try element(
            "<presence><c xmlns=\"http://jabber.org/protocol/caps\"\(hash) node=\"urn:example\" ver=\"\(version)\"/></presence>"
        )
        return try #require(CapabilityHash(of: presence))
    }

    private static func hash0390(_ value: String) throws -> CapabilityHash {
        let presence = try element(
            """
            <presence><c xmlns="urn:xmpp:caps"><hash xmlns="urn:xmpp:hashes:2" algo="sha3-256">x</hash>\
            <hash xmlns="urn:xmpp:hashes:2" algo="sha-256">\(value)</hash></c></presence>
            """)
        return try #require(CapabilityHash(of: presence))
    }

    @Test func theExamplesOf0115() throws {
        #expect(try Self.hash0115("QgayPKawpkPSDYmwT/WM94uAlu0=").isOf(Self.element(Self.simple)))
        #expect(try Self.hash0115("q07IKJEyjvHSyhy//CH0CxmKi8w=").isOf(Self.element(Self.complex)))
    }

    @Test func theExampleOf0390() throws {
        let description = try Self.element(
            """
            <query \(Self.namespaces)><identity category="client" name="BombusMod" type="mobile"/>\
            <feature var="http://jabber.org/protocol/si"/><feature var="http://jabber.org/protocol/bytestreams"/>\
            <feature var="http://jabber.org/protocol/chatstates"/><feature var="http://jabber.org/protocol/disco#info"/>\
            <feature var="http://jabber.org/protocol/disco#items"/><feature var="urn:xmpp:ping"/>\
            <feature var="jabber:iq:time"/><feature var="jabber:iq:privacy"/><feature var="jabber:iq:version"/>\
            <feature var="http://jabber.org/protocol/rosterx"/><feature var="urn:xmpp:time"/><feature var="jabber:x:oob"/>\
            <feature var="http://jabber.org/protocol/ibb"/>\
            <feature var="http://jabber.org/protocol/si/profile/file-transfer"/><feature var="urn:xmpp:receipts"/>\
            <feature var="jabber:iq:roster"/><feature var="jabber:iq:last"/></query>
            """)
        let hash = try Self.hash0390("kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=")
        #expect(hash.isOf(description))
        #expect(hash.node == "urn:xmpp:caps#sha-256.kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=")
    }

    @Test func anotherDescriptionIsNotTaken() throws {
        let hash = try Self.hash0115("QgayPKawpkPSDYmwT/WM94uAlu0=")
        #expect(!hash.isOf(try Self.element(Self.complex)))
        #expect(try !Self.hash0115("QgayPKawpkPSDYmwT/WM94uAlu0=", function: "md2").isOf(Self.element(Self.simple)))
        #expect(try !Self.hash0115("QgayPKawpkPSDYmwT/WM94uAlu0=", function: nil).isOf(Self.element(Self.simple)))
    }

    /// §5.4 and §8.2: what is hashed must not be what another description is hashed to.
    @Test func aDescriptionThatIsMadeToLookLikeAnotherIsNotTaken() throws {
        let hash = try Self.hash0115("QgayPKawpkPSDYmwT/WM94uAlu0=")
        let joined = """
            <query \(Self.namespaces)><identity category="client" type="pc" name="Exodus 0.9.1"/>\
            <feature var="http://jabber.org/protocol/caps&lt;http://jabber.org/protocol/disco#info"/>\
            <feature var="http://jabber.org/protocol/disco#items"/><feature var="http://jabber.org/protocol/muc"/></query>
            """
        #expect(!hash.isOf(try Self.element(joined)))
        let twice = Self.simple.replacing("</query>", with: "<feature var=\"http://jabber.org/protocol/muc\"/></query>")
        #expect(!hash.isOf(try Self.element(twice)))
    }

    /// The lists of XEP-0115 stand behind each other: what is a feature in one description may be something else in another.
    @Test func aFeatureInAnotherPlaceIsNotTaken() throws {
        let hash = try Self.hash0115("0R8ubxt7hvlZV/arg3VGqtCcla8=")
        let identity = #"<identity category="client" type="pc" name="A"/>"#
        let tune = #"<feature var="http://jabber.org/protocol/tune+notify"/>"#
        let last = #"<feature var="urn:b+notify"/>"#
        #expect(hash.isOf(try Self.element("<query \(Self.namespaces)>\(identity)\(tune)\(last)</query>")))
        let asIdentity = #"<identity category="http:" type="" xml:lang="jabber.org" name="protocol/tune+notify"/>"#
        #expect(!hash.isOf(try Self.element("<query \(Self.namespaces)>\(identity)\(asIdentity)\(last)</query>")))
        let asForm = """
            <x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>urn:b+notify</value></field></x>
            """
        #expect(!hash.isOf(try Self.element("<query \(Self.namespaces)>\(identity)\(tune)\(asForm)</query>")))
    }

    @Test func whatIsNoHashIsNone() throws {
        for presence in [
            "<presence/>", "<presence><c xmlns=\"http://jabber.org/protocol/caps\"/></presence>",
            "<presence><c xmlns=\"http://jabber.org/protocol/caps\" node=\"n\" ver=\"\(String(repeating: "a", count: 600))\"/></presence>",
            "<presence><c xmlns=\"urn:xmpp:caps\"/></presence>",
        ] {
            #expect(CapabilityHash(of: try Self.element(presence)) == nil)
        }
    }
}
