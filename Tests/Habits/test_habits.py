"""Habits that the sources keep, so that a reader can rely on them. Run by `make check` and `make test`."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = sorted((ROOT / "Sources").rglob("*.swift"))
TESTS = sorted((ROOT / "Tests").rglob("*.swift"))

# The specifications that are the stream and the session themselves. All others belong into modules.
SPECIFICATIONS_OF_THE_CORE = {114, 198, 386, 388, 440, 474, 480, 484, 509}

# Places of the core that still speak of extensions. This list only becomes shorter.
KNOWN_EXTENSIONS = {
    "Routing/StanzaContext+Delay.swift": {203},
}


def code(path):
    """The text of a file without comments."""
    return re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)


def relative(path):
    return str(path.relative_to(ROOT))


class Habits(unittest.TestCase):
    def test_a_file_is_named_after_what_it_declares(self):
        """`Name.swift` declares the type `Name`, or one function `name`; `Name+Part.swift` extends it."""
        wrong = []
        for path in SOURCES:
            name = path.stem.split("+")[0]
            types = r"\b(?:class|struct|enum|protocol|actor|extension|typealias) (?:\w+\.)*" + name + r"\b"
            function = r"^(?:public |package )?func " + name[0].lower() + name[1:] + r"\b"
            if name not in ("main", "Exports") and not re.search(f"{types}|{function}", code(path), re.MULTILINE):
                wrong.append(relative(path))
        self.assertEqual(wrong, [])

    def test_nothing_traps_on_purpose(self):
        """No `try!` and no `as!`: what fails is told, not the end of the process."""
        wrong = [
            f"{relative(path)}: {line.strip()}"
            for path in SOURCES + TESTS
            for line in code(path).splitlines()
            if re.search(r"\btry!|\bas! ", line)
        ]
        self.assertEqual(wrong, [])

    def test_a_namespace_is_written_once(self):
        """Beyond the place that declares it, a namespace has a name."""
        pattern = re.compile(r'"((?:urn:xmpp:|urn:ietf:params:xml:ns:|jabber:|http://jabber\.org/|vcard-temp)[^"\\]*)"')
        places = {}
        for path in SOURCES:
            # The latter numbers those that the parser needs, under the names that stand elsewhere.
            if path.is_relative_to(ROOT / "Sources/TestKit") or path.stem == "NamespaceRegistry":
                continue
            for name in pattern.findall(code(path)):
                places.setdefault(name, []).append(relative(path))
        self.assertEqual({name: files for name, files in places.items() if len(files) > 1}, {})

    def test_every_source_is_in_a_target(self):
        package = (ROOT / "Package.swift").read_text()
        folders = {path.relative_to(ROOT / "Sources").parts[0] for path in SOURCES}
        self.assertEqual({folder for folder in folders if f'"{folder}"' not in package}, set())

    def test_what_is_logged_is_described(self):
        """The table of the log in docs/operation.md has each message, with its level, and no other."""
        call = re.compile(
            r"(?:\b\w*[lL]ogger\??\.(notice|info|warning|error|critical)\(|\bwrite\(\s*\.(notice|info),)\s*"
            r'"((?:[^"\\]|\\\((?:[^()]|\([^()]*\))*\))*)"'
        )
        logged = set()
        for path in SOURCES:
            for level, other, message in call.findall(code(path)):
                logged.add((re.sub(r"\\\(.*\)", "…", message), level or other))
        table = (ROOT / "docs/operation.md").read_text().split("\n## Log\n")[1].split("\n## ")[0]
        described = set()
        for messages, levels in re.findall(r"^\| (`.*?) \| ([a-z, ]+) \| ", table, re.MULTILINE):
            names = re.findall("`([^`]+)`", messages)
            described |= {(name, level) for name in names for level in levels.split(", ")}
        self.assertEqual(sorted(logged - described), [], "logged, but not described")
        self.assertEqual(sorted(described - logged), [], "described, but not logged")

    def test_every_suite_has_a_test(self):
        wrong = []
        for path in TESTS:
            text = code(path)
            suites = list(re.finditer(r"^(?:final |public )*(?:struct|class) (\w+Tests)\b", text, re.MULTILINE))
            ends = [suite.start() for suite in suites[1:]] + [len(text)]
            for suite, end in zip(suites, ends):
                extension = f"extension {suite[1]} "
                places = [text[suite.start() : end]] + [text for other in TESTS if extension in (text := code(other))]
                if not any("@Test" in place for place in places):
                    wrong.append(f"{relative(path)}: {suite[1]}")
        self.assertEqual(wrong, [])

    def test_the_core_knows_no_extension(self):
        """A new extension is a module: nothing in the core names one."""
        found = {}
        for path in (ROOT / "Sources/XMPPServer").rglob("*.swift"):
            numbers = {int(number) for number in re.findall(r"XEP-(\d{4})", path.read_text())}
            if numbers - SPECIFICATIONS_OF_THE_CORE:
                found[str(path.relative_to(ROOT / "Sources/XMPPServer"))] = numbers - SPECIFICATIONS_OF_THE_CORE
        self.assertEqual(found, KNOWN_EXTENSIONS)


if __name__ == "__main__":
    unittest.main()
