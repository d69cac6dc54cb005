import Crypto
import Foundation
import XMPP
import XMPPStream

/// A secret of this server outside of its database: what is derived from it cannot be derived from a copy of the
/// database.
public struct ServerKey: Sendable {
    private let key: SymmetricKey

    private static let byteCount = 32

    /// A key for the life of the process.
    public init() {
        key = SymmetricKey(data: SecureRandom.bytes(Self.byteCount))
    }

    /// Reads the key from a file; makes the file, readable by its owner only, if it does not exist.
    public init(file path: String) throws(ServerError) {
        if let bytes = FileManager.default.contents(atPath: path) {
            guard bytes.count == Self.byteCount else {
                throw ServerError("\(path) holds no key of \(Self.byteCount) bytes")
            }
            key = SymmetricKey(data: bytes)
            return
        }
        let bytes = SecureRandom.bytes(Self.byteCount)
        do throws(StorageError) {
            try FileCalls.makeDirectory(of: path)
            // A partly written key would be taken for a whole one; what is derived from one that is lost is void.
            try FileCalls.write(bytes, to: path)
        } catch {
            throw ServerError("cannot make \(path): \(error.diagnosis)")
        }
        key = SymmetricKey(data: bytes)
    }

    /// Twelve letters and digits that reveal nothing of their input.
    func name(_ purpose: String, _ account: JID, _ text: String) -> String {
        let code = Base64.encode(code(of: "\(purpose)\0\(account)\0\(text)"))
        let letters = code.utf8.filter { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "/") }
        return String(decoding: letters.prefix(12), as: UTF8.self)
    }

    /// HMAC-SHA-256 of a text under the key: 32 bytes.
    package func code(of text: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key))
    }
}

extension ServerKey: CustomStringConvertible, CustomReflectable {
    public var description: String { "‹redacted›" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
