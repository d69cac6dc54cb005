import Testing
import XMPP
import XMPPServer

/// One thing that every storage has to do. A test target runs all of them on its own engine, each on an empty storage:
///
/// ```swift
/// @Test(arguments: StorageConformance.all)
/// func conforms(_ requirement: StorageConformance) async throws {
///     try await requirement.check(storage)
/// }
/// ```
public struct StorageConformance: Sendable, CustomTestStringConvertible {
    /// What is required, as a sentence.
    public let testDescription: String
    /// Checks it on an empty storage; what is wrong is recorded as an issue of the current test.
    public let check: @Sendable (any Storage) async throws -> Void

    init(_ sentence: String, _ check: @escaping @Sendable (any Storage) async throws -> Void) {
        testDescription = sentence
        self.check = check
    }

    /// All requirements.
    public static let all =
        accounts + credentials + tokens + grants + rosters + values + maps + sessions + archive + groups
}

/// Expects the group to fail with an error of that kind.
func expectFailure(
    _ kind: StorageError.Kind,
    _ changes: [StorageChange],
    on storage: any Storage,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    let error = await #expect(throws: StorageError.self, sourceLocation: sourceLocation) {
        try await storage.commit(changes)
    }
    #expect(error?.kind == kind, sourceLocation: sourceLocation)
}
