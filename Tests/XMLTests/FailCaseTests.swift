import Foundation
import Testing

@testable import XML

/// What fuzzing has found once stays fixed.
struct FailCaseTests {
    static let cases: [URL] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return ["Fuzz/FailCases/xml", "Fuzz/Seeds/xml"].flatMap { folder in
            (try? FileManager.default.contentsOfDirectory(
                at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)) ?? []
        }
    }()

    @Test(arguments: cases)
    func replay(file: URL) throws {
        let bytes = [UInt8](try Data(contentsOf: file))
        #expect(ParserCheck.complaint(bytes) == nil)
    }

    @Test func thereAreCases() {
        #expect(!Self.cases.isEmpty)
    }
}
