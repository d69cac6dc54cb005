import Testing

@testable import XMPPServer

@Suite struct QuantityTests {
    @Test(arguments: [
        ("0", 0), ("16384", 16_384), ("16 KiB", 16_384), ("16kib", 16_384), ("1 MiB", 1_048_576),
        ("2 GiB", 2_147_483_648),
        ("1 kB", 1000), ("3MB", 3_000_000), ("7 B", 7),
    ])
    func byteCountsAreRead(text: String, bytes: Int) {
        #expect(ByteCount(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "KiB", "-1", "1.5 MiB", "1 TiBs", "9223372036854775807 KiB", "99999999999999999999", "1 Ki B",
    ])
    func otherTextsAreNoByteCounts(text: String) {
        #expect(ByteCount(text) == nil)
    }

    @Test(arguments: [(0, "0 B"), (10_000, "10000 B"), (16_384, "16 KiB"), (1 << 20, "1 MiB"), (1 << 30, "1 GiB")])
    func byteCountsPrint(bytes: Int, text: String) {
        #expect(ByteCount(bytes).description == text)
        #expect(ByteCount(text)?.bytes == bytes)
    }

    @Test(arguments: [
        ("0", Duration.zero, "0"), ("250ms", .milliseconds(250), "250 ms"), ("5s", .seconds(5), "5 s"),
        ("10 min", .seconds(600), "10 min"), ("10m", .seconds(600), "10 min"), ("90 seconds", .seconds(90), "90 s"),
        ("1h", .seconds(3600), "1 h"), ("2 days", .seconds(172_800), "2 d"),
        ("1500 ms", .milliseconds(1500), "1500 ms"),
    ])
    func durationsAreRead(text: String, duration: Duration, written: String) {
        #expect(Duration(text: text) == duration)
        #expect(duration.text == written)
        #expect(Duration(text: written) == duration)
    }

    @Test(arguments: ["", "5", "s", "-5s", "1.5h", "5 fortnights", "9223372036854775807 d", "1h30m"])
    func otherTextsAreNoDurations(text: String) {
        #expect(Duration(text: text) == nil)
    }

    @Test(arguments: [
        ("profil", "profile", 1), ("", "abc", 3), ("abc", "abc", 0), ("adn", "and", 1), ("kitten", "sitting", 3),
    ])
    func editDistanceCounts(first: String, second: String, distance: Int) {
        #expect(editDistance(first, second) == distance)
        #expect(editDistance(second, first) == distance)
    }

    @Test func theNearestWordIsNear() {
        #expect(nearestWord(to: "listner", among: ["limits", "listeners", "log"]) == "listeners")
        #expect(nearestWord(to: "Port", among: ["part", "port"]) == "port")
        #expect(nearestWord(to: "zebra", among: ["limits", "log"]) == nil)
        #expect(nearestWord(to: "a", among: ["log"]) == nil)
    }
}
