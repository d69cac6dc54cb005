import Foundation
import Testing
import XMPPModules

@testable import XMPPServer

@Suite struct ModuleSettingsTests {
    /// What is wrong with a file, the settings of all modules included.
    private static func errors(_ text: String) throws -> [String] {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).yaml").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let (_, errors) = try ServerConfiguration.check(
            path: path, builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        return errors.map { "\($0.line ?? 0) \($0.path): \($0.problem) — \($0.fix)" }
    }

    private static let start = "hosts:\n  chat.example:\n    authentication: {require-tls: off}\n"

    @Test func theProfilesThatShipAreRight() throws {
        #expect(try Self.errors(Self.start) == [])
        #expect(try Self.errors(Self.start + "    profile: messenger\n") == [])
    }

    @Test func aModulesUnknownKeyIsFoundInItsLine() throws {
        let errors = try Self.errors(Self.start + "    modules:\n      roster: {maximum-item: 3}\n")
        #expect(
            errors == [
                "5 hosts.chat.example.modules.roster.maximum-item: unknown key — did you mean \"maximum-items\"?"
            ])
    }

    @Test func anUnknownModuleIsFound() throws {
        let errors = try Self.errors(Self.start + "    modules: {pong: on}\n")
        #expect(errors == ["4 hosts.chat.example.modules.pong: there is no such module — did you mean \"ping\"?"])
    }

    @Test func aModuleThatNeedsAnotherIsFound() throws {
        let errors = try Self.errors(Self.start + "    modules: {roster: off}\n")
        #expect(errors.contains { $0.hasPrefix("4 ") && $0.contains("the module presence needs the module roster") })
    }

    @Test func theReferenceHasTheKeysOfModules() {
        let reference = ServerConfiguration.reference(
            builtInProfiles: StandardProfiles.yaml, modules: StandardModules.all)
        for type in StandardModules.all { #expect(reference.contains("modules.\(type.info.name)`")) }
        #expect(reference.contains("`maximum-items`"))
        #expect(reference.contains("XEP-0199"))
    }
}
