import Testing
import XMPP

@testable import XMPPStream

@Suite("Sign-in with tokens")
struct TokenMechanismTests {
    static let token = "EwBAAq1DBAAUGCCXc8wU/zFu9QnLdZXy+YnElFkAAQ=="

    @Test("R14, R19: X-MESSENGER-OAUTH2 takes the token itself in one step, and signs in as its account")
    func messenger() {
        let script = ScriptedAuthentication()
        #expect(script.auth("X-MESSENGER-OAUTH2", Self.token) == "token \(Self.token) -")
        #expect(script.verified("00037ffe12345678") == "success 00037ffe12345678 -")
    }

    @Test(
        "R15: white space around a token and percent-encoding make no difference",
        arguments: [
            token, " \(token)", "\(token)\n", "\r\n\t\(token)\r\n  ",
            token.replacing("+", with: "%2b").replacing("/", with: "%2F").replacing("=", with: "%3D"),
            token.replacing("=", with: "%3d"), "\n\(token.replacing("/", with: "%2f"))\n", "\(token)%0A",
        ])
    func normalized(_ text: String) {
        #expect(ScriptedAuthentication().auth("X-MESSENGER-OAUTH2", text) == "token \(Self.token) -")
    }

    @Test("R16: a token that went through base64 and back is the same", arguments: [16, 17, 18, 600])
    func canonical(_ length: Int) throws {
        let token = Base64.encode(SecureRandom.bytes(length))
        let roundTrip = Base64.encode(try #require(Base64.decode(token)))
        #expect(ScriptedAuthentication().auth("X-MESSENGER-OAUTH2", roundTrip) == "token \(token) -")
    }

    @Test(
        "percent-decoding happens once, and other forms are left for the look-up to refuse",
        arguments: [
            ("%2541", "%41"), ("EwBA", "EwBA"), ("EwB=", "EwB="), ("Ew-_", "Ew-_"), ("a+b", "a+b"),
        ])
    func literal(text: String, token: String) {
        #expect(ScriptedAuthentication().auth("X-MESSENGER-OAUTH2", text) == "token \(token) -")
    }

    @Test(
        "R17: no token is not authorized",
        arguments: [
            "=", " ", "\n\t\r\n", "%", "%zz", "%20", "%3D", "abc%4", "%FF",
        ])
    func empty(_ text: String) {
        let script = ScriptedAuthentication()
        #expect(script.auth("X-MESSENGER-OAUTH2", text) == "failure not-authorized")
        #expect(script.auth("X-MESSENGER-OAUTH2", Self.token).hasPrefix("token"))
    }

    @Test(
        "R17: a token that is refused fails in one step, and may be tried again",
        arguments: [
            SASLFailure.notAuthorized, .credentialsExpired, .accountDisabled, .temporaryAuthFailure,
        ])
    func refused(_ failure: SASLFailure) {
        let script = ScriptedAuthentication()
        _ = script.auth("X-MESSENGER-OAUTH2", Self.token)
        #expect(script.refused(failure) == "failure \(failure.rawValue)")
        #expect(script.auth("X-MESSENGER-OAUTH2", Self.token).hasPrefix("token"))
    }

    @Test(
        "OAUTHBEARER takes the token and the claimed identity",
        arguments: [
            ("n,,\u{1}auth=Bearer abc\u{1}\u{1}", "token abc -"),
            ("y,,\u{1}auth=bearer  a.b-c_d~e+f/g==\u{1}\u{1}", "token a.b-c_d~e+f/g== -"),
            (
                "n,a=Romeo@example.org,\u{1}host=example.org\u{1}port=5222\u{1}auth=Bearer abc\u{1}\u{1}",
                "token abc romeo"
            ),
            ("n,a=romeo@example.org,\u{1}auth=Bearer abc\u{1}x=\u{1}\u{1}", "token abc romeo"),
        ])
    func bearer(message: String, outcome: String) {
        #expect(ScriptedAuthentication().auth(.oauthBearer, message: message) == outcome)
    }

    @Test("XEP-0493: a client without a token learns where it gets one")
    func bearerDiscovery() {
        let exchange = SASLExchange(
            offered: [.oauthBearer], binding: ChannelBinding(), host: "example.org",
            authorizationServer: "https://example.org/.well-known/oauth-authorization-server")
        let message = Base64.encode(Array("n,,\u{1}auth=\u{1}\u{1}".utf8))
        let action = exchange.started(mechanism: "OAUTHBEARER", initialResponse: message)
        let address = "https://example.org/.well-known/oauth-authorization-server"
        #expect(
            ScriptedAuthentication.describe(action)
                == #"challenge {"status":"invalid_token","openid-configuration":"\#(address)"}"#)
    }

    @Test("OAUTHBEARER explains a refused token, and fails after the client's answer")
    func bearerRefused() {
        for authorization in ["Bearer abc", "", "Bearer", "Bearer "] {
            let script = ScriptedAuthentication()
            var outcome = script.auth(.oauthBearer, message: "n,,\u{1}auth=\(authorization)\u{1}\u{1}")
            if outcome.hasPrefix("token") { outcome = script.refused(.notAuthorized) }
            #expect(outcome == #"challenge {"status":"invalid_token"}"#)
            #expect(script.response("AQ==") == "failure not-authorized")
            #expect(script.auth(.oauthBearer, message: "n,,\u{1}auth=Bearer xyz\u{1}\u{1}") == "token xyz -")
            #expect(script.refused(.temporaryAuthFailure) == "failure temporary-auth-failure")
        }
    }

    @Test(
        "OAUTHBEARER messages that are refused",
        arguments: [
            ("\u{1}", "malformed-request"),
            ("n,,", "malformed-request"),
            ("n,,\u{1}", "malformed-request"),
            ("n,,\u{1}\u{1}", "malformed-request"),
            ("n,,auth=Bearer abc\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}auth=Bearer abc\u{1}", "malformed-request"),
            ("n,,\u{1}auth=Bearer abc", "malformed-request"),
            ("n,,\u{1}auth=Bearer abc\u{1}\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}host=example.org\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}auth=Bearer a\u{1}auth=Bearer b\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}auth=Basic abc\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}auth=Bearer a b\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}auth=Bearer a=b\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}=x\u{1}auth=Bearer a\u{1}\u{1}", "malformed-request"),
            ("n,,\u{1}k1=x\u{1}auth=Bearer a\u{1}\u{1}", "malformed-request"),
            ("p=tls-exporter,,\u{1}auth=Bearer a\u{1}\u{1}", "malformed-request"),
            ("n,romeo,\u{1}auth=Bearer a\u{1}\u{1}", "malformed-request"),
            ("n,a=romeo@elsewhere.example,\u{1}auth=Bearer a\u{1}\u{1}", "invalid-authzid"),
        ])
    func malformedBearer(message: String, failure: String) {
        let outcome = ScriptedAuthentication().auth(.oauthBearer, message: message)
        #expect(outcome == "failure \(failure)")
    }

    @Test("a claimed identity that is not the token's account is an invalid authzid")
    func otherAccount() {
        let script = ScriptedAuthentication()
        #expect(script.auth(.oauthBearer, message: "n,a=romeo,\u{1}auth=Bearer abc\u{1}\u{1}") == "token abc romeo")
        #expect(script.verified("juliet") == "failure invalid-authzid")
    }
}
