"""A person at a slixmpp client: every stanza that arrives is kept until a scenario asks for it."""

import asyncio
import logging
from xml.etree import ElementTree

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout

from scenario import Unexpected, require

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)

CLIENT = "{jabber:client}"
WAIT = 30


def child(element, name, namespace):
    return element.find(f"{{{namespace}}}{name}")


class Person(slixmpp.ClientXMPP):
    """Answers nothing by itself but roster pushes; `expect` takes what arrived, in order."""

    def __init__(self, jid, address, certificate, password="", token=None, resource=None):
        super().__init__(f"{jid}/{resource}" if resource else jid, password)
        self.node = tuple(address)
        self.ca_certs = certificate
        self.whitespace_keepalive = False
        self.end_session_on_disconnect = True
        self.roster.auto_authorize = None
        self.roster.auto_subscribe = False
        if token is not None:
            self.credentials["access_token"] = token.encode()
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0054")
        self.register_plugin("xep_0199")
        self.inbox = []
        self.moments = set()
        self._news = asyncio.Event()
        self.add_filter("in", self._receive)
        for moment in ("session_start", "failed_all_auth", "disconnected"):
            self.add_event_handler(moment, lambda _, moment=moment: self._note(moment))

    # What arrives

    def _receive(self, stanza):
        self.inbox.append(stanza.xml)
        self._news.set()
        return stanza

    def _note(self, moment):
        self.moments.add(moment)
        self._news.set()

    async def _until(self, look, what):
        async def poll():
            while True:
                self._news.clear()
                found = look()
                if found is not None:
                    return found
                await self._news.wait()

        try:
            return await asyncio.wait_for(poll(), WAIT)
        except asyncio.TimeoutError:
            held = " ".join(ElementTree.tostring(stanza, encoding="unicode") for stanza in self.inbox)
            raise Unexpected(f"{what} did not come in {WAIT} s; there was: {held[:2000] or 'nothing'}") from None

    def taken(self, matches):
        """The first stanza kept that matches, removed; None if there is none."""
        for index, stanza in enumerate(self.inbox):
            if matches(stanza):
                return self.inbox.pop(index)
        return None

    async def expect(self, matches, what):
        return await self._until(lambda: self.taken(matches), what)

    async def happened(self, *names):
        return await self._until(lambda: next((name for name in names if name in self.moments), None), " or ".join(names))

    async def settled(self):
        """Returns when the server has answered a request, so that everything it had sent before has arrived."""
        await self.request("get", ElementTree.Element("{urn:xmpp:ping}ping"), self.boundjid.domain)

    # Sign-in

    def use(self, mechanism):
        """Signs in with this mechanism alone, and as a client that knows of no channel binding.

        slixmpp 1.8 binds to tls-unique alone, which a server must not offer on TLS 1.3, and says that the server knows
        no binding when it knows others; RFC 5802 wants both refused.
        """
        mechanisms = self["feature_mechanisms"]
        credentials = mechanisms.sasl_callback
        mechanisms.use_mech = mechanism
        mechanisms.sasl_callback = lambda needed, useful: credentials(needed, useful - {"channel_binding"})
        return self

    async def sign_in(self, **options):
        self.connect(self.node, **options)
        if await self.happened("session_start", "failed_all_auth", "disconnected") != "session_start":
            raise Unexpected(f"{self.requested_jid.bare} was not signed in")
        return self

    async def refused(self, **options):
        """Tries to sign in and returns the reason with which the server refuses."""
        self.connect(self.node, **options)
        failure = await self.expect(lambda stanza: stanza.tag == "{urn:ietf:params:xml:ns:xmpp-sasl}failure", "SASL failure")
        require("session_start" not in self.moments, "signed in all the same")
        return failure[0].tag.partition("}")[2]

    async def sign_out(self):
        if self.is_connected():
            await self.disconnect(wait=5)

    @property
    def mechanisms(self):
        return list(self.plugin["feature_mechanisms"].mech_list)

    # What a person does

    async def request(self, kind, payload, to=None):
        """Sends an IQ request with the payload and returns the result's first child, or None; errors are IqError."""
        iq = self.make_iq(ito=to, itype=kind)
        iq.xml.append(payload)
        try:
            answer = await iq.send(timeout=WAIT)
        except IqTimeout:
            raise Unexpected(f"no answer to {payload.tag} in {WAIT} s") from None
        return answer.xml[0] if len(answer.xml) else None

    async def refusal(self, kind, payload, to=None):
        """Sends an IQ request that must be refused and returns the error condition."""
        try:
            await self.request(kind, payload, to)
        except IqError as error:
            return error.condition
        raise Unexpected(f"{payload.tag} was not refused")

    async def appear(self):
        """Asks for the roster and becomes available, as clients do when they start."""
        await self.get_roster(timeout=WAIT)
        self.send_presence()
        await self.settled()

    async def roster_item(self, jid):
        query = await self.request("get", ElementTree.Element("{jabber:iq:roster}query"))
        items = [] if query is None else query.findall("{jabber:iq:roster}item")
        return next((item for item in items if item.get("jid") == jid), None)

    async def pushed(self, jid, **attributes):
        """The roster push with an item for the JID and these attributes; None: the attribute must be absent."""

        def matches(stanza):
            item = stanza.find("{jabber:iq:roster}query/{jabber:iq:roster}item")
            return (
                stanza.get("type") == "set"
                and item is not None
                and item.get("jid") == jid
                and all(item.get(name) == value for name, value in attributes.items())
            )

        return await self.expect(matches, f"roster push of {jid} with {attributes}")

    async def presence(self, sender, kind=None, show=None):
        """The next presence of this type from the bare JID."""

        def matches(stanza):
            return (
                stanza.tag == CLIENT + "presence"
                and (stanza.get("from") or "").partition("/")[0] == sender
                and stanza.get("type") == kind
                and (show is None or stanza.findtext(CLIENT + "show") == show)
            )

        return await self.expect(matches, f"{kind or 'available'} presence from {sender}")

    async def message(self, sender, text):
        """The message with this body from the bare JID."""

        def matches(stanza):
            return (
                stanza.tag == CLIENT + "message"
                and (stanza.get("from") or "").partition("/")[0] == sender
                and stanza.get("type") != "error"
                and stanza.findtext(CLIENT + "body") == text
            )

        return await self.expect(matches, f"message {text!r} from {sender}")

    async def bounced(self, condition):
        """The next message that came back with an error."""
        matches = lambda stanza: stanza.tag == CLIENT + "message" and stanza.get("type") == "error"
        stanza = await self.expect(matches, "message error")
        found = stanza.find(f"{CLIENT}error/{{urn:ietf:params:xml:ns:xmpp-stanzas}}{condition}")
        require(found is not None, f"wanted {condition}, found {ElementTree.tostring(stanza, encoding='unicode')}")
        return stanza

    def say(self, to, text, kind="chat"):
        self.send_message(mto=to, mbody=text, mtype=kind)
