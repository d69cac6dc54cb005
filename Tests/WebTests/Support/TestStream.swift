import NIOCore
import XML
import XMPP

@testable import TestKit

/// A client of the Messenger service that has a token.
struct TestStream {
    private let connection: any TestConnection

    /// What became of a sign-in: `success`, or the reason of its failure.
    static func outcome(of token: String, on site: TestSite) async throws -> String {
        let stream = try await TestStream(site)
        let reply = try await stream.authenticate(token)
        return reply.name == "success" ? "success" : Array(reply.children).first?.name.description ?? ""
    }

    /// A session with a bound resource.
    static func signedIn(_ token: String, on site: TestSite) async throws -> TestStream {
        let stream = try await authenticated(token, on: site)
        try await stream.send("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        _ = try await stream.next("iq")
        return stream
    }

    /// A stream that has signed in and is not told yet to bind a resource.
    static func authenticated(_ token: String, on site: TestSite) async throws -> TestStream {
        let stream = try await TestStream(site)
        _ = try await stream.authenticate(token)
        try await stream.open()
        return stream
    }

    private init(_ site: TestSite) async throws {
        connection = try await SocketConnection(
            address: site.streams, certificate: TestCertificate.shared.get(), tls: nil)
        try await open()
    }

    private func open() async throws {
        try await send(
            "<stream:stream to='\(TestSite.domain)' version='1.0' xmlns='jabber:client' "
                + "xmlns:stream='http://etherx.jabber.org/streams'>")
        _ = try await next("features")
    }

    private func authenticate(_ token: String) async throws -> Element {
        try await send(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X-MESSENGER-OAUTH2'>\(token)</auth>")
        while let received = await connection.inbox.next() {
            if case .element(let element) = received { return element }
        }
        throw NothingCame()
    }

    func send(_ text: String) async throws {
        try await connection.send(ByteBuffer(string: text))
    }

    /// The next element of that name; others are passed over.
    func next(_ name: String) async throws -> Element {
        while let received = await connection.inbox.next() {
            if case .element(let element) = received, element.name == name { return element }
        }
        throw NothingCame()
    }

    /// Returns when the server has answered something.
    func isAlive() async throws -> Bool {
        try await send("<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>")
        while try await next("iq")["id"] != "alive" {}
        return true
    }

    /// Whether the server has ended the session because its right to be there has gone.
    func isEnded() async throws -> Bool { try await next("error").hasChild("not-authorized", .streamErrors) }
}

struct NothingCame: Error {}
