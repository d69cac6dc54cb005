import NIOCore

/// What a message carries to be known by: the run, its flow and number, and when it was due.
struct Mark {
    var flow: Int
    var number: Int
    /// Nanoseconds of the monotonic clock.
    var due: UInt64
}

/// Writes marks and finds them. A run's own name keeps apart what was left over from an earlier one.
struct Marker {
    private let run: [UInt8]

    init() {
        let digits = String(UInt32(truncatingIfNeeded: uptime() >> 10) & 0xFF_FFFF, radix: 16)
        run = Array("L\(String(repeating: "0", count: 6 - digits.count))\(digits):".utf8)
    }

    /// Writes `run:flow:number:due:`.
    ///
    /// - Returns: the number of bytes.
    @discardableResult
    func write(_ mark: Mark, to buffer: inout ByteBuffer) -> Int {
        let before = buffer.writerIndex
        buffer.writeBytes(run)
        buffer.writeHex(UInt64(mark.flow))
        buffer.writeInteger(0x3A as UInt8)
        buffer.writeHex(UInt64(mark.number))
        buffer.writeInteger(0x3A as UInt8)
        buffer.writeHex(mark.due)
        buffer.writeInteger(0x3A as UInt8)
        return buffer.writerIndex - before
    }

    /// The mark of this run in a stanza; nil if it has none.
    func find(in stanza: ReceivedStanza) -> Mark? {
        guard let found = run.withUnsafeBytes({ stanza.bytes.find($0) }) else { return nil }
        var index = found + run.count
        func number() -> UInt64? {
            var value: UInt64 = 0
            while index < stanza.bytes.count {
                let byte = stanza.bytes[index]
                index += 1
                switch byte {
                case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
                case 0x61...0x66: value = value << 4 | UInt64(byte - 0x57)
                case 0x3A: return value
                default: return nil
                }
            }
            return nil
        }
        guard let flow = number(), let sequence = number(), let due = number() else { return nil }
        return Mark(flow: Int(truncatingIfNeeded: flow), number: Int(truncatingIfNeeded: sequence), due: due)
    }
}

/// Nanoseconds of the monotonic clock.
@inline(__always)
func uptime() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

extension ByteBuffer {
    /// Lower-case hexadecimal without leading zeros.
    mutating func writeHex(_ value: UInt64) {
        let digits = max(1, (64 - value.leadingZeroBitCount + 3) / 4)
        writeWithUnsafeMutableBytes(minimumWritableBytes: digits) { memory in
            for index in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: value >> (4 * (digits - 1 - index))) & 15
                memory[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
            return digits
        }
    }
}
