import Testing

@testable import XMPP

@Suite struct TimestampTests {
    static let pairs: [(String, Int64)] = [
        ("1970-01-01T00:00:00Z", 0), ("1969-07-21T02:56:15Z", -14_159_025_000),
        ("2012-04-26T10:00:00Z", 1_335_434_400_000),
        ("2000-02-29T23:59:59.999Z", 951_868_799_999), ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("1969-12-31T23:59:59.001Z", -999),
    ]

    @Test(arguments: pairs)
    func readsAndWrites(text: String, milliseconds: Int64) {
        #expect(Timestamp(text)?.milliseconds == milliseconds)
        #expect(Timestamp(milliseconds: milliseconds).xep0082 == text)
    }

    static let others: [(String, String)] = [
        ("2012-04-26T12:00:00+02:00", "2012-04-26T10:00:00Z"), ("2012-04-26T00:30:00-14:00", "2012-04-26T14:30:00Z"),
        ("2012-01-01T00:00:00+00:01", "2011-12-31T23:59:00Z"), ("2012-04-26T10:00:00.5Z", "2012-04-26T10:00:00.500Z"),
        ("2012-04-26T10:00:00.000Z", "2012-04-26T10:00:00Z"),
        (
            "2012-04-26T10:00:00.1239999Z",
            "2012-04-26T10:00:00.123Z"
        ),
        ("2012-04-26T10:00:00-00:00", "2012-04-26T10:00:00Z"),
    ]

    @Test(arguments: others)
    func bringsToUTC(text: String, utc: String) {
        #expect(Timestamp(text)?.xep0082 == utc)
    }

    @Test(arguments: [
        "", "2012", "2012-04-26", "2012-04-26T10:00:00", "2012-04-26t10:00:00Z", "2012-04-26T10:00:00z",
        "2012-04-26 10:00:00Z", "2012-04-26T10:00Z", "2012-13-01T00:00:00Z", "2012-00-01T00:00:00Z",
        "2012-01-00T00:00:00Z",
        "2011-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2012-04-31T00:00:00Z", "2012-04-26T24:00:00Z",
        "2012-04-26T10:60:00Z", "2012-04-26T10:00:60Z", "2012-04-26T10:00:00.Z", "2012-04-26T10:00:00,5Z",
        "2012-04-26T10:00:00+0200", "2012-04-26T10:00:00+2:00", "2012-04-26T10:00:00+14:01",
        "2012-04-26T10:00:00+02:60",
        "2012-04-26T10:00:00ZZ", " 2012-04-26T10:00:00Z", "-2012-04-26T10:00:00Z", "0000-01-01T00:00:00Z",
        "12012-04-26T10:00:00Z", "2012-04-26T10:00:00.\(String(repeating: "1", count: 100))Z", "20120426T10:00:00",
        "\u{662}012-04-26T10:00:00Z",
    ])
    func refuses(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func extremesNeverTrap() {
        #expect(Timestamp(milliseconds: .max).xep0082 == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp(milliseconds: .min).xep0082 == "0001-01-01T00:00:00Z")
    }

    @Test func everyDayReadsBack() {
        for day in stride(from: Int64(-719_162), to: 2_932_896, by: 13) {
            let stamp = Timestamp(milliseconds: day * 86_400_000 + 43_200_001)
            #expect(Timestamp(stamp.xep0082) == stamp)
        }
    }

    @Test func isOrdered() {
        #expect(Timestamp(milliseconds: 1) < Timestamp(milliseconds: 2))
        #expect(Timestamp.now() > Timestamp(milliseconds: 1_700_000_000_000))
    }
}
