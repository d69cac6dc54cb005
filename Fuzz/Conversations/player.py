"""Plays a conversation, step by step, and looks at what the server says to it."""

import asyncio
import re
from xml.etree import ElementTree

import finds
import people
import servers
from client import Client, Refused, Unanswered, proof
from finds import Find
from private_server import STOP_SECONDS, slowness
from sockets import Gone, Socket
from transports import LENGTH, TCP, encoded, frame

QUIET_SECONDS = 0.012
LONGEST_WAIT = 2.0
ANSWER_SECONDS = 15
OUTPUT_FACTOR = 8
OUTPUT_ALLOWANCE = 4096
# What is handed out on request may be the sum of many stanzas, such as a roster.
COLLECTION_ALLOWANCE = 1 << 18
# What steps learn by name.
TOLD = ("enabled", "token", "authorization-identifier", "jid", "challenge")
VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
ASKS_FOR_MORE = re.compile(
    r"urn:xmpp:mam|urn:xmpp:archive|iq:roster|vcard-temp|iq:private|<presence\s*/?>|<presence>|disco#|register|blocking"
    r"|urn:xmpp:sm|GET |POST |carbons|authenticate|starttls|stream:stream|commands|push")
LEARNT_FROM_PAGES = {
    "visitor": re.compile(rb"visitor=([A-Za-z0-9_-]{32})"),
    "form-key": re.compile(rb"name=\"form-key\" value=\"([^\"]+)\""),
    "code": re.compile(rb"[?&]code=([^&#\s\"]+)"),
    "grant": re.compile(rb"name=\"grant\" value=\"([^\"]+)\""),
    "asset": re.compile(rb"(?:src|href)=\"(/chat/[^\"]+)\""),
    **{name: re.compile(rb'"%s"\s*:\s*"([^"]+)"' % name.encode()) for name in (
        "access_token", "refresh_token", "device_code", "user_code", "client_id")},
}  # fmt: skip


class Player:
    """One conversation on a server; `played` is how many of its steps have begun."""

    def __init__(self, server, conversation, pulse):
        self.server = server
        self.conversation = conversation
        self.pulse = pulse
        self.clients = {}
        self.crowd = []
        # Those who cannot hear, or cannot be understood any more.
        self.deaf = set()
        self.known = {}
        # Requests to the server that have no answer yet: (client, id).
        self.asked = set()
        # What each client was told, by element and attribute.
        self.told = {}
        self.played = 0
        self.largest_sent = 0
        self.bytes_sent = 0

    async def play(self):
        try:
            for step in self.conversation["steps"]:
                self.played += 1
                await self.step(step)
            await self._wait_for_answers()
        finally:
            await self._leave()

    async def step(self, step):
        received = self._received()
        sent = self._sent()
        try:
            await self._do(step)
        except (Gone, Refused, Unanswered):
            # What was made wrong before may end a connection, and leave a question without an answer.
            pass
        await self._settle()
        self.server.check()
        self._listen()
        # Clients that have been replaced are not counted any more.
        sent = max(self._sent() - sent, 0)
        self.bytes_sent += sent
        self._weigh(step, sent, self._received() - received)

    async def _do(self, step):
        name = step["do"].replace(" ", "_")
        await getattr(self, "do_" + name)(step)

    # Steps

    async def do_connect(self, step):
        await self._client(step)

    async def do_stream(self, step):
        client = await self._client(step)
        await client.stream(step.get("to"))

    async def do_sign_in(self, step):
        client = await self._client(step, people.host(step["person"]))
        await client.sign_in(
            step["person"], step.get("resource"), step.get("bind", True), step.get("mechanism", "PLAIN"),
            self.filled(step["token"], client) if "token" in step else None)
        if client.jid:
            self.known[step["who"]] = client.jid
            self.known.setdefault(step["person"] + "/", client.jid)

    async def do_send(self, step):
        client = await self._client(step)
        text = self.filled(step["text"], client)
        self.largest_sent = max(self.largest_sent, len(text))
        pieces = step.get("pieces")
        if pieces and isinstance(client.transport, TCP):
            # As bytes that arrive one by one, or some at a time.
            data = encoded(text)
            for start in range(0, len(data), pieces):
                client.transport.write(data[start : start + pieces])
                await asyncio.sleep(0)
        else:
            client.transport.send(text)
        await client.transport.drain()
        name = question(text)
        if name is None:
            # It may have begun something that goes on.
            self.deaf.add(client)
        elif name and client.jid:
            self.asked.add((client, name))

    async def do_bytes(self, step):
        client = await self._client(step)
        self.deaf.add(client)
        client.transport.write(encoded(self.filled(step["text"], client)))
        await client.transport.drain()

    async def do_frame(self, step):
        client = await self._client(step)
        self.deaf.add(client)
        parts = {name: step[name] for name in ("opcode", "final", "masked", "reserved", "length") if name in step}
        client.transport.write(frame(encoded(self.filled(step["text"], client)), **parts))

    async def do_body(self, step):
        client = await self._client(step)
        if client.over != "bosh":
            return
        rid = None if "skip" not in step else client.transport.rid + step["skip"]
        client.transport.body(self.filled(step["attributes"], client), self.filled(step["text"], client), rid)

    async def do_request(self, step):
        client = await self._client(step)
        transport = client.transport
        if client.over != "web":
            return
        await transport.open_again()
        head, blank, body = self.filled(step["text"], client).partition("\r\n\r\n")
        head = head.replace(LENGTH, str(len(encoded(body))))
        del transport.raw[:]
        transport.send(head + blank + body)
        await transport.drain()
        await transport.sockets[-1].arrival(0.5)
        await self._settle()
        for name, pattern in LEARNT_FROM_PAGES.items():
            if found := pattern.search(bytes(transport.raw)):
                self.known[name] = found[1].decode(errors="replace")

    async def do_close(self, step):
        if step["who"] in self.clients:
            self.deaf.add(self.clients[step["who"]])
            self.clients[step["who"]].transport.close()

    async def do_cut(self, step):
        if step["who"] in self.clients:
            self.clients[step["who"]].transport.cut()

    async def do_half_close(self, step):
        if step["who"] in self.clients:
            self.deaf.add(self.clients[step["who"]])
            self.clients[step["who"]].transport.half_close()

    async def do_crowd(self, step):
        """Many connections that say something and no more; they stay until the conversation ends."""
        text = encoded(self.filled(step["text"], None))

        async def one():
            socket = await Socket.open(self.server.ports[step["port"]], lambda data: None)
            self.crowd.append(socket)
            if step.get("tls"):
                socket.start_tls(people.STANDARD)
            if text:
                socket.write(text)

        for start in range(0, step["count"], 50):
            count = min(50, step["count"] - start)
            await asyncio.gather(*(one() for _ in range(count)), return_exceptions=True)

    async def do_stop_reading(self, step):
        if step["who"] in self.clients:
            self.deaf.add(self.clients[step["who"]])
            self.clients[step["who"]].transport.stop_reading()

    async def do_read_again(self, step):
        if step["who"] in self.clients:
            self.clients[step["who"]].transport.read_again()

    async def do_learn(self, step):
        """Keeps what a client was told last, under a name of its own."""
        value = self.told.get((step["who"], step["element"], step["attribute"]))
        if value is not None:
            self.known[step["as"]] = value

    async def do_wait(self, step):
        await asyncio.sleep(step["seconds"])

    async def do_together(self, step):
        """Several steps, each as many milliseconds later as it says."""
        async def one(step):
            if step.get("after"):
                await asyncio.sleep(step["after"] / 1000)
            await self._do(step)

        await asyncio.gather(*(one(step) for step in step["steps"]), return_exceptions=True)

    async def do_contacts(self, step):
        await asyncio.to_thread(
            self.server.administer, "contact", "add", people.address(step["one"]), people.address(step["other"]))

    async def do_restart(self, step):
        await self._cut_all()
        await asyncio.to_thread(stop, self.server)
        await self._start()

    async def do_kill(self, step):
        await self._cut_all()
        self.server.kill()
        await self._start()

    async def _start(self):
        await asyncio.to_thread(self.server.start)
        await self.pulse.begin()

    async def _cut_all(self):
        for client in self.clients.values():
            client.transport.cut()
        self.clients.clear()
        await self.pulse.end()

    async def _client(self, step, host=None):
        """The client of that name; if it is not there, or has to be another one, a new one."""
        who = step["who"]
        is_new = step["do"] in ("connect", "sign in")
        if who not in self.clients and not is_new:
            # Scripts name a client by its person, if that has no other.
            who = next((name for name in self.clients if name.startswith(who + "/")), who)
        if who not in self.clients or is_new:
            if who in self.clients:
                self.clients.pop(who).transport.cut()
            over = step.get("over") or self.conversation.get("over", {}).get(who, self.conversation.get("usual", "tcp"))
            client = Client(self.server, over, step.get("host") or host or people.STANDARD)
            self.clients[who] = client
            await client.open()
        return self.clients[who]

    async def _wait_for_answers(self):
        """RFC 6120 §8.2.3: every request is answered, as long as there is somebody to tell."""
        loop = asyncio.get_running_loop()
        end = loop.time() + ANSWER_SECONDS
        while waiting := [(client, name) for client, name in self.asked if self._can_hear(client)]:
            if loop.time() > end:
                client, name = waiting[0]
                raise Find("no answer", f"to the request {name!r} of {client.jid} over {client.over} in {ANSWER_SECONDS} s")
            await self._settle()
            self.server.check()
            self._listen()

    def _can_hear(self, client):
        return client in self.clients.values() and client not in self.deaf and not client.transport.is_closed

    # What is said

    def filled(self, text, client):
        """The text with what has been learnt so far in place of `{{…}}`."""
        def value(match):
            name = match[1]
            if "*" in name and (times := name.rpartition("*")[2]).isdigit():
                return name.rpartition("*")[0] * min(int(times), 400_000)
            if name in self.known:
                return self.known[name]
            person, dot, what = name.partition(".")
            if person in people.PEOPLE:
                if not dot:
                    return people.address(person)
                if what in ("token", "bearer", "minted"):
                    return self.server.tokens.get(person) or ""
                if what == "id":
                    return people.PEOPLE[person][2] or ""
            if name == "me" and client is not None:
                return client.jid or ""
            parts = name.split()
            if len(parts) > 2 and parts[0] == "proof" and parts[2] in self.known:
                return proof(parts[1], self.known[parts[2]])
            person, slash, resource = name.partition("/")
            if slash and person in people.PEOPLE:
                return f"{people.address(person)}/{resource}"
            return match[0]

        return VARIABLE.sub(value, text) if "{{" in text else text

    # What is heard

    def _received(self):
        return sum(client.transport.received for client in self.clients.values())

    def _sent(self):
        return sum(client.transport.sent for client in self.clients.values())

    async def _settle(self):
        """Waits until nothing more comes."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_WAIT
        while loop.time() < end:
            await asyncio.sleep(QUIET_SECONDS / 2)
            await self.pulse.beat()
            last = max((client.transport.last_arrival for client in self.clients.values()), default=0)
            if loop.time() - last >= QUIET_SECONDS:
                return

    def _listen(self):
        for who, client in self.clients.items():
            if client.transport.malformed:
                raise Find("malformed output", f"to {who} over {client.over}: {client.transport.malformed}")
            bare = people.address(client.person) if client.person else None
            for heard in client.hear():
                self._learn(who, heard)
                if heard.name == "iq" and heard.attributes.get("type") in ("result", "error"):
                    self.asked.discard((client, heard.attributes.get("id")))
                elif heard.name == "error":
                    # The server says why it hangs up.
                    self.deaf.add(client)
                if bare and people.host(client.person) == people.STANDARD:
                    finds.forgeries(heard, bare, people.HOSTS)
                bound = OUTPUT_FACTOR * self.largest_sent + COLLECTION_ALLOWANCE
                if heard.size > bound:
                    raise Find("large output", f"a {heard.name} of {heard.size} bytes, where {bound} are the bound")

    def _learn(self, who, heard):
        for _, name, attributes, text, _ in [(0, heard.name, heard.attributes, [], ""), *heard.inside]:
            if name in TOLD:
                self.told |= {(who, name, attribute): value for attribute, value in attributes.items()}
                self.told[who, name, None] = "".join(text)
        for element, attribute, variable in self.conversation.get("lessons", ()):
            for _, name, attributes, text, _ in [(0, heard.name, heard.attributes, [], ""), *heard.inside]:
                if name == element and variable not in people.PEOPLE:
                    value = attributes.get(attribute) if attribute else "".join(text)
                    if value:
                        self.known[variable] = value

    def _weigh(self, step, sent, received):
        """What comes for a step is bounded by what it was, unless it asks for what was there before."""
        text = step.get("text", "")
        if step["do"] not in ("send", "bytes", "frame") or ASKS_FOR_MORE.search(text):
            return
        everybody = max(1, len(self.clients))
        bound = everybody * (OUTPUT_FACTOR * max(sent, self.largest_sent) + OUTPUT_ALLOWANCE) + COLLECTION_ALLOWANCE
        if received > bound:
            raise Find("large output", f"{received} bytes for {sent}, where {bound} are the bound")

    async def _leave(self):
        for socket in self.crowd:
            socket.cut()
        for client in self.clients.values():
            if self.conversation.get("leaves", "cut") == "cut":
                client.transport.cut()
            else:
                client.transport.close()
        await asyncio.sleep(0)


def question(text):
    """The id of the request that the text is, if it is nothing but a request to the server; empty: it is something else
    that is whole; None: it is not."""
    try:
        root = ElementTree.fromstring(f"<stream xmlns='jabber:client'>{text}</stream>")
    except (ElementTree.ParseError, UnicodeEncodeError):
        return None
    if len(root) != 1 or root[0].tag != "{jabber:client}iq" or (root.text or root[0].tail or "").strip():
        return ""
    asked = root[0]
    if asked.get("type") not in ("get", "set") or asked.get("from") or asked.get("to") not in (None, *people.HOSTS):
        return ""
    return asked.get("id", "") if len(asked) == 1 and asked.get("id", "").isalnum() else ""


def stop(server):
    """Ends the server as a service manager does."""
    try:
        server.stop(STOP_SECONDS * slowness())
    except servers.Failure as failure:
        raise Find("stop", str(failure)) from None
