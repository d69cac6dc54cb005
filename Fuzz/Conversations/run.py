"""A run: one server, conversations one after the other, and what is looked at between them."""

import asyncio
import re
import shutil
import tempfile
import time
from pathlib import Path

import finds
import people
import servers
from client import Client, Refused, Unanswered
from finds import Find
from player import Player, stop
from private_server import PrivateServer
from pulse import Pulse
from sockets import Gone
from watching import Watch

MEMORY_BOUND = 700 << 20
# Sockets that remain for a moment when their clients are gone.
CLOSING_SECONDS = 20
SPARE_SOCKETS = 4
# Longer than sessions wait for their clients, over whatever transport.
GHOST_SECONDS = 120
# What a process says as it ends by itself, and the lines of a stack without names.
LAST_WORDS = ("Fatal error", "Assertion failed", "Precondition failed", "rashed")
STACK = re.compile(r"\d+ +\S+ +0x")
# What a debug build may need of a processor: in any case, for those who watch, and for what is said.
BUSY_SECONDS = 0.75
BUSY_SHARE = 0.3
BUSY_EACH_STEP = 0.06
BUSY_EACH_BYTE = 4e-6


class Run:
    def __init__(self, executable, is_watched=True):
        self.folder = Path(tempfile.mkdtemp(prefix="conversations-"))
        self.server = PrivateServer(executable, self.folder)
        self.pulse = Pulse(self.server)
        self.watch = Watch(self.server)
        self.is_watched = is_watched
        self.idle_sockets = None

    async def begin(self):
        await asyncio.to_thread(self.server.start)
        for name in people.PEOPLE | people.WATCHERS:
            await asyncio.to_thread(self.server.add, name)
        await self._accompany()

    async def _accompany(self):
        await self.pulse.begin()
        if self.is_watched:
            self.watch.begin()

    async def _leave_alone(self):
        complaint = self.watch.end()
        await self.pulse.end()
        if complaint:
            raise Find(*complaint)

    async def play(self, conversation):
        """Raises a `Find`, and then `steps` of the conversation had begun."""
        # Whoever only watches would be hit by what ends the server.
        ends = any(step["do"] in ("kill", "restart") for step in conversation["steps"])
        if ends:
            await self._leave_alone()
            await self.pulse.begin()
        # What becomes of them is judged below; a conversation before may have changed their passwords, as is everybody's right.
        for person in conversation.get("keep", ()):
            await self._visit(person)
        player = Player(self.server, conversation, self.pulse)
        started, used = time.monotonic(), self.server.used
        try:
            await player.play()
            self.look()
            if not ends:
                self._weigh(self.server.used - used, time.monotonic() - started, player)
        except servers.Failure as failure:
            await asyncio.sleep(0.2)
            if self.server.process.poll() is None:
                raise Find("server", str(failure)) from None
            raise self._end_of_the_process() from None
        except Find as find:
            await asyncio.sleep(0.2)
            # Whoever was told to end has.
            if self.server.process.poll() is not None and find.kind != "stop":
                raise self._end_of_the_process() from None
            raise find
        finally:
            conversation["played"] = player.played
        if ends and self.is_watched:
            self.watch.begin()
        for person in conversation.get("keep", ()):
            await self._visit(person, is_kept=True)

    def _weigh(self, used, seconds, player):
        """The work that a conversation makes is in proportion to it."""
        bound = BUSY_SECONDS + BUSY_SHARE * seconds + BUSY_EACH_STEP * player.played + BUSY_EACH_BYTE * player.bytes_sent
        if used > bound:
            raise Find("work", f"{used:.1f} s of work for {player.bytes_sent} bytes in {player.played} steps, where {bound:.1f} s are the bound")

    def _end_of_the_process(self):
        """Where the process says it ended, as far as it does."""
        lines = self.server.log.read_text(errors="replace").splitlines()
        first = next((place for place, line in enumerate(lines) if any(word in line for word in LAST_WORDS)), len(lines) - 3)
        last = [line for line in lines[max(0, first) :] if not STACK.match(line)]
        place = re.match(r"(\S+:\d+): ", last[0]) if last else None
        kind = "end of the process" + (f" at {place[1]}" if place else "")
        return Find(kind, "\n".join([f"status {self.server.process.poll()}", *last[:30]]))

    def look(self):
        """What can be seen from outside at any time."""
        self.server.check()
        if complaint := self.watch.complaint():
            raise Find(*complaint)
        finds.log(self.server.new_records(), (*finds.SECRETS, *self.server.tokens.values()))
        if self.server.resident > MEMORY_BOUND:
            raise Find("memory", f"{self.server.resident >> 20} MiB")

    async def look_closer(self):
        """Everybody gets in, and hears what was kept for them; connections that ended are gone."""
        for person in people.PEOPLE:
            await self._visit(person)
        await self._count_sockets()
        self.look()

    async def _visit(self, person, is_kept=False):
        """Signs in as people do; `is_kept`: nothing may have happened to the account."""
        domain = people.host(person)
        for attempt in range(2):
            client = Client(self.server, "tls" if attempt else "tcp", domain)
            try:
                await client.open()
                await client.sign_in(person, "visit")
                await client.ask("get", "<query xmlns='jabber:iq:roster'/>")
                client.transport.send("<presence/>")
                for payload, kind in (
                    ("<query xmlns='http://jabber.org/protocol/disco#info'/>", "get"), ("<vCard xmlns='vcard-temp'/>", "get"),
                    ("<query xmlns='urn:xmpp:mam:2'/>", "set"), ("<list xmlns='urn:xmpp:archive'/>", "get")):  # fmt: skip
                    await client.ask(kind, payload, domain if "disco" in payload else None)
                return
            except Refused as refusal:
                if is_kept:
                    raise Find("taken over", f"{person} is let in no more after what an app did: {refusal}") from None
                if attempt or "sign-in" not in str(refusal):
                    raise Find("locked out", f"{person}: {refusal}") from None
                # The account may have been removed, or its password changed, as is everybody's right.
                await asyncio.to_thread(self.server.add, person)
            except (Gone, Unanswered) as problem:
                if self.server.process.poll() is not None:
                    raise self._end_of_the_process() from None
                raise Find("locked out", f"{person}: {type(problem).__name__}: {problem}") from None
            finally:
                client.transport.cut()

    async def _count_sockets(self):
        """With nobody there but one that pings."""
        await self._leave_alone()
        await self.pulse.begin()
        end = time.monotonic() + CLOSING_SECONDS
        while True:
            count = self.server.sockets()
            if self.idle_sockets is None:
                await asyncio.sleep(1)
                self.idle_sockets = self.server.sockets()
            if count <= self.idle_sockets + SPARE_SOCKETS:
                break
            if time.monotonic() > end:
                raise Find("sockets", f"{count} are open, where {self.idle_sockets} are in use")
            await asyncio.sleep(0.2)
        if self.is_watched:
            self.watch.begin()

    async def restart(self):
        await self._leave_alone()
        await asyncio.to_thread(stop, self.server)
        self.look_at_log()
        await asyncio.to_thread(self.server.start)
        await self._accompany()

    def look_at_log(self):
        finds.log(self.server.new_records(), (*finds.SECRETS, *self.server.tokens.values()))

    async def finish(self, waits=False):
        """The end in good order; if it `waits`, not before every session that was lost has ended."""
        await self._leave_alone()
        if waits:
            await self._wait_for_ghosts()
        await asyncio.to_thread(stop, self.server)
        self.look_at_log()

    async def _wait_for_ghosts(self):
        """Sessions without a connection end when their time is over, and contacts see it."""
        end = time.monotonic() + GHOST_SECONDS
        while True:
            there = [resource for person in people.of(people.STANDARD) for resource in await self._resources(person)]
            if not there:
                return
            if time.monotonic() > end:
                raise Find("ghost", f"{', '.join(there)} still there {GHOST_SECONDS} s after everybody has gone")
            await asyncio.sleep(3)

    async def _resources(self, person):
        """The other sessions of a person, as they see them themselves."""
        client = Client(self.server, "tcp", people.host(person))
        try:
            await client.open()
            await client.sign_in(person)
            client.transport.send("<presence><priority>-1</priority></presence>")
            await client.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
            own = people.address(person) + "/"
            return [
                heard.attributes["from"] for heard in client.hear() if heard.name == "presence" and "type" not in heard.attributes
                and heard.attributes.get("from", "").startswith(own) and heard.attributes["from"] != client.jid]  # fmt: skip
        except (Refused, Gone, Unanswered) as problem:
            raise Find("locked out", f"{person}: {type(problem).__name__}: {problem}") from None
        finally:
            client.transport.close()

    def clear(self):
        """Whatever the state: all is gone afterwards."""
        self.watch.end()
        self.server.end()
        shutil.rmtree(self.folder, ignore_errors=True)
