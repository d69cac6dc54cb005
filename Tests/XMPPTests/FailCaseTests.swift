import Foundation
import Testing

/// What fuzzing has found once stays fixed.
struct FailCaseTests {
    static let cases: [URL] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return ["Fuzz/FailCases/addresses", "Fuzz/Seeds/addresses"].flatMap { folder in
            (try? FileManager.default.contentsOfDirectory(
                at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)) ?? []
        }
    }()

    @Test(arguments: cases)
    func replay(file: URL) throws {
        let bytes = [UInt8](try Data(contentsOf: file))
        #expect(AddressCheck.complaint(bytes) == nil)
    }

    @Test func thereAreCases() {
        #expect(!Self.cases.isEmpty)
    }
}
