import Crypto
import NIOCore
import Synchronization

/// Finds the tls-exporter channel binding (RFC 9266) of each TLS 1.3 connection.
///
/// The TLS library has no call for it, but reports each connection's exporter secret to a key-log callback. A
/// ``ClientHelloReader`` before the TLS handler opens an entry here under the random number in the client's first
/// message; the callback, ``secretLogged(_:)``, fills it; the connection takes it when its handshake is complete.
public final class TLSExporter: Sendable {
    /// The maximum number of concurrent handshakes. Connections beyond it have no tls-exporter.
    public let capacity: Int

    private let entries = Mutex<[ClientRandom: Entry]>([:])

    private enum Entry {
        case expected
        case derived([UInt8])
        /// Two connections have the same random, so a logged secret could be either's.
        case ambiguous(connections: Int)
    }

    /// An empty table. One serves all listeners that share a TLS configuration.
    public init(capacity: Int = 16_384) {
        self.capacity = capacity
    }

    /// The number of entries held.
    public var count: Int {
        entries.withLock { $0.count }
    }

    /// Call it from `TLSConfiguration.keyLogCallback` with each line, on any thread. It reads only exporter secrets of
    /// waiting connections.
    public func secretLogged(_ line: ByteBuffer) {
        guard let (random, secret) = Self.parse(line.readableBytesView) else { return }
        let isExpected = entries.withLock { entries in
            if case .expected = entries[random] { true } else { false }
        }
        guard isExpected, let data = Self.channelBinding(exporterSecret: secret) else { return }
        entries.withLock { entries in
            if case .expected = entries[random] { entries[random] = .derived(data) }
        }
    }

    /// Opens an entry; false if the table is full.
    func expect(_ random: ClientRandom) -> Bool {
        entries.withLock { entries in
            switch entries[random] {
            case nil:
                guard entries.count < capacity else { return false }
                entries[random] = .expected
            case .expected, .derived: entries[random] = .ambiguous(connections: 2)
            case .ambiguous(let connections): entries[random] = .ambiguous(connections: connections + 1)
            }
            return true
        }
    }

    /// Closes an entry opened by ``expect(_:)`` and returns its data.
    func take(_ random: ClientRandom) -> [UInt8]? {
        entries.withLock { entries in
            switch entries[random] {
            case nil: return nil
            case .expected:
                entries[random] = nil
                return nil
            case .derived(let data):
                entries[random] = nil
                return data
            case .ambiguous(let connections):
                entries[random] = connections > 1 ? .ambiguous(connections: connections - 1) : nil
                return nil
            }
        }
    }
}

/// The random number of a ClientHello, which identifies a connection in the key log.
struct ClientRandom: Hashable, Sendable {
    static let byteCount = 32
    private let words: SIMD4<UInt64>

    /// nil unless there are 32 bytes.
    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        var words = SIMD4<UInt64>()
        for (index, byte) in bytes.enumerated() {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.words = words
    }
}

extension TLSExporter {
    /// Reads `EXPORTER_SECRET <client random> <secret>`, both in hexadecimal; nil for every other line.
    private static func parse(_ line: ByteBufferView) -> (ClientRandom, secret: [UInt8])? {
        guard line.starts(with: "EXPORTER_SECRET ".utf8) else { return nil }
        let fields = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        guard fields.count == 3, let randomBytes = bytes(hexadecimal: fields[1]),
            let random = ClientRandom(randomBytes), let secret = bytes(hexadecimal: fields[2])
        else { return nil }
        return (random, secret)
    }

    private static func bytes(hexadecimal digits: ByteBufferView) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            if let first = high {
                bytes.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        return bytes
    }

    /// The 32 bytes of RFC 9266 §2, by the exporter of RFC 8446 §7.5; nil if no hash of TLS 1.3 makes a secret of that
    /// length.
    static func channelBinding(exporterSecret secret: [UInt8]) -> [UInt8]? {
        switch secret.count {
        case SHA256.byteCount: channelBinding(secret, SHA256.self)
        case SHA384.byteCount: channelBinding(secret, SHA384.self)
        default: nil
        }
    }

    private static func channelBinding<Hash: HashFunction>(_ secret: [UInt8], _ hash: Hash.Type) -> [UInt8] {
        let emptyHash = Array(Hash.hash(data: [UInt8]()))
        let derived = expand(
            secret, label: "EXPORTER-Channel-Binding", context: emptyHash, byteCount: Hash.Digest.byteCount, hash)
        return expand(derived, label: "exporter", context: emptyHash, byteCount: 32, hash)
    }

    /// `HKDF-Expand-Label` of RFC 8446 §7.1. Label and context are constants and hashes, well below 256 bytes.
    private static func expand<Hash: HashFunction>(
        _ secret: [UInt8], label: String, context: [UInt8], byteCount: Int, _: Hash.Type
    ) -> [UInt8] {
        let name = Array("tls13 \(label)".utf8)
        var info = [UInt8(truncatingIfNeeded: byteCount >> 8), UInt8(truncatingIfNeeded: byteCount)]
        info.append(UInt8(truncatingIfNeeded: name.count))
        info += name
        info.append(UInt8(truncatingIfNeeded: context.count))
        info += context
        return HKDF<Hash>.expand(pseudoRandomKey: secret, info: info, outputByteCount: byteCount)
            .withUnsafeBytes { Array($0) }
    }
}
