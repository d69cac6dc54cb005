"""What the fuzzer itself has to do: the same seed makes the same conversations, and what is read is read right."""

import json
import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/Soak"))

import authors  # noqa: E402
import finds  # noqa: E402
import markup  # noqa: E402
import mutations  # noqa: E402
import scripts  # noqa: E402
from hearing import Hearing, Malformed  # noqa: E402
from player import question  # noqa: E402
from transports import frame  # noqa: E402

SCRIPTS = scripts.read_all(ROOT / "Tests/Conversations")
STANZAS = scripts.stanzas(SCRIPTS)


class Sources(unittest.TestCase):
    def test_every_script_is_read(self):
        self.assertGreater(len(SCRIPTS), 300)
        self.assertGreater(len(STANZAS), 800)
        silent = [script.name for script in SCRIPTS if not any(step["do"] == "send" for step in script.steps)]
        self.assertLess(len(silent), 20, silent)

    def test_a_script_teaches_what_it_needs_later(self):
        script = scripts.Script("x", (
            "client romeo/pc online\nromeo/pc sends <enable xmlns='urn:xmpp:sm:3' />\n"
            "romeo/pc receives <enabled xmlns='urn:xmpp:sm:3' id='{{id}}' />\nromeo/pc hangs up\n"))
        self.assertEqual([step["do"] for step in script.steps], ["sign in", "send", "send", "send", "cut"])
        self.assertEqual(script.lessons, [("enabled", "id", "id")])


class Conversations(unittest.TestCase):
    def test_the_same_seed_makes_the_same(self):
        one, other = (authors.Author(7, SCRIPTS, STANZAS) for _ in range(2))
        for number in range(60):
            self.assertEqual(json.dumps(one.conversation(number)), json.dumps(other.conversation(number)))

    def test_one_does_not_depend_on_those_before(self):
        one, other = (authors.Author(7, SCRIPTS, STANZAS) for _ in range(2))
        one.conversation(1)
        self.assertEqual(one.conversation(9), other.conversation(9))

    def test_only_the_ways_that_are_asked_for(self):
        author = authors.Author(1, SCRIPTS, STANZAS, ["bosh"])
        for number in range(100):
            conversation = author.conversation(number)
            ways = {step["over"] for step in conversation["steps"] if "over" in step} | {conversation.get("usual", "bosh")}
            self.assertLessEqual(ways, {"bosh", "web"}, conversation["name"])


class Markup(unittest.TestCase):
    def test_what_is_read_is_written(self):
        for text in ("<a b='c'><d/>e&amp;f<g h=\"'\"/></a>", "<stream:stream to='x'><a/>", "no element", "<a></b>"):
            self.assertEqual(markup.parse(text).inner(), text)

    def test_mutations_of_everything_end(self):
        mutator = mutations.Mutator(random.Random(1), STANZAS)
        for _, text in STANZAS:
            self.assertLess(len(mutator.mutate(text, 3)), 2_000_000)


class Hearings(unittest.TestCase):
    HEADER = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

    def test_stanzas_have_their_size(self):
        hearing = Hearing(1)
        hearing.feed(self.HEADER + b"<presence><show>a</show></presence><iq/>")
        self.assertEqual([(one.name, len(one.children)) for one in hearing.take()], [("presence", 1), ("iq", 0)])
        hearing.feed(b"<message>" + b"x" * 1000 + b"</message>")
        self.assertGreater(hearing.take()[0].size, 1000)

    def test_a_stream_begins_anew(self):
        hearing = Hearing(1)
        hearing.feed(self.HEADER + b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
        hearing.feed(self.HEADER + b"<iq/>")
        self.assertEqual([one.name for one in hearing.take()], ["success", "iq"])

    def test_what_is_not_well_formed_is_told(self):
        with self.assertRaises(Malformed):
            Hearing(1).feed(self.HEADER + b"<iq></message>")

    def test_forgeries_are_seen(self):
        hearing = Hearing(1)
        hearing.feed(self.HEADER + b"<message from='a@localhost/x'><received xmlns='urn:xmpp:carbons:2'/></message>")
        heard = hearing.take()[0]
        with self.assertRaises(finds.Find):
            finds.forgeries(heard, "romeo@localhost", ["localhost"])

    def test_logs(self):
        finds.log([{"level": "info", "message": "ready"}], ["secret word"])
        with self.assertRaises(finds.Find):
            finds.log([{"level": "error", "message": "x"}], [])
        with self.assertRaises(finds.Find):
            finds.log([{"level": "info", "message": "it is the secret word"}], ["secret word"])


class Questions(unittest.TestCase):
    def test_only_what_must_be_answered(self):
        self.assertEqual(question("<iq type='get' id='a1'><query xmlns='x'/></iq>"), "a1")
        self.assertEqual(question("<iq type='set' id='a1' to='localhost'><query xmlns='x'/></iq>"), "a1")
        for text in ("<iq type='get' id='a1'/>", "<iq type='get'><a/></iq>", "<iq type='result' id='a1'><a/></iq>",
                     "<iq xmlns='urn:x' type='get' id='a1'><a/></iq>", "<iq type='get' id='a1' to='a@localhost'><a/></iq>", "<iq type='get' id='a'><a/></iq>x"):
            self.assertEqual(question(text), "", text)
        for text in ("<iq type='get' id='a1'><a></iq>", "<iq", "</stream:stream>"):
            self.assertIsNone(question(text), text)


class Frames(unittest.TestCase):
    def test_lengths(self):
        for size, head in ((125, 2), (126, 4), (65_536, 10)):
            self.assertEqual(len(frame(b"x" * size)), head + 4 + size)
        self.assertEqual(frame(b"abc", masked=False), b"\x81\x03abc")


if __name__ == "__main__":
    unittest.main()
