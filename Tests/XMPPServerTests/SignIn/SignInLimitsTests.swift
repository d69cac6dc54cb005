import NIOCore
import Synchronization
import Testing
import XML
import XMPP
import XMPPStream

@testable import XMPPServer

/// How often secrets may be tried, and by whom.
@Suite(.timeLimit(.minutes(10))) struct SignInLimitsTests {
    private static let attacker = IPAddress("198.51.100.1")
    private static let owner = IPAddress("192.0.2.1")

    private static func limits(_ text: String, _ uptime: @escaping @Sendable () -> Duration = { .zero }) throws
        -> SignInLimits
    {
        SignInLimits(ServerLimits(try ConfigFile.parse("sign-ins: {\(text)}", file: "f.yaml").0), uptime: uptime)
    }

    private final class Clock: Sendable {
        let time = Mutex(Duration.zero)
    }

    private static func wrong() -> Result<Void, SASLFailure> { .failure(.notAuthorized) }
    private static func right() -> Result<Void, SASLFailure> { .success(()) }

    /// The failures of many tries that are made at once.
    private func outcomes(
        _ count: Int, _ body: @escaping @Sendable (Int) async -> SASLFailure?
    ) async -> [SASLFailure?: Int] {
        await withTaskGroup(of: SASLFailure?.self) { group in
            for number in 0..<count { group.addTask { await body(number) } }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
    }

    // MARK: At once

    @Test("Of many wrong passwords at once as many are tested as there may be, whether the account exists or not")
    func passwords() async throws {
        let server = try await TestServer(top: "limits: {sign-ins: {per-account: 7}}")
        let host = try server.host()
        for user in ["romeo", "nobody"] {
            let outcomes = await outcomes(50) { number in
                let answer = server.server.authenticator.verify(
                    user: user, password: "guess \(number)", host: host, from: Self.attacker)
                if case .failure(let failure) = await answer.value { return failure } else { return nil }
            }
            #expect(outcomes == [.notAuthorized: 7, .temporaryAuthFailure: 43])
        }
        await server.stop()
    }

    @Test("Of many wrong passwords at once on the pages as well")
    func pages() async throws {
        let server = try await TestServer(top: "limits: {sign-ins: {per-account: 7}}")
        let host = try server.host()
        let outcomes = await outcomes(50) { number in
            let answer = await server.server.authenticator.signIn(
                name: "romeo", password: "guess \(number)", host: host, from: Self.attacker)
            if case .failure(let failure) = answer { return failure } else { return nil }
        }
        #expect(outcomes == [.notAuthorized: 7, .temporaryAuthFailure: 43])
        await server.stop()
    }

    @Test("Of many wrong proofs and tokens at once as well")
    func proofsAndTokens() async throws {
        let server = try await TestServer(top: "limits: {sign-ins: {per-account: 7, per-address: 20}}")
        let host = try server.host()
        let authenticator = server.server.authenticator
        let tested = await outcomes(50) { _ in
            authenticator.test(user: "romeo", host: host, from: Self.attacker) { .notAuthorized }
                ? .notAuthorized : .temporaryAuthFailure
        }
        #expect(tested == [.notAuthorized: 7, .temporaryAuthFailure: 43])
        let tokens = await outcomes(50) { number in
            let answer = authenticator.verify(token: "guess \(number)", host: host, from: Self.attacker)
            if case .failure(let failure) = await answer.value { return failure } else { return nil }
        }
        #expect(tokens == [.notAuthorized: 13, .temporaryAuthFailure: 37])
        await server.stop()
    }

    @Test("Many right passwords at once are all right: those that wait for their turn take no place")
    func manyOwners() async throws {
        let server = try await TestServer(top: "limits: {sign-ins: {per-account: 3, per-address: 3}}")
        let host = try server.host()
        let outcomes = await outcomes(50) { _ in
            let answer = server.server.authenticator.verify(
                user: "romeo", password: "secret", host: host, from: Self.owner)
            if case .failure(let failure) = await answer.value { return failure } else { return nil }
        }
        #expect(outcomes == [nil: 50])
        await server.stop()
    }

    // MARK: The owner gets in

    @Test("Who guesses from one address keeps the owner out there alone")
    func byPair() async throws {
        let server = try await TestServer(top: "limits: {sign-ins: {per-account: 3}}")
        let host = try server.host()
        let authenticator = server.server.authenticator
        func signIn(_ password: String, _ address: IPAddress?) async -> SASLFailure? {
            let answer = await authenticator.verify(user: "romeo", password: password, host: host, from: address).value
            if case .failure(let failure) = answer { return failure } else { return nil }
        }
        for _ in 0..<3 { #expect(await signIn("x", Self.attacker) == .notAuthorized) }
        #expect(await signIn("secret", Self.attacker) == .temporaryAuthFailure)
        #expect(await signIn("secret", Self.owner) == nil)
        guard
            case .success = await authenticator.signIn(
                name: "romeo", password: "secret", host: host, from: Self.owner)
        else {
            Issue.record("the page is closed")
            return
        }
        await server.stop()
    }

    @Test("Many addresses together have so many tries, and leave room for those that the owner has used")
    func spraying() throws {
        let limits = try Self.limits("per-account: 3, per-account-in-all: 10")
        for name in ["romeo@localhost", "nobody@localhost"] {
            let account = try #require(JID(name))
            let isHere = name.hasPrefix("romeo")
            if isHere { try limits.attempt(account, from: Self.owner, Self.right).get() }
            var tested = 0
            for number in 1...200 {
                let address = IPAddress("203.0.113.\(number)")
                if case .failure(.notAuthorized) = limits.attempt(account, from: address, Self.wrong) { tested += 1 }
            }
            #expect(tested == 10)
            #expect(limits.isOpen(account, from: IPAddress("198.51.100.7")) == false)
            #expect(limits.isOpen(account, from: Self.owner) == isHere)
        }
    }

    @Test("An address has so many tries, whatever the accounts; what was right or tested nothing is none")
    func byAddress() throws {
        let limits = try Self.limits("per-address: 5, per-account: 2, per-account-in-all: 0")
        var outcomes: [Bool] = []
        for number in 0..<10 {
            let account = try #require(JID("user\(number)@localhost"))
            for result in [Self.right(), .failure(.malformedRequest), .failure(.temporaryAuthFailure)] {
                _ = limits.attempt(account, from: Self.attacker) { result }
            }
            if case .failure(.notAuthorized) = limits.attempt(account, from: Self.attacker, Self.wrong) {
                outcomes.append(true)
            }
        }
        #expect(outcomes.count == 5)
    }

    @Test func thePlacesComeBackWithTime() throws {
        let clock = Clock()
        let limits = try Self.limits("per-account: 1, time: 60s") { clock.time.withLock { $0 } }
        let romeo = try #require(JID("romeo@localhost"))
        _ = limits.attempt(romeo, from: Self.attacker, Self.wrong)
        #expect(!limits.isOpen(romeo, from: Self.attacker))
        clock.time.withLock { $0 = .seconds(60) }
        #expect(limits.isOpen(romeo, from: Self.attacker))
    }

    // MARK: Accounts that are made

    @Test("Of many registrations at once so many make an account; names that are taken count as well")
    func registrations() async throws {
        let server = try await TestServer(top: "limits: {registrations: {per-address: 5}}")
        let host = try server.host()
        let address = try SocketAddress(ipAddress: "198.51.100.1", port: 1)
        for _ in 0..<10 {
            let result = await host.register(user: "new", password: "\u{7}", from: address)
            #expect(result.condition == .notAcceptable)
        }
        let made = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<50 {
                group.addTask {
                    (try? await host.register(user: "new\(number)", password: "x", from: address).get()) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(made == 5)
        let other = try SocketAddress(ipAddress: "198.51.100.2", port: 1)
        var conditions: [StanzaError.Condition?] = []
        for _ in 0..<7 {
            conditions.append(await host.register(user: "romeo", password: "x", from: other).condition)
        }
        #expect(conditions == Array(repeating: .conflict, count: 5) + [.resourceConstraint, .resourceConstraint])
        await server.stop()
    }

    @Test("The keys of a few passwords of an account are made at a time, and those of so many in all")
    func keys() async throws {
        let server = try await TestServer()
        let host = try server.host()
        let romeo = try #require(JID("romeo@example.org"))
        let set = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask { (try? await host.setPassword("x", of: romeo).get()) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect((1...20).contains(set))
        await server.stop()
    }

    // MARK: Tokens of devices

    @Test("Of many uses of a token with the same count one is the first; without a count it is none any more")
    func counts() async throws {
        let server = try await TestServer()
        let romeo = try #require(JID("romeo@example.org"))
        let record = try #require(try await server.host().accounts.load(romeo))
        let token = Device.Token(
            nonce: [1], mechanism: "HT-SHA-256-NONE", createdAt: .now(), expiresAt: .now(), count: 0)
        record.updateDevice("d") { _, _ in
            var device = Device(stored: "d")
            device?.next = token
            return (device, true, [])
        }
        let secrets = record.secretsVersion
        #expect(record.use(token, of: "d", count: nil, secrets: secrets))
        let first = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { record.use(token, of: "d", count: 7, secrets: secrets) } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(first == 1)
        #expect(!record.use(token, of: "d", count: nil, secrets: secrets))
        #expect(!record.use(token, of: "d", count: 6, secrets: secrets))
        #expect(record.use(token, of: "d", count: 8, secrets: secrets))
        await server.stop()
    }

    // MARK: Sessions

    @Test("Of many sessions that are bound at once an account gets so many")
    func sessions() async throws {
        let server = try await TestServer(settings: "limits: {sessions-per-account: 3}")
        let bound = await withTaskGroup(of: TestClient?.self) { group in
            for number in 0..<12 {
                group.addTask { try? await server.session(resource: "r\(number)") }
            }
            return await group.reduce(into: [TestClient]()) { if let client = $1 { $0.append(client) } }
        }
        #expect(bound.count == 3)
        await server.stop()
    }
}

extension Result<Void, StanzaError> {
    fileprivate var condition: StanzaError.Condition? {
        if case .failure(let error) = self { error.condition } else { nil }
    }
}

extension Device {
    fileprivate init?(stored id: String) {
        let text =
            "<device xmlns='urn:swallowtail:device' id='\(id)' first-seen='2012-04-26T10:00:00Z' "
            + "last-seen='2012-04-26T10:00:00Z' methods='password'/>"
        guard let element = try? Element(parsing: text) else { return nil }
        self.init(stored: element)
    }
}
