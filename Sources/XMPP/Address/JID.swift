/// An XMPP address (RFC 7622): `local@domain/resource`, where only the domain is required.
///
/// A JID holds one string in normal form and the ends of its parts; JIDs are equal if their bytes are. The hash of the
/// bare address is computed once.
public struct JID: Hashable, Sendable, CustomStringConvertible, LosslessStringConvertible {
    /// The maximum length of each part, in bytes of UTF-8 after normalisation.
    public static let maximumPartByteCount = 1023

    /// The whole address in normal form.
    public let string: String
    /// A hash of the address without its resource, the same in all JIDs of one account; differs between processes.
    public let bareHash: Int
    /// The number of bytes before the at sign; zero if there is no localpart.
    private let localEnd: UInt16
    /// The number of bytes before the slash, or of all if there is no resourcepart.
    private let bareEnd: UInt16

    /// - Parameter string: an address in normal form, each part between 1 and `maximumPartByteCount` bytes.
    init(normalized string: String, localLength: Int, bareLength: Int) {
        self.string = string
        localEnd = UInt16(truncatingIfNeeded: localLength)
        bareEnd = UInt16(truncatingIfNeeded: bareLength)
        bareHash = string.withBytes { bytes in
            var hasher = Hasher()
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(bareLength)))
            return hasher.finalize()
        }
    }

    // MARK: - Parts

    var localLength: Int { Int(localEnd) }
    var bareLength: Int { Int(bareEnd) }

    /// The localpart, which identifies an account on a host.
    public var local: String? {
        hasLocal ? String(Substring(string.utf8.prefix(localLength))) : nil
    }

    /// The domainpart: a host name with its labels in Unicode, or an IP address (version 6 in brackets).
    public var domain: String {
        if isDomain { return string }
        return String(Substring(string.utf8.prefix(bareLength).dropFirst(hasLocal ? localLength + 1 : 0)))
    }

    /// The resourcepart, which identifies one of an account's sessions, or an occupant.
    public var resource: String? {
        isFull ? String(Substring(string.utf8.dropFirst(bareLength + 1))) : nil
    }

    /// The address without its resourcepart.
    public var bare: JID {
        if isBare { return self }
        let bare = String(Substring(string.utf8.prefix(bareLength)))
        return JID(normalized: bare, localLength: localLength, bareLength: bareLength)
    }

    /// Whether there is a localpart.
    public var hasLocal: Bool { localEnd > 0 }
    /// Whether there is no resourcepart, with or without a localpart.
    public var isBare: Bool { bareLength == string.utf8.count }
    /// Whether there is a resourcepart.
    public var isFull: Bool { !isBare }
    /// Whether there is neither a localpart nor a resourcepart.
    public var isDomain: Bool { !hasLocal && isBare }

    public var description: String { string }

    // MARK: - Comparing

    /// Whether both have the same bare address. Allocates nothing.
    public func isSameBare(as other: JID) -> Bool {
        guard bareHash == other.bareHash, bareEnd == other.bareEnd else { return false }
        return string.withBytes { mine in
            other.string.withBytes { theirs in
                mine.prefix(bareLength).isIdentical(to: theirs.prefix(bareLength))
            }
        }
    }

    /// Whether the bytes are this address in normal form; then they need not be parsed to compare. Allocates nothing.
    public func isWritten(_ bytes: RawSpan) -> Bool {
        string.withBytes { mine in bytes.withUnsafeBytes { mine[...].isIdentical(to: $0[...]) } }
    }

    /// Whether both have the same domainpart. Allocates nothing.
    public func isSameDomain(as other: JID) -> Bool {
        string.withBytes { mine in
            other.string.withBytes { theirs in
                mine[domainStart..<bareLength].isIdentical(to: theirs[other.domainStart..<other.bareLength])
            }
        }
    }

    private var domainStart: Int { hasLocal ? localLength + 1 : 0 }

    /// Compares bytes, not canonical equivalence.
    public static func == (left: JID, right: JID) -> Bool {
        guard left.bareHash == right.bareHash, left.bareEnd == right.bareEnd else { return false }
        return left.string.withBytes { mine in
            right.string.withBytes { theirs in mine[...].isIdentical(to: theirs[...]) }
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(bareHash)
        if isFull {
            string.withBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0.dropFirst(bareLength))) }
        }
    }
}

extension String {
    /// The UTF-8 bytes in place: all strings made here are contiguous.
    @inline(__always)
    fileprivate func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        if let result = utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
        var copy = self
        return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}

extension Slice<UnsafeRawBufferPointer> {
    @inline(__always)
    fileprivate func isIdentical(to other: Self) -> Bool {
        guard count == other.count else { return false }
        let mine = UnsafeRawBufferPointer(rebasing: self), theirs = UnsafeRawBufferPointer(rebasing: other)
        var offset = 0
        while offset &+ 8 <= count {
            guard mine.word(offset) == theirs.word(offset) else { return false }
            offset &+= 8
        }
        // The last eight bytes: some of them for the second time.
        if count >= 8 { return offset == count || mine.word(count &- 8) == theirs.word(count &- 8) }
        while offset < count {
            guard mine[offset] == theirs[offset] else { return false }
            offset &+= 1
        }
        return true
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    fileprivate func word(_ offset: Int) -> UInt64 { loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
}
