import Synchronization
import XMPPServer

/// The permission to upload one file, XEP-0363 §4.
package final class UploadSlot: Sendable {
    /// What stands in the address to which the file is sent, and nowhere else.
    package let secret: String
    /// The file as it was announced.
    package let file: UploadedFile
    /// The media type that was announced; nil: none was.
    package let type: String?
    /// Kept: as long as something of the account is under way, nobody else gets its name.
    let account: AccountRecord
    /// Until when an upload must have begun.
    let end: Timestamp
    private let void = Atomic<Bool>(false)

    init(_ file: UploadedFile, type: String?, of account: AccountRecord, until end: Timestamp) {
        secret = SecureRandom.text(length: 32)
        self.file = file
        self.type = type
        self.account = account
        self.end = end
    }

    /// Whether its account is gone: what is under way ends.
    var isVoid: Bool { void.load(ordering: .relaxed) }

    func makeVoid() { void.store(true, ordering: .relaxed) }
}
