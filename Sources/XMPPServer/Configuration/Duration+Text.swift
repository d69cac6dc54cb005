extension Duration {
    /// Reads a whole number and a unit: `ms`, `s`, `min`, `h`, `d` and their long forms, with or without a space
    /// between. A bare `0` needs no unit.
    public init?(text: String) {
        guard let (number, unit) = splitQuantity(text) else { return nil }
        let milliseconds: Int
        switch unit {
        case "" where number == 0: milliseconds = 1
        case "ms", "millisecond", "milliseconds": milliseconds = 1
        case "s", "sec", "second", "seconds": milliseconds = 1000
        case "m", "min", "minute", "minutes": milliseconds = 60_000
        case "h", "hour", "hours": milliseconds = 3_600_000
        case "d", "day", "days": milliseconds = 86_400_000
        default: return nil
        }
        let (total, overflow) = number.multipliedReportingOverflow(by: milliseconds)
        guard !overflow else { return nil }
        self = .milliseconds(total)
    }

    /// The form that `init(text:)` reads, in the largest unit that keeps it whole; parts of a millisecond are lost.
    public var text: String {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        if milliseconds != 0 { return "\(Int64(seconds) * 1000 + milliseconds) ms" }
        for (name, unit) in [("d", 86_400), ("h", 3600), ("min", 60)] as [(String, Int64)]
        where seconds != 0 && seconds % unit == 0 {
            return "\(seconds / unit) \(name)"
        }
        return seconds == 0 ? "0" : "\(seconds) s"
    }
}
