#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A time in milliseconds since the beginning of 1970 (UTC), in the format of XEP-0082.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z, negative before it.
    public var milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// The present, by the system's clock.
    public static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

// MARK: - Reading

extension Timestamp {
    /// Reads an XEP-0082 DateTime such as `2012-04-26T12:00:00.5+02:00`.
    ///
    /// Only the fraction is optional; its digits beyond the third are ignored.
    /// - Returns: nil if the text is invalid.
    public init?(_ xep0082: String) {
        guard xep0082.utf8.count <= 64 else { return nil }
        var reader = Reader(bytes: Array(xep0082.utf8))
        guard let year = reader.number(digits: 4), year > 0, reader.take("-"),
            let month = reader.number(digits: 2), (1...12).contains(month), reader.take("-"),
            let day = reader.number(digits: 2), (1...Self.days(in: month, of: year)).contains(day), reader.take("T"),
            let hour = reader.number(digits: 2), hour < 24, reader.take(":"),
            let minute = reader.number(digits: 2), minute < 60, reader.take(":"),
            let second = reader.number(digits: 2), second < 60,
            let fraction = reader.fraction(), let offset = reader.zone(), reader.isAtEnd
        else { return nil }
        let minutes = (Self.days(until: (year, month, day)) * 24 + hour) * 60 + minute - offset
        milliseconds = (minutes * 60 + second) * 1000 + fraction
    }

    private struct Reader {
        let bytes: [UInt8]
        var index = 0

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard index < bytes.count, UInt32(bytes[index]) == character.value else { return false }
            index += 1
            return true
        }

        mutating func digit() -> Int64? {
            guard index < bytes.count, (0x30...0x39).contains(bytes[index]) else { return nil }
            index += 1
            return Int64(bytes[index - 1] - 0x30)
        }

        mutating func number(digits: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                value = value * 10 + digit
            }
            return value
        }

        /// Milliseconds.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            guard var value = digit() else { return nil }
            var count = 1
            while let digit = digit() {
                if count < 3 { value = value * 10 + digit }
                count += 1
            }
            while count < 3 {
                value *= 10
                count += 1
            }
            return value
        }

        /// Minutes east of UTC, at most fourteen hours.
        mutating func zone() -> Int64? {
            if take("Z") { return 0 }
            let isEast = take("+")
            guard isEast || take("-"), let hours = number(digits: 2), take(":"), let minutes = number(digits: 2),
                minutes < 60, hours * 60 + minutes <= 14 * 60
            else { return nil }
            return (isEast ? 1 : -1) * (hours * 60 + minutes)
        }
    }
}

// MARK: - Writing

extension Timestamp {
    /// The time in UTC, such as `2012-04-26T10:00:00Z`, with three digits of fraction only if they are not zero.
    ///
    /// Years before 1 or after 9999 are written as the first or last time of that span, as the format has no other.
    public var xep0082: String {
        let value = min(max(milliseconds, Self.first.milliseconds), Self.last.milliseconds)
        let day = value.floored(by: 86_400_000)
        let date = Self.date(of: day)
        let time = value - day * 86_400_000
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        bytes.append(date.year, digits: 4, then: "-")
        bytes.append(date.month, digits: 2, then: "-")
        bytes.append(date.day, digits: 2, then: "T")
        bytes.append(time / 3_600_000, digits: 2, then: ":")
        bytes.append(time / 60_000 % 60, digits: 2, then: ":")
        let fraction = time % 1000
        bytes.append(time / 1000 % 60, digits: 2, then: fraction == 0 ? "Z" : ".")
        if fraction != 0 { bytes.append(fraction, digits: 3, then: "Z") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let first = Timestamp(milliseconds: days(until: (1, 1, 1)) * 86_400_000)
    private static let last = Timestamp(milliseconds: days(until: (10_000, 1, 1)) * 86_400_000 - 1)
}

extension [UInt8] {
    fileprivate mutating func append(_ value: Int64, digits: Int, then separator: Unicode.Scalar) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
            divisor /= 10
        }
        append(UInt8(truncatingIfNeeded: separator.value))
    }
}

// MARK: - Calendar

extension Timestamp {
    private typealias Date = (year: Int64, month: Int64, day: Int64)

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The days between the beginning of 1970 and a date. Years are counted from March, so that the leap day is last.
    private static func days(until date: Date) -> Int64 {
        let year = date.month > 2 ? date.year : date.year - 1
        let month = (date.month + 9) % 12
        let yearDays = year * 365 + year.floored(by: 4) - year.floored(by: 100) + year.floored(by: 400)
        return yearDays + (month * 153 + 2) / 5 + date.day - 1 - 719_468
    }

    private static func date(of day: Int64) -> Date {
        let shifted = day + 719_468
        let era = shifted.floored(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

extension Int64 {
    /// The quotient rounded down; `divisor` is positive.
    fileprivate func floored(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self < 0 && quotient * divisor != self ? quotient - 1 : quotient
    }
}
