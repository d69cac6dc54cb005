import Foundation
import Testing
import XMPPModules
import XMPPServer

/// Nothing of the service, and no module, is without a script.
@Suite struct CoverageTests {
    private static let names: [String] =
        (try? FileManager.default.contentsOfDirectory(atPath: ConversationTests.directory)) ?? []

    /// The rows of the Messenger service.
    @Test(arguments: 1...55) func row(_ number: Int) {
        let prefix = number < 10 ? "R0\(number)-" : "R\(number)-"
        #expect(Self.names.contains { $0.hasPrefix(prefix) })
    }

    @Test func everyModuleForAnExtensionHasAScript() {
        for module in StandardModules.all {
            for case .xep(let number, _) in module.info.specifications {
                let digits = String(number)
                let prefix = String(repeating: "0", count: 4 - digits.count) + digits
                #expect(
                    Self.names.contains { $0.hasPrefix("\(prefix)-") },
                    "\(module.info.name) has no script whose name begins with \(prefix)")
            }
        }
    }
}
