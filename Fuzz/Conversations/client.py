"""A client of a person, over any transport: signs in, asks, hears."""

import asyncio
import base64
import hashlib
import hmac

import people
from scram import Scram
from sockets import Gone
from transports import TRANSPORTS, stream_header

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
ANSWER_SECONDS = 20


class Refused(Exception):
    """The server has answered otherwise than was asked for."""


class Unanswered(Exception):
    """No answer in the time."""


class Client:
    def __init__(self, server, over, host):
        self.server = server
        self.over = over
        self.host = host
        self.transport = TRANSPORTS[over](server.ports, host)
        self.person = None
        self.jid = None
        self.unread = []
        self._questions = 0

    def hear(self):
        """What has come since the last time."""
        self.unread += self.transport.hearing.take()
        unread, self.unread = self.unread, []
        return unread

    async def wait_for(self, wanted, seconds=ANSWER_SECONDS):
        """Waits for an element that fits; the others are kept, in order."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            # Somebody else may wait for another element at the same time.
            self.unread += self.transport.hearing.take()
            for index, heard in enumerate(self.unread):
                if wanted(heard):
                    return self.unread.pop(index)
            if self.transport.malformed:
                raise Refused("malformed: " + self.transport.malformed)
            if self.transport.is_closed:
                raise Gone("closed: " + ", ".join(f"{one.name} {[e[1] for e in one.inside]}" for one in self.unread[-2:]))
            left = end - loop.time()
            if left <= 0:
                raise Unanswered(f"nothing in {seconds} s over {self.over}")
            if self.transport.sockets:
                await self.transport.sockets[-1].arrival(min(left, 0.05))
            else:
                await asyncio.sleep(0.01)

    async def open(self):
        await self.transport.open()

    async def stream(self, to=None):
        self.transport.send(stream_header(to or self.host))
        return await self.wait_for(lambda heard: heard.name in ("features", "error"))

    async def sign_in(self, person, resource=None, bind=True, mechanism="PLAIN", token=None):
        """RFC 6120's way, from the stream's header to the bound resource; with a token of an app's, or all that is a
        person's own."""
        self.person = person
        local = people.address(person).partition("@")[0]
        await self.stream()
        mechanism = "OAUTHBEARER" if token is not None else mechanism
        token = token if token is not None else self.server.tokens.get(person) or ""
        if people.host(person) == people.MESSENGER:
            await self._authenticate("X-MESSENGER-OAUTH2", token)
        elif mechanism == "OAUTHBEARER":
            await self._authenticate(
                mechanism, _base64(f"n,a={people.address(person)},\x01auth=Bearer {token}\x01\x01"))
        elif mechanism in Scram.HASHES:
            scram = Scram(mechanism, local, people.PASSWORD)
            self._auth(mechanism, scram.first())
            answer = await self.wait_for(lambda heard: heard.name in ("challenge", "failure"))
            if answer.name == "challenge":
                self.transport.send(f"<response xmlns='{SASL}'>{scram.final(_text(answer))}</response>")
                answer = await self.wait_for(lambda heard: heard.name in ("success", "failure"))
            self._check(answer)
        else:
            await self._authenticate(mechanism, _base64(f"\0{local}\0{people.PASSWORD}"))
        await self.stream()
        if bind:
            await self.bind(resource)

    async def bind(self, resource):
        wish = f"<resource>{resource}</resource>" if resource else ""
        answer = await self.ask("set", f"<bind xmlns='{BIND}'>{wish}</bind>")
        found = [entry for entry in answer.inside if entry[1] == "jid"]
        if not found:
            raise Refused(f"no resource: {[entry[1] for entry in answer.inside]}")
        self.jid = "".join(found[0][3])

    async def _authenticate(self, mechanism, response):
        self._auth(mechanism, response)
        answer = await self.wait_for(lambda heard: heard.name in ("success", "challenge", "failure"))
        if answer.name == "challenge":
            # OAUTHBEARER says so what is wrong, and fails when that is acknowledged.
            self.transport.send(f"<response xmlns='{SASL}'>AQ==</response>")
            answer = await self.wait_for(lambda heard: heard.name in ("success", "failure"))
        self._check(answer)

    def _auth(self, mechanism, response):
        self.transport.send(f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{response}</auth>")

    def _check(self, answer):
        if answer.name != "success":
            raise Refused("sign-in: " + ", ".join(entry[1] for entry in answer.inside))

    async def ask(self, kind, payload, to=None, seconds=ANSWER_SECONDS):
        """Sends a request and returns the answer, be it an error."""
        self._questions += 1
        name = f"ask{self._questions}"
        address = f" to='{to}'" if to else ""
        self.transport.send(f"<iq type='{kind}' id='{name}'{address}>{payload}</iq>")
        return await self.wait_for(
            lambda heard: heard.name == "iq" and heard.attributes.get("id") == name
            and heard.attributes.get("type") in ("result", "error"), seconds)  # fmt: skip


def _base64(text):
    return base64.b64encode(text.encode()).decode()


def _text(heard):
    return "".join(part for entry in heard.inside if entry[0] == 0 for part in entry[3])


def proof(local, token):
    """What a client sends that knows a token, XEP-0484."""
    digest = hmac.new(token.encode(), b"Initiator", hashlib.sha256).digest()
    return base64.b64encode(local.encode() + b"\0" + digest).decode()
