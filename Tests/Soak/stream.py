"""A client's stream on one TCP connection, which can be cut after any number of writes, also inside a stanza."""

import asyncio
import socket
from xml.etree.ElementTree import ParseError, XMLPullParser
from xml.sax.saxutils import quoteattr

from scram import Scram

CLIENT = "{jabber:client}"
STREAMS = "{http://etherx.jabber.org/streams}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
SASL2 = "{urn:xmpp:sasl:2}"
BIND = "{urn:ietf:params:xml:ns:xmpp-bind}"
STREAM_ERRORS = "{urn:ietf:params:xml:ns:xmpp-streams}"

ANSWER_SECONDS = 30


class Lost(Exception):
    """The connection is gone."""


class Refused(Exception):
    """The server answered with an error where none is expected."""


class Stream:
    def __init__(self, reader, writer, domain):
        self._reader = reader
        self._writer = writer
        self._domain = domain
        self._elements = []
        self._parser = None
        self._depth = 0
        self._root = None
        self._has_ended = False
        self._next_id = 0
        # (how many writes are left, how much of the last one goes out), if it is to be cut.
        self.fuse = None
        self.is_cut = False

    @classmethod
    async def open(cls, port, domain):
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), ANSWER_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            raise Lost(f"no connection: {error}") from None
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(reader, writer, domain)

    # Bytes

    def write(self, text):
        data = text.encode()
        if self.is_cut:
            raise Lost("cut")
        if self.fuse is not None:
            left, share = self.fuse
            if left == 0:
                self._writer.write(data[: int(len(data) * share)])
                self._writer.close()
                self.is_cut = True
                raise Lost("cut while writing")
            self.fuse = (left - 1, share)
        self._writer.write(data)

    def cut(self):
        """Ends the connection with a reset: what has not been read or written is gone."""
        self.is_cut = True
        self._writer.transport.abort()

    def close(self):
        """Ends the connection after what has been written."""
        self.is_cut = True
        self._writer.close()

    # Elements

    async def read(self):
        """The next element of the stream."""
        while not self._elements:
            if self.is_cut:
                raise Lost("cut")
            if self._has_ended:
                raise Lost("stream closed by the server")
            try:
                data = await self._reader.read(65536)
            except OSError as error:
                raise Lost(str(error)) from None
            if not data:
                raise Lost("closed by the server")
            self._parse(data)
        element = self._elements.pop(0)
        if element.tag == STREAMS + "error":
            raise Lost("stream error " + element[0].tag.partition("}")[2])
        return element

    def _parse(self, data):
        try:
            self._parser.feed(data)
            events = list(self._parser.read_events())
        except ParseError as error:
            raise Refused(f"not well-formed: {error}") from None
        for kind, element in events:
            if kind == "start":
                self._depth += 1
                if self._depth == 1:
                    self._root = element
            else:
                self._depth -= 1
                if self._depth == 1:
                    self._elements.append(element)
                    self._root.remove(element)
                elif self._depth == 0:
                    self._has_ended = True

    async def expect(self, *tags, otherwise=None):
        """The next element with one of these tags; others go to `otherwise`."""
        async def look():
            while True:
                element = await self.read()
                if element.tag in tags:
                    return element
                if otherwise is not None:
                    otherwise(element)

        try:
            return await asyncio.wait_for(look(), ANSWER_SECONDS)
        except asyncio.TimeoutError:
            raise Refused(f"none of {tags} in {ANSWER_SECONDS} s") from None

    # Sign-in

    async def begin(self):
        """Opens the stream, or opens it anew, and returns the features."""
        self._parser = XMLPullParser(("start", "end"))
        self._depth = 0
        self.write(
            f"<?xml version='1.0'?><stream:stream to={quoteattr(self._domain)} version='1.0' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams'>")
        return await self.expect(STREAMS + "features")

    def mechanism(self, features, kind):
        """The best mechanism on offer that is known here, or None."""
        offered = {mechanism.text for mechanism in features.iter(kind + "mechanism")}
        return next((name for name in Scram.HASHES if name in offered), None)

    async def authenticate(self, features, name, password):
        """Signs in with RFC 6120's words, and returns the features that follow."""
        mechanism = self.mechanism(features, SASL)
        if mechanism is None:
            raise Refused("no SCRAM is offered")
        scram = Scram(mechanism, name, password)
        self.write(f"<auth xmlns='{SASL[1:-1]}' mechanism='{mechanism}'>{scram.first()}</auth>")
        answer = await self._exchange(scram, SASL)
        self._check(scram, answer.text)
        return await self.begin()

    async def authenticate_at_once(self, features, name, password, requests):
        """Signs in with those of XEP-0388, and all that is asked for along with it; returns the success."""
        mechanism = self.mechanism(features, SASL2)
        scram = Scram(mechanism, name, password)
        self.write(
            f"<authenticate xmlns='{SASL2[1:-1]}' mechanism='{mechanism}'>"
            f"<initial-response>{scram.first()}</initial-response>{requests}</authenticate>")
        answer = await self._exchange(scram, SASL2)
        self._check(scram, answer.findtext(SASL2 + "additional-data"))
        return answer

    async def _exchange(self, scram, kind):
        answer = await self.expect(kind + "challenge", kind + "failure")
        if answer.tag == kind + "challenge":
            self.write(f"<response xmlns='{kind[1:-1]}'>{scram.final(answer.text)}</response>")
            answer = await self.expect(kind + "success", kind + "failure")
        if answer.tag != kind + "success":
            raise Refused("sign-in: " + answer[0].tag.partition("}")[2])
        return answer

    def _check(self, scram, proof):
        if not scram.proves(proof):
            raise Refused("the server does not know the password")

    async def bind(self, resource):
        """Binds a resource and returns the full JID."""
        answer = await self.ask(
            "set", f"<bind xmlns='{BIND[1:-1]}'><resource>{resource}</resource></bind>")
        return answer.findtext(f"{BIND}bind/{BIND}jid")

    async def ask(self, kind, payload, to=None, otherwise=None):
        """Sends a request and returns the result; errors are Refused."""
        self._next_id += 1
        name = f"q{self._next_id}"
        address = f" to={quoteattr(to)}" if to else ""
        self.write(f"<iq type='{kind}' id='{name}'{address}>{payload}</iq>")
        while True:
            answer = await self.expect(CLIENT + "iq", otherwise=otherwise)
            if answer.get("id") == name and answer.get("type") in ("result", "error"):
                break
        if answer.get("type") == "error":
            error = answer.find(CLIENT + "error")
            condition = error[0].tag.partition("}")[2] if error is not None and len(error) else "no condition"
            raise Refused(f"{payload[:80]}: {condition}")
        return answer
