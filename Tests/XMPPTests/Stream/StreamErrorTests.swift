import NIOCore
import Testing
import XML

@testable import XMPP

@Suite struct StreamErrorTests {
    static let written: [(StreamError, String)] = [
        (.hostUnknown, #"<host-unknown xmlns="urn:ietf:params:xml:ns:xmpp-streams" />"#),
        (
            .seeOtherHost("[2001:db8::1]:5222"),
            #"<see-other-host xmlns="urn:ietf:params:xml:ns:xmpp-streams">[2001:db8::1]:5222</see-other-host>"#
        ),
        (
            StreamError(.policyViolation, text: "Too much"),
            #"<policy-violation xmlns="urn:ietf:params:xml:ns:xmpp-streams" />"#
                + #"<text xmlns="urn:ietf:params:xml:ns:xmpp-streams" xml:lang="en">Too much</text>"#
        ),
    ]

    @Test(arguments: written)
    func writes(error: StreamError, content: String) {
        var writer = XMLWriter()
        error.write(to: &writer)
        let expected = #"<stream:error xmlns:stream="http://etherx.jabber.org/streams">"# + content + "</stream:error>"
        #expect(String(buffer: writer.finish()) == expected)
    }

    @Test func saslFailuresAreNamedAsTheirElements() {
        #expect(
            SASLFailure.allCases.map(\.rawValue) == [
                "aborted", "account-disabled", "credentials-expired", "encryption-required", "incorrect-encoding",
                "invalid-authzid", "invalid-mechanism", "malformed-request", "mechanism-too-weak", "not-authorized",
                "temporary-auth-failure",
            ])
        for failure in SASLFailure.allCases { #expect("\(failure.name)" == failure.rawValue) }
    }
}
