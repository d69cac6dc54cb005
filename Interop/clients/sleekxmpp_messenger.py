"""The Messenger service as SleekXMPP sees it, the code of 2012: it takes the token as it is and follows redirects by itself."""

import logging
import ssl
import threading
import time

# SleekXMPP reads the name although it does not use the protocol; Python has dropped it.
if not hasattr(ssl, "PROTOCOL_SSLv3"):
    ssl.PROTOCOL_SSLv3 = object()

import sleekxmpp

from scenario import Stage, Suite, Unexpected, require, require_equal

logging.getLogger("sleekxmpp").setLevel(logging.CRITICAL)

suite = Suite()
WAIT = 20


class Person(sleekxmpp.ClientXMPP):
    """Keeps every event of the library with its stanza until a scenario asks for it."""

    EVENTS = ("session_start", "failed_auth", "stream_error", "roster_update", "message", "presence")
    AVAILABLE = ("available", "away", "chat", "dnd", "xa")

    def __init__(self, domain, token):
        super().__init__("_@" + domain, None)
        self.ssl_version = ssl.PROTOCOL_TLS
        self.credentials["access_token"] = token.encode()
        self.whitespace_keepalive = False
        self.auto_authorize = None
        self.auto_subscribe = False
        self.kept = []
        self.changed = threading.Condition()
        for name in self.EVENTS:
            self.add_event_handler(name, lambda stanza, name=name: self._keep(name, stanza))

    def _keep(self, name, stanza):
        with self.changed:
            self.kept.append((name, stanza))
            self.changed.notify_all()

    def _taken(self, name, matches):
        for index, (kept, stanza) in enumerate(self.kept):
            if kept == name and matches(stanza):
                return self.kept.pop(index)[1]
        return None

    def expect(self, name, matches=lambda stanza: True):
        deadline = time.monotonic() + WAIT
        with self.changed:
            while True:
                found = self._taken(name, matches)
                if found is not None:
                    return found
                if not self.changed.wait(max(0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    held = "; ".join(f"{kept}: {stanza}" for kept, stanza in self.kept)
                    raise Unexpected(f"{name} did not come in {WAIT} s; there was: {held[:2000] or 'nothing'}")

    def message_from(self, jid, text):
        return self.expect("message", lambda stanza: stanza["from"].bare == jid and stanza["body"] == text)

    def presence_from(self, jid):
        matches = lambda stanza: stanza["from"].bare == jid and stanza["type"] in self.AVAILABLE
        return self.expect("presence", matches)

    def sign_in(self, address):
        require(self.connect(tuple(address), reattempt=False), "could not connect")
        self.process(block=False)
        self.expect("session_start")
        return self


class Messenger(Stage):
    def __init__(self, service):
        self.service = service["messenger"]
        self.accounts = self.service["accounts"]
        self.people = []

    def person(self, name):
        person = Person(self.service["domain"], self.accounts[name]["token"])
        self.people.append(person)
        return person

    async def close(self):
        for person in self.people:
            person.disconnect(wait=False)


@suite.scenario("a token that nobody minted is refused")
def wrong_token(stage):
    stranger = Person(stage.service["domain"], "bm9ib2R5IG1pbnRlZCB0aGlz")
    stage.people.append(stranger)
    require(stranger.connect(tuple(stage.service["node"]), reattempt=False), "could not connect")
    stranger.process(block=False)
    require_equal(stranger.expect("failed_auth")["condition"], "not-authorized", "reason")


@suite.scenario("signs in at the session node")
def sign_in(stage):
    stage.clara = stage.person("clara").sign_in(stage.service["node"])
    require_equal(stage.clara.boundjid.bare, stage.accounts["clara"]["jid"], "bound JID")


@suite.scenario("signs in at the front node and follows the redirect by itself")
def redirect(stage):
    david = stage.person("david")
    david.sign_in(stage.service["front"])
    require_equal(david.expect("stream_error")["condition"], "see-other-host", "stream error")
    require_equal(david.boundjid.bare, stage.accounts["david"]["jid"], "bound JID")
    stage.david = david


@suite.scenario("the roster lists the contact by name")
def roster(stage):
    for person, other in ((stage.clara, "david"), (stage.david, "clara")):
        account = stage.accounts[other]
        person.get_roster(timeout=WAIT)
        # SleekXMPP reads the answer on another thread.
        person.expect("roster_update")
        item = person.client_roster[account["jid"]]
        require_equal((item["name"], item["subscription"]), (account["name"], "both"), "roster item")


@suite.scenario("presence both ways")
def presence(stage):
    clara, david = stage.clara, stage.david
    clara.send_presence()
    clara.presence_from(clara.boundjid.bare)
    david.send_presence(pshow="away", pstatus="lunch")
    found = clara.presence_from(david.boundjid.bare)
    require_equal((found["show"], found["status"]), ("away", "lunch"), "presence")
    david.presence_from(clara.boundjid.bare)


@suite.scenario("chat both ways")
def chat(stage):
    clara, david = stage.clara, stage.david
    clara.send_message(mto=david.boundjid.bare, mbody="Did you get here?", mtype="chat")
    first = david.message_from(clara.boundjid.bare, "Did you get here?")
    david.send_message(mto=first["from"], mbody="By a detour", mtype="chat")
    clara.message_from(david.boundjid.bare, "By a detour")


if __name__ == "__main__":
    suite.main(Messenger)
