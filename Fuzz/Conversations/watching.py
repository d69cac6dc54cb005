"""Bystanders: clients that do nothing wrong, on each loop and transport, in a process of their own. Nothing that anybody else
does may keep them waiting, end their streams, or hide their messages."""

import asyncio
import multiprocessing
import os
import time

import people
from client import Client, Refused, Unanswered
from sockets import Gone, Socket
from transports import encoded, request

STANDARD_PING = "<ping xmlns='urn:xmpp:ping'/>"
# How long a thread of the server may be at work while somebody waits for it, in seconds of processor time: a debug build takes
# some ten times as long as what is shipped.
BUSY_SECONDS = 1.0
ANSWER_SECONDS = 30
ARCHIVE_SECONDS = 15


class Watch:
    """The side of the fuzzer: begins, ends, and asks."""

    def __init__(self, server):
        self.server = server
        self._process = None
        self._pipe = None

    def begin(self):
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(
            target=_run, args=(theirs, dict(self.server.ports), dict(self.server.tokens), self.server.process.pid), daemon=True)
        self._process.start()
        theirs.close()

    def complaint(self):
        """What has gone wrong for the bystanders since the last time, as (kind, detail), or None."""
        try:
            return self._pipe.recv() if self._pipe is not None and self._pipe.poll() else None
        except EOFError:
            return None

    def end(self):
        """Ends it, and returns the complaint that there may still be."""
        if self._process is None:
            return None
        complaint = self.complaint()
        self._process.kill()
        self._process.join()
        self._pipe.close()
        self._process = self._pipe = None
        return complaint


class _Server:
    """What clients need to know of it."""

    def __init__(self, ports, tokens):
        self.ports = ports
        self.tokens = tokens


def _run(pipe, ports, tokens, pid):
    asyncio.run(_Bystanders(pipe, _Server(ports, tokens), pid).run())


class _Bystanders:
    def __init__(self, pipe, server, pid):
        self.pipe = pipe
        self.server = server
        self.pid = pid
        # Since when each waits for an answer, and what each thread had used then.
        self.waiting = {}

    async def run(self):
        clients = [("watch", "tcp", f"tcp{number}") for number in range(4)] + [
            ("watch", "websocket", "websocket"), ("watch", "bosh", "bosh"), ("watch", "starttls", "starttls"),
            ("watchman", "tcp", "messenger"), ("watchman", "websocket", "messenger-websocket")]  # fmt: skip
        tasks = [self._ping(*client) for client in clients]
        tasks += [self._talk(), self._look_at_pages(), self._come_and_go(), self._look_at_threads()]
        await asyncio.gather(*(self._guard(task) for task in tasks))

    async def _guard(self, task):
        try:
            await task
        except (Gone, Refused, Unanswered) as problem:
            self._complain("bystander", f"{task.__name__}: {type(problem).__name__}: {problem}")

    def _complain(self, kind, detail):
        try:
            self.pipe.send((kind, detail))
        except OSError:
            pass

    async def _client(self, person, over, resource):
        client = Client(self.server, over, people.host(person))
        await client.open()
        await client.sign_in(person, resource)
        return client

    async def _timed(self, name, asking):
        self.waiting[name] = (time.monotonic(), self._threads())
        try:
            return await asking
        finally:
            del self.waiting[name]

    async def _ping(self, person, over, resource):
        client = await self._client(person, over, resource)
        messenger = people.host(person) == people.MESSENGER
        payload = "<query xmlns='http://jabber.org/protocol/disco#info'/>" if messenger else STANDARD_PING
        while True:
            await self._timed(resource, client.ask("get", payload, people.host(person), ANSWER_SECONDS))
            client.hear()
            await asyncio.sleep(0.25)

    async def _talk(self):
        """One says something to another; it comes, and is in the archive."""
        one, other = await self._client("watch", "tcp", "one"), await self._client("watchword", "tls", "other")
        other.transport.send("<presence/>")
        number = 0
        while True:
            number += 1
            mark = f"w{os.getpid()}.{number}"
            one.transport.send(f"<message to='{other.jid}' type='chat' id='{mark}'><body>{mark}</body></message>")
            await self._timed("message", other.wait_for(
                lambda heard: heard.name == "message" and heard.attributes.get("id") == mark, ANSWER_SECONDS))
            await self._timed("answer of a client", self._answered(one, other))
            end = time.monotonic() + ARCHIVE_SECONDS
            while not await self._timed("archive", self._is_archived(other, mark)):
                if time.monotonic() > end:
                    raise Unanswered(f"a message is not in the archive {ARCHIVE_SECONDS} s after it came")
                await asyncio.sleep(0.3)
            one.hear()
            other.hear()
            await asyncio.sleep(0.5)

    async def _answered(self, one, other):
        """A request from client to client, which the other one answers."""
        asking = asyncio.ensure_future(one.ask("get", STANDARD_PING, other.jid, ANSWER_SECONDS))
        asked = await other.wait_for(
            lambda heard: heard.name == "iq" and heard.attributes.get("type") == "get", ANSWER_SECONDS)
        other.transport.send(f"<iq type='result' id='{asked.attributes['id']}' to='{asked.attributes['from']}'/>")
        await asking

    async def _is_archived(self, client, mark):
        await client.ask(
            "set", "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>3</max><before/></set></query>",
            seconds=ANSWER_SECONDS)  # fmt: skip
        return any(mark in "".join(entry[3]) for heard in client.hear() for entry in heard.inside)

    async def _look_at_pages(self):
        for number in range(10**9):
            page = bytearray()
            socket = await Socket.open(self.server.ports["web"], page.extend)
            host, target = (people.HOSTS[number % 2], ["/", "/sign-in", "/.well-known/host-meta"][number % 3])
            socket.write(encoded(request("GET", target, host, [("Connection", "close")])))
            await self._timed("page", self._whole(socket, page))
            await asyncio.sleep(1)

    @staticmethod
    async def _whole(socket, page):
        end = time.monotonic() + ANSWER_SECONDS
        while not socket.is_closed:
            if time.monotonic() > end:
                raise Unanswered(f"a page did not come in {ANSWER_SECONDS} s")
            await socket.arrival(1)
        if not page.startswith(b"HTTP/1.1 200"):
            raise Refused(f"a page: {bytes(page[:200])!r}")

    async def _come_and_go(self):
        while True:
            for person, over in (("watch", "tls"), ("watchman", "starttls"), ("watch", "bosh")):
                client = await self._timed(f"sign-in over {over}", self._client(person, over, "guest"))
                client.transport.close()
                await asyncio.sleep(1.5)

    # Loops that stand

    def _threads(self):
        used = {}
        try:
            for thread in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{thread}/stat") as stat:
                    fields = stat.read().rpartition(")")[2].split()
                used[thread] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
        return used

    async def _look_at_threads(self):
        """A thread that works all the while somebody waits is a loop that stands."""
        told = set()
        while True:
            await asyncio.sleep(0.2)
            now = self._threads()
            for name, (since, before) in list(self.waiting.items()):
                busiest = max((used - before.get(thread, 0) for thread, used in now.items()), default=0)
                if time.monotonic() - since > BUSY_SECONDS and busiest > BUSY_SECONDS and (name, since) not in told:
                    told.add((name, since))
                    self._complain("stuck", f"{name} has waited for {time.monotonic() - since:.1f} s, while a thread worked {busiest:.1f} s")
