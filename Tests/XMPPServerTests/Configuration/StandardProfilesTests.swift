import Testing
import XMPPModules
import XMPPStream

@testable import XMPPServer

@Suite struct StandardProfilesTests {
    private func host(_ profile: String) throws -> HostConfiguration {
        let text = "hosts: {chat.example: {profile: \(profile), certificate: c.pem, key: k.pem}}"
        let (root, report) = try ConfigFile.parse(text, file: "f.yaml")
        let configuration = ServerConfiguration(
            root, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        #expect(report.finish() == [])
        return try #require(configuration.hosts.first)
    }

    @Test func messengerIsTheServiceAsItWas() throws {
        let host = try host("messenger")
        #expect(host.authentication.mechanisms == [.messengerOAuth2])
        #expect(host.authentication.attempts == 1)
        #expect(host.authentication.tokenScopes == ["wl.messenger"])
        #expect(host.authentication.requiresTLS)
        #expect(host.stanzas.messageTypes == [.chat])
        #expect(host.stanzas.fromStrangers == .refuse)
        #expect(host.streams.malformedTextPrefix == "XmlException due to: ")
        #expect(host.streams.oversizedError == .notWellFormed)
        #expect(host.streams.resourceConflict == .keepOld)
        #expect(host.limits.stanzaSize == 16_384)
        #expect(host.limits.idleTime == .seconds(300))
    }

    @Test func standardIsForAnyClient() throws {
        let host = try host("standard")
        #expect(
            host.authentication.mechanisms == [
                .scramSHA256Plus, .scramSHA1Plus, .scramSHA256, .scramSHA1, .oauthBearer, .plain,
            ]
        )
        #expect(host.stanzas == .default)
        #expect(host.streams == .default)
        #expect(host.limits == .default)
    }
}
