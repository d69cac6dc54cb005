import Foundation
import Testing

@testable import XMPPServer

@Suite struct ConfigFileTests {
    @Test(arguments: [
        (
            "hosts:\n\tlocalhost: {}",
            "f.yaml:2: a tab stands where only spaces may — indent with spaces"
        ),
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yaml:3: a: the key stands here twice, first in line 1 — delete one of the two"
        ),
        (
            "hosts:\n  x:\n    port: 1\n\n    # more\n    name: y\n    port: 2\n  z:\n    port: 3\n",
            "f.yaml:7: hosts.x.port: the key stands here twice, first in line 3 — delete one of the two"
        ),
        (
            "a: &x [1]\nb: *x\n",
            "f.yaml:1: a: anchors (\"&\") and aliases (\"*\") are not read — write the value out; sets of settings are "
                + "shared by profiles"
        ),
        (
            "a: *x\n",
            "f.yaml:1: aliases (\"*\") are not read — write the value out; put a text with \"*\" in quotes"
        ),
        (
            "a: b: c\n",
            "f.yaml:1: a second \": \" in one line — put the value in quotes, or check the indentation"
        ),
        (
            "a: 1\nport\nb: 2\n",
            "f.yaml:2: a key without \":\" — write \"key: value\", with a space after the colon"
        ),
        (
            "a: [1, 2\nb: 3\n",
            "f.yaml:2: not YAML: did not find expected ',' or ']', while parsing a flow sequence that begins in line 1 — "
                + ""
                + "check indentation, quotes and brackets here and just above"
        ),
        (
            "hosts:\n  x:\n    profile: y\n   key: z\n",
            "f.yaml:4: the line is indented by 3, as none above is — indent it by 0 or 2 or 4, as what it belongs to"
        ),
        (
            "hosts:\n  x:\n      profile: y\n\n    # more\n    key: z\n    name: w\n",
            "f.yaml:6: the line is indented by 4, as none above is — indent it by 0 or 2 or 6, as what it belongs to"
        ),
        (
            "hosts:\n  x:\n    profile: y\n      key: z\n",
            "f.yaml:4: the line is indented further than the one above it, which has its value already — begin it below "
                + "\"profile\""
        ),
        (
            "hosts:\n  x:\n    profile: \"y\"\n      key: z\n    name: w\n",
            "f.yaml:4: the line is indented further than the one above it, which has its value already — begin it below "
                + "\"profile\""
        ),
        (
            "hosts:\n  x:\n    profile:y\n    key: z\n",
            "f.yaml:3: a key without \":\" — write \"key: value\", with a space after the colon"
        ),
        (
            "hosts:\n  x:\n    profile: y\n      key\n      name: z\n",
            "f.yaml:4: a key without \":\" — write \"key: value\", with a space after the colon"
        ),
        (
            "list:\n  - a: 1\n  b: 2\nc: 3\n",
            "f.yaml:3: a line between the items of a list — begin it with \"- \", or indent it further"
        ),
        (
            "list:\n  - a: 1\n   b: 2\nc: 3\n",
            "f.yaml:3: the line is indented by 3, as none above is — indent it by 0 or 2 or 4, as what it belongs to"
        ),
        (
            "hosts:\n  x:\n    key: \"y\n    name: z\nlog:\n  level: info\n",
            "f.yaml:3: a quotation mark that nothing closes — close it in the same line"
        ),
        (
            "a: 1\n---\nb: 2\n",
            "f.yaml:2: a second document begins here — delete the line \"---\""
        ),
        (
            "- a\n- b\n",
            "f.yaml:1: expected a section at the top of the file, found a list — begin with a key such as \"hosts:\""
        ),
        (
            "hello\n",
            "f.yaml:1: expected a section at the top of the file, found a single value — begin with a key such as "
                + "\"hosts:\""
        ),
        (
            "a: 1\n? [b]\n: 2\n",
            "f.yaml:2: a key is not a single text — write keys as \"name: value\""
        ),
        (
            "a: 1\nb: \u{1}\n",
            "f.yaml:2: a character that YAML does not allow (control characters are not allowed) — delete it"
        ),
    ])
    func whatIsNoYAMLIsNamed(text: String, message: String) {
        let error = #expect(throws: ConfigErrors.self) { try ConfigFile.parse(text, file: "f.yaml") }
        #expect(error?.description == message)
    }

    @Test(arguments: ["", "\n", "# nothing\n", "---\n", "~\n"])
    func anEmptyFileIsAnEmptySection(text: String) throws {
        let (root, report) = try ConfigFile.parse(text, file: "f.yaml")
        #expect(root.isEmpty)
        #expect(report.finish() == [])
    }

    @Test func aHugeFileIsRefused() {
        let text = "a: " + String(repeating: "x", count: ConfigFile.largestSize)
        let error = #expect(throws: ConfigErrors.self) { try ConfigFile.parse(text, file: "f.yaml") }
        #expect(error?.description == "f.yaml: the file is larger than 1 MiB — make it smaller")
    }

    @Test(arguments: [
        String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
        String(repeating: "- ", count: 10_000) + "x",
    ])
    func deepNestingIsRefused(text: String) {
        let error = #expect(throws: ConfigErrors.self) { try ConfigFile.parse("a:\n " + text, file: "f.yaml") }
        #expect(error?.description == "f.yaml:2: sections or lists are nested too deeply — close some before this line")
    }

    @Test(.timeLimit(.minutes(10)))
    func aBombOfAliasesIsRefusedAtOnce() {
        var text = "a0: &a0 [x, x]\n"
        for level in 1...60 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        text += "? *a60\n: 1\n"
        let error = #expect(throws: ConfigErrors.self) { try ConfigFile.parse(text, file: "f.yaml") }
        #expect(error?.description == "f.yaml:2: aliases (\"*\") are not read — write the values out")
    }

    @Test func aMissingFileIsNamed() {
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).yaml"
        let error = #expect(throws: ConfigErrors.self) { try ConfigFile.load(path: path) }
        #expect(error?.description == "\(path): there is no such file — write it, or name another with --config")
    }

    @Test func aFileInAnotherEncodingIsNamed() throws {
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data([0x61, 0x3a, 0x20, 0xe4]).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: ConfigErrors.self) { try ConfigFile.load(path: path) }
        #expect(error?.description == "\(path): the file is not UTF-8 text — save it as UTF-8")
    }

    @Test func aByteOrderMarkIsPassedOver() throws {
        let (root, report) = try ConfigFile.parse("\u{FEFF}a: b\nc: d\n", file: "f.yaml")
        #expect(root.string("a", default: "", "") == "b")
        #expect(root.string("c", default: "", "") == "d")
        #expect(report.finish() == [])
    }

    @Test func aFileIsLoaded() throws {
        let path = FileManager.default.temporaryDirectory.path + "/\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("a: b\n".utf8).write(to: URL(fileURLWithPath: path))
        let (root, report) = try ConfigFile.load(path: path)
        #expect(root.string("a", default: "", "") == "b")
        #expect(report.file == path)
    }

    @Test func theReferenceListsWhatIsAsked() {
        let text = ConfigFile.reference { root in
            _ = root.string("name", default: "x", "The name.")
            let inner = root.section("inner", "What is inside.")
            _ = inner.integer("n", default: 3, in: 1...9, "How many | how often.")
            for (_, item) in root.sections("map", "A map.") { _ = item.boolean("on", default: false, "On?") }
            for item in root.list("list", "A list.") { _ = item.strings("words", default: ["a"], "Words.") }
        }
        #expect(
            text == """
                | key | value | default | meaning |
                | --- | --- | --- | --- |
                | `name` | text | `"x"` | The name. |

                ## `inner`

                What is inside.

                | key | value | default | meaning |
                | --- | --- | --- | --- |
                | `n` | number from 1 to 9 | `3` | How many \\| how often. |

                ## `map.<name>`

                A map.

                | key | value | default | meaning |
                | --- | --- | --- | --- |
                | `on` | true or false | `false` | On? |

                ## `list[]`

                A list.

                | key | value | default | meaning |
                | --- | --- | --- | --- |
                | `words` | list of texts | `[a]` | Words. |


                """
        )
    }
}
