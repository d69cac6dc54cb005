"""A device: it signs in, chats, loses its connection, comes back, and keeps XEP-0198's books honestly."""

import asyncio
import collections
import random
from xml.sax.saxutils import quoteattr

from ledger import text
from stream import CLIENT, SASL2, STREAMS, Lost, Refused, Stream

SM = "{urn:xmpp:sm:3}"
BIND2 = "{urn:xmpp:bind:0}"
CARBONS = "{urn:xmpp:carbons:2}"
FORWARD = "{urn:xmpp:forward:0}"
DELAY = "{urn:xmpp:delay}"
STABLE = "{urn:xmpp:sid:0}"
MAM = "{urn:xmpp:mam:2}"
MUC = "{http://jabber.org/protocol/muc}"
MUC_USER = "{http://jabber.org/protocol/muc#user}"
STANZAS = {CLIENT + "message", CLIENT + "presence", CLIENT + "iq"}
# What a server may end a stream with when all is well: it stops, or the session goes on at another connection.
EXPECTED_ERRORS = {"system-shutdown", "conflict"}


class Session:
    """A session as the client knows it; it outlives connections."""

    def __init__(self, label, jid):
        self.label = label
        self.jid = jid
        self.id = None
        self.left_at = None
        self.received = 0
        # The rooms in which the server says that it is.
        self.rooms = set()
        # What was sent and is not acknowledged: number, stanza, message if it is one.
        self.queue = collections.deque()
        self.sent = 0

    def number(self, stanza, message=None):
        self.sent += 1
        self.queue.append((self.sent, stanza, message))

    def acknowledge(self, count, how, ledger):
        before = self.queue[0][0] - 1 if self.queue else self.sent
        if not before <= count <= self.sent:
            raise Refused(f"{self.label}: {how} acknowledges {count} of {self.sent} stanzas; before it was {before}")
        while self.queue and self.queue[0][0] <= count:
            message = self.queue.popleft()[2]
            if message is not None:
                ledger.acknowledged(message, how)


class Device:
    def __init__(self, soak, name, account, partners, rooms):
        self.soak = soak
        self.ledger = soak.ledger
        self.name = name
        self.account = account
        self.partners = partners
        self.rooms = rooms
        self.random = random.Random(f"{soak.seed}/{name}")
        self.session = None
        self.stream = None
        self.sessions = 0
        self.is_online = False

    @property
    def is_settled(self):
        return self.is_online and self.session is not None and not self.session.queue

    def state(self):
        """For a complaint: where it stands, and what it went through last."""
        waiting = [stanza for _, stanza, _ in self.session.queue] if self.session else []
        events = [f"{when:.3f} {what}" for when, who, what in self.ledger.timeline if who == self.name]
        return (f"{self.name} is {'online' if self.is_online else 'offline'} with {len(waiting)} stanzas unacknowledged, "
                f"{waiting[:2]}, after {events[-8:]}")  # fmt: skip

    async def live(self):
        """Comes and goes until the task is cancelled."""
        await asyncio.sleep(self.random.random() * self.soak.ramp)
        while True:
            try:
                await self._come_online()
                await self._stay()
            except Lost as loss:
                self._left(str(loss))
            except Refused as refusal:
                self.soak.complain(f"{self.name}: {refusal}; {self.state()}")
                self._left("gives up its session after what it does not understand")
                self._forget()
            await asyncio.sleep(self._absence())

    # Going

    def _left(self, why):
        if self.stream is not None and not self.stream.is_cut:
            self.stream.cut()
        self.stream = None
        self.is_online = False
        # It may have been without a connection before, and this was an attempt to come back.
        if self.session is not None and self.session.left_at is None:
            self.session.left_at = self.ledger.clock()
        condition = why.removeprefix("stream error ")
        if condition != why and condition not in EXPECTED_ERRORS:
            self.soak.complain(f"{self.name}: {why}")
        self.ledger.happened(self.name, "connections lost", why)

    def _forget(self):
        """Gives the session up; what it left unacknowledged is unknown for good."""
        if self.session is not None:
            for _, _, message in self.session.queue:
                if message is not None:
                    self.ledger.unknown(message)
            self.ledger.given_up(self.account, self.session.label, self.session.left_at)
            self.session = None

    def _absence(self):
        if self.soak.is_over:
            return self.random.uniform(0.1, 1)
        if self.random.random() < 0.9:
            return self.random.uniform(0, 2)
        return self.random.uniform(0.5, 2) * self.soak.resume_seconds

    def _leave(self):
        """Loses the connection, in one of the ways in which that happens."""
        way = self.random.choice(("reset", "reset", "inside a stanza", "inside a stanza", "silently", "in good order"))
        if way == "inside a stanza":
            self.stream.fuse = (self.random.randrange(3), self._share())
            for _ in range(3):
                self._say()
        elif way == "silently":
            # Nothing tells the server: the client is back from elsewhere while the connection still seems to be there.
            self.stream.is_cut = True
            delay = self.random.uniform(2, 20)
            asyncio.get_running_loop().call_later(delay, self.stream.close)
            self.ledger.lost_unnoticed(delay)
        elif way == "in good order":
            self.stream.write(f"<a xmlns='{SM[1:-1]}' h='{self.session.received}'/></stream:stream>")
            self.stream.close()
            self._forget()
        else:
            self.stream.cut()
        raise Lost(way)

    def _share(self):
        """How much of what is being written goes out before a cut."""
        return self.random.random() if self.soak.server.may_be_cut_inside else 1

    # Coming

    async def _come_online(self):
        stream = await Stream.open(self.soak.server.port, self.soak.domain)
        if not self.soak.is_over and self.random.random() < 0.1:
            stream.fuse = (self.random.randrange(1, 10), self._share())
        self.stream = stream
        self.is_online = False
        features = await stream.begin()
        if not self.soak.is_over and self.session is not None and self.random.random() < 0.25:
            self.ledger.happened(self.name, "sessions given up")
            self._forget()
        if stream.mechanism(features, SASL2) and self.random.random() < 0.5:
            await self._sign_in_at_once(stream, features)
        else:
            await self._sign_in(stream, features)
        stream.fuse = None
        self.is_online = True

    async def _sign_in(self, stream, features):
        """Step after step."""
        await stream.authenticate(features, self.account, self.soak.password)
        if self.session is not None:
            stream.write(self._resume())
            self._resumed(stream, await stream.expect(SM + "resumed", SM + "failed"))
        if self.session is None:
            jid = await stream.bind(self._resource())
            session = self._new_session(jid)
            stream.write(self._enable())
            answer = await stream.expect(
                SM + "enabled", SM + "failed", otherwise=lambda element: self._hear(element, session))
            self._enabled(session, answer, f"<iq type='set' id='c'><enable xmlns='{CARBONS[1:-1]}'/></iq>")
            self._write_queue(stream)

    async def _sign_in_at_once(self, stream, features):
        """All in one request: resumption, and if that fails a new session with all that it needs."""
        resume = self._resume() if self.session is not None else ""
        bind = (f"<bind xmlns='{BIND2[1:-1]}'><tag>{self._resource()}</tag>{self._enable()}"
                f"<enable xmlns='{CARBONS[1:-1]}'/></bind>")  # fmt: skip
        success = await stream.authenticate_at_once(features, self.account, self.soak.password, resume + bind)
        if self.session is not None:
            outcome = next((item for item in success if item.tag in (SM + "resumed", SM + "failed")), None)
            if outcome is None:
                raise Refused("no word of the resumption that was asked for")
            self._resumed(stream, outcome)
        if self.session is None:
            bound = success.find(BIND2 + "bound")
            if bound is None:
                raise Refused("no resource is bound")
            session = self._new_session(success.findtext(SASL2 + "authorization-identifier"))
            answer = next((item for item in bound if item.tag in (SM + "enabled", SM + "failed")), None)
            self._enabled(session, answer)
            await stream.expect(STREAMS + "features", otherwise=lambda element: self._hear(element, session))
            self._write_queue(stream)

    def _resource(self):
        return self.name if self.random.random() < 0.8 else f"{self.name}-{self.random.randrange(1000)}"

    def _enable(self):
        return f"<enable xmlns='{SM[1:-1]}' resume='true' max='{self.soak.resume_seconds}'/>"

    def _resume(self):
        return f"<resume xmlns='{SM[1:-1]}' previd={quoteattr(self.session.id)} h='{self.session.received}'/>"

    def _resumed(self, stream, answer):
        """What the server says about the session: it goes on, or it is gone."""
        session, count = self.session, answer.get("h")
        if answer.tag == SM + "failed":
            self.ledger.happened(self.name, "failed resumptions", session.label)
            if count is not None:
                session.acknowledge(int(count), "failed resumption", self.ledger)
            self._forget()
            return
        session.left_at = None
        self.ledger.happened(
            self.name, "resumptions", f"{session.label}, with {session.received} received; {count} had come")
        session.acknowledge(int(count), "resumption", self.ledger)
        for _, stanza, message in list(session.queue):
            if message is not None:
                self.ledger.sent_again(message)
            stream.write(stanza)

    def _new_session(self, jid):
        self.sessions += 1
        return Session(f"{self.name}#{self.sessions}", jid)

    def _enabled(self, session, answer, *stanzas):
        """The session is there, and these stanzas are its first, whatever becomes of the connection now."""
        if answer is None or answer.tag == SM + "failed" or answer.get("resume") not in ("true", "1"):
            raise Refused("no session that can be resumed")
        session.id = answer.get("id")
        session.received = 0
        for stanza in (*stanzas, "<presence/>", *map(self._entry, self.rooms)):
            session.number(stanza)
        self.session = session
        self.ledger.happened(self.name, "sign-ins", f"{session.label} as {session.jid}")

    def _entry(self, room):
        """The request to be let into a room, without what was said there before."""
        place = f"{room}@{self.soak.rooms_domain}/{self.account}"
        return f"<presence to={quoteattr(place)}><x xmlns='{MUC[1:-1]}'><history maxstanzas='0'/></x></presence>"

    def _write_queue(self, stream):
        for _, stanza, _ in list(self.session.queue):
            stream.write(stanza)

    # Being there

    async def _stay(self):
        reading = asyncio.ensure_future(self._read())
        loop = asyncio.get_running_loop()
        leaves = loop.time() + self.random.expovariate(1 / self.soak.stay_seconds)
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=self._pause())
                if reading.done():
                    break
                if self.soak.is_over:
                    self.stream.write(f"<r xmlns='{SM[1:-1]}'/>")
                elif loop.time() > leaves:
                    self._leave()
                else:
                    self._say()
        finally:
            reading.cancel()
            outcome = (await asyncio.gather(reading, return_exceptions=True))[0]
        # Why the reading ended.
        raise outcome

    def _pause(self):
        return 1 if self.soak.is_over else self.random.expovariate(1 / self.soak.pause_seconds)

    def _say(self):
        """Sends a message, or several at once."""
        for _ in range(self.random.choice((1, 1, 1, 2, 5))):
            if self.rooms and self.random.random() < 0.25:
                self._say_in(self.random.choice(self.rooms))
                continue
            partner = self.random.choice(self.partners)
            message = self.ledger.new_message(self.name, self.account, partner)
            to = f"{partner}@{self.soak.domain}"
            if self.random.random() < 0.15:
                to = self.soak.full_jid(partner, self.random) or to
            self._send(message, "chat", to)
        if self.random.random() < 0.5:
            self.stream.write(f"<r xmlns='{SM[1:-1]}'/>")

    def _say_in(self, room):
        self._send(self.ledger.new_message(self.name, self.account, room), "groupchat", f"{room}@{self.soak.rooms_domain}")

    def _send(self, message, kind, to):
        stanza = (
            f"<message type='{kind}' to={quoteattr(to)} id='{message.id}'><body>{text(message)}</body>"
            f"<origin-id xmlns='{STABLE[1:-1]}' id='{message.id}'/></message>")
        self.session.number(stanza, message)
        self.ledger.note(message, f"sent in {self.session.label} as stanza {self.session.sent} to {to}")
        self.stream.write(stanza)

    async def _read(self):
        while True:
            self._hear(await self.stream.read(), self.session)

    def _hear(self, element, session):
        if element.tag in STANZAS:
            session.received += 1
            if element.tag == CLIENT + "message":
                self._hear_message(element, session)
            elif element.tag == CLIENT + "presence":
                self._hear_presence(element, session)
            elif element.tag == CLIENT + "iq" and element.get("type") == "error":
                self.soak.complain(f"{self.name}: {element.get('id')} was refused")
        elif element.tag == SM + "r":
            self.stream.write(f"<a xmlns='{SM[1:-1]}' h='{session.received}'/>")
        elif element.tag == SM + "a":
            session.acknowledge(int(element.get("h")), "answer", self.ledger)
        else:
            raise Refused(f"{element.tag} came unasked")

    def _hear_presence(self, element, session):
        """What a room says of this device: that it is in, is not any more, or may not be."""
        room, _, rest = element.get("from", "").partition("@")
        if rest.partition("/")[0] != self.soak.rooms_domain:
            return
        if element.get("type") == "error":
            self.soak.complain(f"{self.name}: {room} does not let it in: {condition(element)}")
        codes = {status.get("code") for status in element.findall(f"{MUC_USER}x/{MUC_USER}status")}
        if "110" not in codes:
            return
        if element.get("type") is None:
            if room not in session.rooms:
                session.rooms.add(room)
                self.ledger.entered(room, session.label)
        elif room in session.rooms:
            session.rooms.remove(room)
            self.ledger.happened(self.name, "put out of a room", f"{room}, {sorted(codes)}")
            entry = self._entry(room)
            session.number(entry)
            self.stream.write(entry)

    def _hear_message(self, element, session):
        if element.get("type") == "groupchat":
            # The subject has no body.
            if element.find(CLIENT + "body") is not None:
                address = element.get("from").partition("/")[0]
                self.ledger.heard(
                    address.partition("@")[0], session.label, element.get("id"), element.findtext(CLIENT + "body"),
                    stanza_id(element, address))  # fmt: skip
            return
        own = f"{self.account}@{self.soak.domain}"
        if element.get("type") == "error":
            self._hear_error(element, own)
            return
        how, inner = "received", element
        for kind, words in (("received", "carbon of one received"), ("sent", "carbon of one sent")):
            copy = element.find(f"{CARBONS}{kind}/{FORWARD}forwarded/{CLIENT}message")
            if copy is not None:
                if element.get("from") != own:
                    self.soak.complain(f"{self.name}: a carbon from {element.get('from')}")
                how, inner = words, copy
        if inner.get("type") == "error":
            return
        delay = element.find(DELAY + "delay")
        self.ledger.seen(
            self.account, session.label, inner.get("id"), inner.findtext(CLIENT + "body"), how,
            stanza_id(inner, own), None if delay is None else delay.get("stamp"))  # fmt: skip

    def _hear_error(self, element, own):
        if (element.get("from") or own).partition("/")[0] == own:
            # What came back is a copy that another device of the account did not get.
            self.ledger.happened(self.name, "errors from the own account", condition(element))
        else:
            self.ledger.refused(element.get("id"), condition(element))


def condition(element):
    """Why a stanza came back."""
    error = element.find(CLIENT + "error")
    return error[0].tag.partition("}")[2] if error is not None and len(error) else "no condition"


def stanza_id(element, by):
    """The message's name in the archive of the account, if it has one."""
    named = [item.get("id") for item in element.findall(STABLE + "stanza-id") if item.get("by") == by]
    if len(named) > 1:
        raise Refused(f"{element.get('id')} has {len(named)} stanza-ids by {by}")
    return named[0] if named else None


async def read_archive(port, domain, account, password, resource, after=None, of=None):
    """An account's archive, or that of a room, paged from its start or after an id: origin-id, body, archive id, stamp of each."""
    stream = await Stream.open(port, domain)
    try:
        await stream.authenticate(await stream.begin(), account, password)
        await stream.bind(resource)
        entries, page = [], 0
        while True:
            page += 1
            since = f"<after>{after}</after>" if after else ""
            found = []
            query = (
                f"<query xmlns='{MAM[1:-1]}' queryid='p{page}'><set xmlns='http://jabber.org/protocol/rsm'>"
                f"<max>100</max>{since}</set></query>")
            answer = await stream.ask("set", query, to=of, otherwise=found.append)
            results = [item for message in found for item in message.findall(MAM + "result")]
            for result in results:
                if result.get("queryid") != f"p{page}":
                    raise Refused(f"a result of query {result.get('queryid')}, which is over")
                message = result.find(f"{FORWARD}forwarded/{CLIENT}message")
                if message.get("type") == "error" or of and message.find(CLIENT + "body") is None:
                    continue
                stamp = result.find(f"{FORWARD}forwarded/{DELAY}delay").get("stamp")
                entries.append((message.get("id"), message.findtext(CLIENT + "body"), result.get("id"), stamp))
            if answer.find(MAM + "fin").get("complete") == "true" or not results:
                return entries
            after = results[-1].get("id")
    finally:
        if not stream.is_cut:
            stream.close()


async def register(port, domain, account, password):
    """Makes an account, in-band (XEP-0077)."""
    stream = await Stream.open(port, domain)
    try:
        await stream.begin()
        await stream.ask("set", f"<query xmlns='jabber:iq:register'><username>{account}</username>"
                         f"<password>{password}</password></query>")  # fmt: skip
    finally:
        if not stream.is_cut:
            stream.close()


async def make_room(port, domain, account, password, address):
    """Makes a room that stays when nobody is in it."""
    stream = await Stream.open(port, domain)
    try:
        await stream.authenticate(await stream.begin(), account, password)
        await stream.bind("maker")
        stream.write(f"<presence to={quoteattr(address + '/maker')}><x xmlns='{MUC[1:-1]}'/></presence>")
        form = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"
                "http://jabber.org/protocol/muc#roomconfig</value></field>"
                "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x>")  # fmt: skip
        await stream.ask("set", f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>", to=address,
                         otherwise=lambda element: None)  # fmt: skip
    finally:
        if not stream.is_cut:
            stream.close()
