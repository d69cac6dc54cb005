import Testing

@testable import XMPPServer

private enum Colour: String, CaseIterable {
    case red, green, blue
}

@Suite struct ConfigSectionTests {
    @Test func everyKindOfValueIsRead() throws {
        let (root, report) = try ConfigFile.parse(
            """
            text: hello
            number-as-text: 5
            integer: 1_000
            size: 16 KiB
            time: 250ms
            switch: off
            colour: green
            colours: [blue, red]
            words:
              - one
              - "two: three"
            """, file: "f.yaml"
        )
        #expect(root.string("text", default: "", "") == "hello")
        #expect(root.string("number-as-text", default: "", "") == "5")
        #expect(root.optionalString("nothing", "") == nil)
        #expect(root.integer("integer", default: 0, in: 0...2000, "") == 1000)
        #expect(root.byteCount("size", default: 0, in: 0...20_000, "") == 16_384)
        #expect(root.duration("time", default: .zero, in: .zero...(.seconds(1)), "") == .milliseconds(250))
        #expect(root.boolean("switch", default: true, "") == false)
        #expect(root.choice("colour", default: Colour.red, "") == .green)
        #expect(root.choices("colours", default: [Colour.red], "") == [.blue, .red])
        #expect(root.strings("words", default: [], "") == ["one", "two: three"])
        #expect(report.finish() == [])
    }

    @Test func whatIsMissingHasItsDefault() {
        let root = ConfigSection()
        #expect(root.string("a", default: "x", "") == "x")
        #expect(root.integer("a", default: 3, in: 0...9, "") == 3)
        #expect(root.choices("a", default: [Colour.blue], "") == [.blue])
        #expect(root.section("a", "").isEmpty)
        #expect(root.sections("a", "").isEmpty)
        #expect(root.list("a", "").isEmpty)
        #expect(root.report.finish() == [])
    }

    @Test func sectionsKeepTheFilesOrder() throws {
        let (root, report) = try ConfigFile.parse(
            "map:\n  b: {n: 1}\n  a: {n: 2}\n  c:\nlist:\n- n: 3\n- n: 4\n", file: "f")
        let map = root.sections("map", "")
        #expect(map.map(\.name) == ["b", "a", "c"])
        #expect(map.map { $0.section.integer("n", default: 0, in: 0...9, "") } == [1, 2, 0])
        #expect(map.map(\.section.path) == ["map.b", "map.a", "map.c"])
        #expect(root.list("list", "").map { $0.integer("n", default: 0, in: 0...9, "") } == [3, 4])
        #expect(report.finish() == [])
    }

    @Test func aSectionLaidOverAnotherWins() throws {
        let (root, report) = try ConfigFile.parse(
            """
            base:
              a: 1
              b: 1
              deep: {x: 1, y: 1}
              words: [one]
            over:
              b: 2
              deep: {y: 2, z: 2}
              words: [two]
            """, file: "f.yaml"
        )
        let both = root.section("base", "").overlaid(by: root.section("over", ""))
        let number = { (section: ConfigSection, key: String) in section.integer(key, default: 0, in: 0...9, "") }
        #expect(number(both, "a") == 1)
        #expect(number(both, "b") == 2)
        let deep = both.section("deep", "")
        #expect(["x", "y", "z"].map { number(deep, $0) } == [1, 2, 2])
        #expect(both.strings("words", default: [], "") == ["two"])
        #expect(report.finish() == [])
    }

    @Test(arguments: [
        ("n: 10", "f.yaml:1: n: 10 is out of bounds — write a number from 0 to 9"),
        ("n: many", "f.yaml:1: n: \"many\" is not a whole number — write a number from 0 to 9"),
        (
            "n: 99999999999999999999",
            "f.yaml:1: n: \"99999999999999999999\" is not a whole number — write a number from 0 to 9"
        ),
        ("n: [1]", "f.yaml:1: n: expected a whole number, found a list — write a number from 0 to 9"),
        ("n:", "f.yaml:1: n: expected a whole number, found nothing — write a number from 0 to 9"),
        ("size: 1 KiB", "f.yaml:1: size: 1 KiB is out of bounds — write it as \"16 KiB\", from 2 KiB to 1 MiB"),
        ("time: 5", "f.yaml:1: time: \"5\" is not a duration — write it as \"30 s\" or \"10 min\", from 1 s to 1 h"),
        ("switch: maybe", "f.yaml:1: switch: \"maybe\" is neither true nor false — write true or false"),
        ("colour: gren", "f.yaml:1: colour: \"gren\" is not known here — did you mean \"green\"?"),
        ("colour: 7", "f.yaml:1: colour: \"7\" is not known here — write red, green or blue"),
        ("colours: [red, bleu]", "f.yaml:1: colours[1]: \"bleu\" is not known here — did you mean \"blue\"?"),
        ("colours: [red, red]", "f.yaml:1: colours[1]: \"red\" stands here twice — delete one of the two"),
        ("words: one", "f.yaml:1: words: expected a list, found a single value — write [one]"),
        ("words:\n  a: b", "f.yaml:1: words: expected a list, found a section — begin each item with \"- \""),
        (
            "words:\n- a\n- {b: c}",
            "f.yaml:3: words[1]: expected a text, found a section — write one text for each item"
        ),
        ("inner: 5", "f.yaml:1: inner: expected a section, found a single value — write its keys indented below it"),
        ("inner:\n  name: x\n  nam: y", "f.yaml:3: inner.nam: unknown key — did you mean \"name\"?"),
        ("address: host", "f.yaml:1: address: \"host\" is not an IP address — write it as \"::1\""),
        ("addresses:\n- ::1\n- x", "f.yaml:3: addresses[1]: \"x\" is not an IP address — write it as \"::1\""),
        (
            "zebra: {a: {b: c}}",
            "f.yaml:1: zebra: unknown key — known here: n, size, time, switch, colour, colours, words, inner, address, "
                + "addresses"
        ),
    ])
    func aWrongValueIsNamed(text: String, message: String) throws {
        let (root, report) = try ConfigFile.parse(text, file: "f.yaml")
        #expect(root.integer("n", default: 3, in: 0...9, "") == 3)
        #expect(root.byteCount("size", default: 4096, in: 2048...(1 << 20), "") == 4096)
        #expect(root.duration("time", default: .seconds(2), in: .seconds(1)...(.seconds(3600)), "") == .seconds(2))
        #expect(root.boolean("switch", default: true, "") == true)
        #expect(root.choice("colour", default: Colour.blue, "") == .blue)
        _ = root.choices("colours", default: [Colour.blue], "")
        _ = root.strings("words", default: [], "")
        _ = root.section("inner", "").string("name", default: "", "")
        let _: IPAddress? = root.optionalValue("address", expected: "an IP address", example: "\"::1\"", "")
        let _: [IPAddress] = root.values("addresses", default: [], expected: "an IP address", example: "\"::1\"", "")
        #expect(report.finish().map(\.description) == [message])
    }

    @Test func aModulesOwnCheckNamesTheKeyOrTheSection() throws {
        let (root, report) = try ConfigFile.parse("\nouter:\n  a: 1\n  b: [x, y]\n", file: "f.yaml")
        let outer = root.section("outer", "")
        _ = outer.integer("a", default: 0, in: 0...9, "")
        _ = outer.strings("b", default: [], "")
        outer.fail("a", "too odd", fix: "even it")
        outer.fail("missing", "missing", fix: "add it")
        outer.fail(nil, "wrong as a whole", fix: "fix it")
        outer.fail("b", item: "y", "no y", fix: "delete it")
        outer.fail("b", item: "y", "no y", fix: "delete it")
        #expect(
            report.finish().map(\.description) == [
                "f.yaml:2: outer.missing: missing — add it",
                "f.yaml:2: outer: wrong as a whole — fix it",
                "f.yaml:3: outer.a: too odd — even it",
                "f.yaml:4: outer.b[1]: no y — delete it",
            ]
        )
    }
}
