import XMPP

/// A time in HTTP fields, RFC 9110 §5.6.7.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func text(_ moment: Timestamp) -> String {
        // 1970-01-01, a Thursday, is day 0. `2012-04-26T12:00:00Z`
        let day = max(0, moment.milliseconds / 86_400_000)
        let text = moment.xep0082
        let parts = text.prefix(10).split(separator: "-")
        let month = parts.count == 3 ? Int(parts[1]).map { months[($0 - 1) % 12] } ?? "" : ""
        return
            "\(days[Int(day % 7)]), \(parts.last ?? "") \(month) \(parts.first ?? "") \(text.dropFirst(11).prefix(8)) GMT"
    }
}
