import NIOCore
import Testing
import XML

@testable import XMPP

@Suite struct StanzaTests {
    static let types: [(String, StanzaKind, StanzaType?)] = [
        ("<message xmlns='jabber:client' />", .message, .normal),
        ("<message xmlns='jabber:client' type='chat' />", .message, .chat),
        ("<message xmlns='jabber:client' type='normal' />", .message, .normal),
        ("<message xmlns='jabber:client' type='groupchat' />", .message, .groupchat),
        ("<message xmlns='jabber:client' type='headline' />", .message, .headline),
        ("<message xmlns='jabber:client' type='error' />", .message, .error),
        ("<message xmlns='jabber:client' type='c&#104;at' />", .message, .chat),
        ("<message xmlns='jabber:client' type='Chat' />", .message, .unknown),
        ("<message xmlns='jabber:client' type='' />", .message, .unknown),
        ("<message xmlns='jabber:client' type='get' />", .message, .unknown),
        ("<presence xmlns='jabber:client' />", .presence, .available),
        ("<presence xmlns='jabber:client' type='available' />", .presence, .unknown),
        ("<presence xmlns='jabber:client' type='unavailable' />", .presence, .unavailable),
        ("<presence xmlns='jabber:client' type='probe' />", .presence, .probe),
        ("<presence xmlns='jabber:client' type='subscribe' />", .presence, .subscribe),
        ("<presence xmlns='jabber:client' type='subscribed' />", .presence, .subscribed),
        ("<presence xmlns='jabber:client' type='unsubscribe' />", .presence, .unsubscribe),
        ("<presence xmlns='jabber:client' type='unsubscribed' />", .presence, .unsubscribed),
        ("<presence xmlns='jabber:client' type='error' />", .presence, .error),
        ("<iq xmlns='jabber:client' type='get' />", .iq, .get),
        ("<iq xmlns='jabber:client' type='set' />", .iq, .set),
        ("<iq xmlns='jabber:client' type='result' />", .iq, .result),
        ("<iq xmlns='jabber:client' type='error' />", .iq, .error),
        ("<iq xmlns='jabber:client' type='chat' />", .iq, .unknown),
        ("<iq xmlns='jabber:client' />", .iq, nil),
        ("<c:iq xmlns:c='jabber:client' type='get' />", .iq, .get),
    ]

    @Test(arguments: types)
    func knowsKindAndType(text: String, kind: StanzaKind, type: StanzaType?) throws {
        let stanza = try #require(Stanza(try Element(parsing: text)))
        #expect(stanza.kind == kind)
        #expect(stanza.type == type)
        #expect(stanza.id == nil)
    }

    @Test(arguments: [
        "<message />", "<message xmlns='jabber:server' />", "<Message xmlns='jabber:client' />",
        "<query xmlns='jabber:client' />", "<iq xmlns='jabber:client:x' />",
    ])
    func refusesOthers(text: String) throws {
        #expect(Stanza(try Element(parsing: text)) == nil)
    }

    @Test func namesReadBack() throws {
        for type in StanzaType.allCases {
            guard let name = type.name else { continue }
            let isKnown = try StanzaKind.allCases.contains { kind in
                let text = "<\(kind.name) xmlns='jabber:client' type='\(name)' />"
                return Stanza(try Element(parsing: text))?.type == type
            }
            #expect(isKnown, "\(type)")
        }
    }

    @Test func errorReplyLeavesThePayloadOut() throws {
        let text = "<iq xmlns='jabber:client' type='get' id='a&quot;1' to='x'><query xmlns='secret'>x</query></iq>"
        let stanza = try #require(Stanza(try Element(parsing: text)))
        let reply = errorReply(stanza, from: "example.com", to: "juliet@example.com/b", .itemNotFound)
        #expect(
            String(buffer: reply) == """
                <iq type="error" id="a&quot;1" from="example.com" to="juliet@example.com/b"><error type="cancel">\
                <item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas" /></error></iq>
                """)
    }

    @Test func errorReplyWithoutAddresses() throws {
        let stanza = try #require(Stanza(try Element(parsing: "<message xmlns='jabber:client' />")))
        let error = StanzaError(.policyViolation, type: .wait, text: "Too <fast>")
        #expect(
            String(buffer: errorReply(stanza, from: nil, to: nil, error)) == """
                <message type="error"><error type="wait">\
                <policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-stanzas" />\
                <text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas" xml:lang="en">Too &lt;fast&gt;</text>\
                </error></message>
                """)
    }

    /// RFC 6120, section 8.3.3.
    static let conditions: [(StanzaError, String, String)] = [
        (.badRequest, "bad-request", "modify"), (.conflict, "conflict", "cancel"),
        (.featureNotImplemented, "feature-not-implemented", "cancel"), (.forbidden, "forbidden", "auth"),
        (.gone, "gone", "cancel"), (.internalServerError, "internal-server-error", "cancel"),
        (.itemNotFound, "item-not-found", "cancel"), (.jidMalformed, "jid-malformed", "modify"),
        (.notAcceptable, "not-acceptable", "modify"), (.notAllowed, "not-allowed", "cancel"),
        (.notAuthorized, "not-authorized", "auth"), (.policyViolation, "policy-violation", "modify"),
        (.recipientUnavailable, "recipient-unavailable", "wait"), (.redirect, "redirect", "modify"),
        (.registrationRequired, "registration-required", "auth"),
        (.remoteServerNotFound, "remote-server-not-found", "cancel"),
        (.remoteServerTimeout, "remote-server-timeout", "wait"), (.resourceConstraint, "resource-constraint", "wait"),
        (.serviceUnavailable, "service-unavailable", "cancel"),
        (.subscriptionRequired, "subscription-required", "auth"),
        (.undefinedCondition, "undefined-condition", "cancel"), (.unexpectedRequest, "unexpected-request", "wait"),
    ]

    @Test func conditionsHaveTheirDefaultTypes() {
        #expect(Self.conditions.map(\.0.condition) == StanzaError.Condition.allCases)
        for (error, name, type) in Self.conditions {
            #expect("\(error.condition.name)" == name)
            #expect(error.condition.rawValue == name)
            #expect(error.type.rawValue == type)
            #expect(error.text == nil)
        }
    }
}

private func errorReply(_ stanza: Stanza, from: String?, to: String?, _ error: StanzaError) -> ByteBuffer {
    var writer = XMLWriter()
    stanza.writeError(error, from: from, to: to, to: &writer)
    return writer.finish()
}
