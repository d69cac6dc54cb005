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
        bareHash == other.bareHash && bareEnd == other.bareEnd && hasSame(bareLength, from: 0, as: other, from: 0)
    }

    /// Whether the bytes are this address in normal form; then they need not be parsed to compare. Allocates nothing.
    public func isWritten(_ bytes: RawSpan) -> Bool {
        guard string.utf8.count == bytes.byteCount else { return false }
        return string.withBytes { mine in
            bytes.withUnsafeBytes { areIdentical(mine.baseAddress, $0.baseAddress, count: mine.count) }
        }
    }

    /// Whether both have the same domainpart. Allocates nothing.
    public func isSameDomain(as other: JID) -> Bool {
        let (start, otherStart) = (domainStart, other.domainStart)
        let count = bareLength - start
        return count == other.bareLength - otherStart && hasSame(count, from: start, as: other, from: otherStart)
    }

    private var domainStart: Int { hasLocal ? localLength + 1 : 0 }

    /// Compares bytes, not canonical equivalence.
    public static func == (left: JID, right: JID) -> Bool {
        let count = left.string.utf8.count
        return left.bareHash == right.bareHash && left.bareEnd == right.bareEnd && count == right.string.utf8.count
            && left.hasSame(count, from: 0, as: right, from: 0)
    }

    /// Whether so many bytes are the same, from there on in this address and from there on in the other one. Both have as many.
    @inline(__always)
    private func hasSame(_ count: Int, from start: Int, as other: JID, from otherStart: Int) -> Bool {
        string.withBytes { mine in
            other.string.withBytes { theirs in
                precondition(count <= mine.count - start && count <= theirs.count - otherStart)
                return areIdentical(
                    mine.baseAddress.map { $0 + start }, theirs.baseAddress.map { $0 + otherStart }, count: count)
            }
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

/// Whether that many bytes are the same, eight at a time. It costs less than a call where addresses are as long as they are.
@inline(__always)
private func areIdentical(_ mine: UnsafeRawPointer?, _ theirs: UnsafeRawPointer?, count: Int) -> Bool {
    guard let mine, let theirs else { return count == 0 }
    func word(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    var offset = 0
    while offset &+ 8 <= count {
        guard word(mine, offset) == word(theirs, offset) else { return false }
        offset &+= 8
    }
    // The last eight bytes: some of them for the second time.
    if count >= 8 { return offset == count || word(mine, count &- 8) == word(theirs, count &- 8) }
    while offset < count {
        guard mine.load(fromByteOffset: offset, as: UInt8.self) == theirs.load(fromByteOffset: offset, as: UInt8.self)
        else { return false }
        offset &+= 1
    }
    return true
}
