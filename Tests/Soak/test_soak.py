"""That the ledger finds every kind of fault, and only those; that sessions and devices keep their books."""

import asyncio
import types
import unittest
from xml.etree.ElementTree import Element

from device import SM, Device, Session
from ledger import Ledger, text
from stream import Lost, Refused

STAMP = "2026-01-01T00:00:0{}Z"


class LedgerTests(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.ledger = Ledger(lambda: self.now)
        self.messages = [self.ledger.new_message("a1", "a", "b") for _ in range(3)]

    def send(self, *states):
        for message, state in zip(self.messages, states):
            if state == "acknowledged":
                self.ledger.acknowledged(message, "answer")
            elif state == "unknown":
                self.ledger.unknown(message)

    def see(self, message, session="b1#1", name=None, stamp=None):
        self.ledger.seen("b", session, message.id, text(message), "received", name or f"s{message.number}", stamp)

    def keep(self, account, *messages):
        self.ledger.archive(account, [(message.id, text(message), f"s{message.number}", "") for message in messages])

    def found(self):
        return [(fault.kind, fault.message.number) for fault in self.ledger.faults()]

    def test_all_is_well(self):
        self.send("acknowledged", "acknowledged", "acknowledged")
        for message in self.messages:
            self.see(message)
        self.keep("a", *self.messages)
        self.keep("b", *self.messages)
        self.assertEqual(self.found(), [])
        self.assertEqual(self.ledger.strange, [])
        self.assertEqual((self.ledger.count("acknowledged"), self.ledger.delivered()), (3, 3))

    def test_unknown_messages_may_be_there_or_not(self):
        self.send("acknowledged", "unknown", "unknown")
        self.see(self.messages[0])
        self.see(self.messages[2])
        self.keep("a", self.messages[0], self.messages[2])
        self.keep("b", self.messages[0], self.messages[2])
        self.assertEqual(self.found(), [])

    def test_lost(self):
        self.send("acknowledged", "acknowledged", "acknowledged")
        self.see(self.messages[0])
        self.keep("a", *self.messages)
        self.keep("b", self.messages[0], self.messages[1])
        self.assertEqual(self.found(), [("lost", 2), ("lost", 3)])

    def test_missing_in_one_archive(self):
        self.send("acknowledged", "acknowledged", "acknowledged")
        for message in self.messages:
            self.see(message)
        self.keep("a", *self.messages[1:])
        self.keep("b", *self.messages[:2])
        self.assertEqual(self.found(), [("lost", 1), ("lost", 3)])

    def test_twice_in_a_session(self):
        self.send("unknown", "unknown", "unknown")
        self.see(self.messages[0])
        self.see(self.messages[0])
        self.see(self.messages[0], session="b2#1")
        self.assertEqual(self.found(), [("duplicated", 1)])

    def test_handed_on_to_a_session_that_knew_it(self):
        self.send("unknown", "unknown", "unknown")
        self.see(self.messages[0])
        self.see(self.messages[0], stamp=STAMP.format(1))
        self.assertEqual(self.found(), [("duplicated", 1)])
        self.ledger.given_up("b", "b1#1")
        self.assertEqual(self.found(), [("duplicated", 1)])
        self.ledger.ends["b"] = [(-1.0, "b2#1")]
        self.assertEqual(self.found(), [])
        self.see(self.messages[0], stamp=STAMP.format(1), name="another")
        self.assertEqual(self.found(), [("duplicated", 1)])

    def test_seen_again_after_a_kill(self):
        self.ledger.wants_archive = False
        self.send("acknowledged")
        for message in self.messages:
            self.see(message, name="before")
        self.now = 1
        self.ledger.killed()
        self.now = 2
        self.ledger.sent_again(self.messages[1])
        self.ledger.sent_again(self.messages[2])
        self.send("", "acknowledged", "unknown")
        for message in self.messages[1:]:
            self.see(message, name="after")
        self.assertEqual(self.found(), [])
        self.see(self.messages[0], name="before")
        self.assertEqual(self.found(), [("duplicated", 1)])
        self.see(self.messages[1], name="after")
        self.assertIn(("duplicated", 2), self.found())

    def test_a_session_ends_after_the_server_has_noticed_the_loss(self):
        self.ledger.lost_unnoticed(8)
        self.ledger.lost_unnoticed(3)
        self.now = 5
        self.assertEqual(self.ledger.sessions_end_by(20), 28)
        self.now = 10
        self.assertEqual(self.ledger.sessions_end_by(20), 30)

    def test_twice_in_an_archive(self):
        self.send("unknown", "unknown", "unknown")
        self.keep("b", self.messages[0], self.messages[1], self.messages[0])
        self.assertEqual(self.found(), [("duplicated", 1)])

    def test_one_name_live_and_another_in_the_archive(self):
        self.send("unknown", "unknown", "unknown")
        self.see(self.messages[0], name="x")
        self.keep("b", self.messages[0])
        self.assertEqual(self.found(), [("duplicated", 1)])

    def test_reordered(self):
        self.ledger.wants_archive = self.ledger.wants_delivery = False
        self.send("acknowledged", "acknowledged", "acknowledged")
        for message in reversed(self.messages):
            self.see(message)
        self.assertEqual(self.found(), [("reordered", 2), ("reordered", 1)])

    def test_reordered_in_the_archive(self):
        self.send("acknowledged", "acknowledged", "unknown")
        for message in self.messages:
            self.see(message)
        self.keep("a", *self.messages)
        self.keep("b", self.messages[2], self.messages[1], self.messages[0])
        self.assertEqual(self.found(), [("reordered", 1)])

    def test_late_ones_are_ordered_by_their_stamps(self):
        self.ledger.wants_archive = False
        self.send("acknowledged", "acknowledged", "acknowledged")
        self.see(self.messages[2])
        self.see(self.messages[1], stamp=STAMP.format(2))
        self.see(self.messages[0], stamp=STAMP.format(1))
        self.assertEqual(self.found(), [])
        self.see(self.messages[0], session="b1#2", stamp=STAMP.format(2))
        self.see(self.messages[1], session="b1#2", stamp=STAMP.format(1))
        self.assertEqual(self.found(), [("reordered", 1)])

    def test_a_whole_second_is_before_its_fractions(self):
        self.ledger.wants_archive = False
        self.send("acknowledged", "acknowledged")
        self.see(self.messages[1], stamp="2026-01-01T00:00:01.002Z")
        self.see(self.messages[0], stamp="2026-01-01T00:00:01Z")
        self.assertEqual(self.found(), [])
        self.see(self.messages[0], session="b1#2", stamp="2026-01-01T00:00:01.002Z")
        self.see(self.messages[1], session="b1#2", stamp="2026-01-01T00:00:01Z")
        self.assertEqual(self.found(), [("reordered", 1)])

    def hear(self, message, session="b1#1"):
        self.ledger.heard("r", session, message.id, text(message), f"s{message.number}")

    def keep_in_room(self, *messages):
        self.ledger.room_archive("r", [(message.id, text(message), f"s{message.number}", "") for message in messages])

    def test_a_room(self):
        first, second, third = self.messages = [self.ledger.new_message("a1", "a", "r") for _ in range(3)]
        self.send("acknowledged", "acknowledged", "unknown")
        self.keep_in_room(first, second)
        self.ledger.entered("r", "b1#1")
        self.hear(first)
        self.hear(second)
        self.assertEqual(self.found(), [])
        self.hear(second)
        self.assertEqual(self.found(), [("duplicated", 2)])
        self.hear(first)
        self.assertEqual(self.found(), [("duplicated", 2), ("reordered", 1)])
        self.hear(third, "b2#1")
        self.assertEqual(self.ledger.events["heard in a room before entering it"], 1)
        self.ledger.entered("r", "b2#1")
        self.hear(third, "b2#1")
        self.assertIn(("lost", 3), self.found())

    def test_the_archive_of_a_room(self):
        first, second, third = self.messages = [self.ledger.new_message("a1", "a", "r") for _ in range(3)]
        self.send("acknowledged", "acknowledged", "acknowledged")
        self.keep_in_room(second, first, first)
        self.assertEqual(self.found(), [("lost", 3), ("duplicated", 1), ("reordered", 1), ("reordered", 1)])

    def test_missed_in_a_room(self):
        first, second, third = self.messages = [self.ledger.new_message("a1", "a", "r") for _ in range(3)]
        for message in self.messages:
            self.ledger.note(message, "sent")
        self.keep_in_room(*self.messages)
        self.ledger.entered("r", "b1#1")
        self.hear(first)
        self.now = 2
        self.hear(third)
        self.assertEqual(self.found(), [("lost", 2)])
        self.now = 1
        self.ledger.killed()
        self.assertEqual(self.found(), [])
        self.assertEqual(self.ledger.events["missed in a room by a kill"], 1)

    def test_missed_in_a_room_in_the_end(self):
        first, second, _ = self.messages = [self.ledger.new_message("a1", "a", "r") for _ in range(3)]
        for message in self.messages:
            self.ledger.note(message, "sent")
        self.keep_in_room(first, second)
        self.ledger.entered("r", "b1#1")
        self.hear(first)
        self.assertEqual(self.found(), [])
        self.ledger.stayed("r", "b1#1")
        self.assertEqual(self.found(), [("lost", 2)])

    def test_what_nobody_sent(self):
        self.ledger.seen("b", "b1#1", "a1-b-9", "x", "received")
        self.ledger.seen("b", "b1#1", self.messages[0].id, "another body", "received")
        self.ledger.seen("c", "c1#1", self.messages[0].id, text(self.messages[0]), "received")
        self.ledger.refused("a1-b-9", "gone")
        self.assertEqual(len(self.ledger.strange), 4)

    def test_the_history_of_a_message(self):
        self.ledger.happened("server", "kills")
        self.ledger.happened("z1", "resumptions")
        self.send("acknowledged", "acknowledged", "acknowledged")
        self.see(self.messages[0])
        history = "\n".join(self.ledger.history(self.messages[0]))
        for word in ("acknowledged by answer", "received at b1#1, stanza-id s1", "server: kills"):
            self.assertIn(word, history)
        self.assertNotIn("z1", history)


class SessionTests(unittest.TestCase):
    def setUp(self):
        self.ledger = Ledger(lambda: 0.0)
        self.session = Session("a1#1", "a@localhost/a1")
        self.messages = [self.ledger.new_message("a1", "a", "b") for _ in range(3)]
        self.session.number("<presence/>")
        for message in self.messages:
            self.session.number("<message/>", message)

    def states(self):
        return [message.state for message in self.messages]

    def test_what_is_acknowledged(self):
        self.session.acknowledge(1, "answer", self.ledger)
        self.assertEqual(self.states(), ["sent", "sent", "sent"])
        self.session.acknowledge(3, "answer", self.ledger)
        self.session.acknowledge(3, "resumption", self.ledger)
        self.assertEqual(self.states(), ["acknowledged", "acknowledged", "sent"])
        self.assertEqual([number for number, _, _ in self.session.queue], [4])

    def test_more_than_was_sent(self):
        self.assertRaises(Refused, self.session.acknowledge, 5, "answer", self.ledger)

    def test_less_than_before(self):
        self.session.acknowledge(4, "answer", self.ledger)
        self.assertRaises(Refused, self.session.acknowledge, 3, "answer", self.ledger)


class DeviceTests(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.ledger = Ledger(lambda: self.now)
        self.device = Device(types.SimpleNamespace(ledger=self.ledger, seed=1), "a1", "a", ["b"], [])
        self.device.session = Session("a1#1", "a@localhost/a1")

    def left(self, moment):
        self.now = moment
        self.device._left("reset")

    def test_a_session_is_without_a_connection_since_the_first_loss(self):
        self.left(5)
        self.left(9)
        self.device._forget()
        self.assertEqual(self.ledger.ends["a"], [(5, "a1#1")])

    def test_a_silent_loss_is_noticed_when_the_socket_is_closed(self):
        self.device.stream = types.SimpleNamespace(is_cut=False)
        self.device.stream.close = lambda: None
        self.device.random = types.SimpleNamespace(choice=lambda ways: "silently", uniform=lambda least, most: 8)

        async def leave():
            self.device._leave()

        self.assertRaises(Lost, asyncio.run, leave())
        self.assertEqual(self.ledger.sessions_end_by(20), 28)

    def test_after_a_resumption_that_counts_anew(self):
        self.left(5)
        self.device._resumed(None, Element(SM + "resumed", h="0"))
        self.left(9)
        self.device._forget()
        self.assertEqual(self.ledger.ends["a"], [(9, "a1#1")])


if __name__ == "__main__":
    unittest.main()
