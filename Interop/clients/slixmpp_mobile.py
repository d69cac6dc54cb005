"""A person with several devices as slixmpp sees it: carbons, resumption, the archive, blocking, a client that is inactive."""

from xml.etree import ElementTree

from person import CLIENT, Person, child
from scenario import Stage, Suite, require, require_equal

suite = Suite()

CARBONS = "urn:xmpp:carbons:2"
STABLE = "urn:xmpp:sid:0"
MAM = "urn:xmpp:mam:2"
BLOCKING = "urn:xmpp:blocking"
DISCO = "http://jabber.org/protocol/disco#info"


class Device(Person):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for plugin in ("xep_0059", "xep_0191", "xep_0198", "xep_0280", "xep_0297", "xep_0313", "xep_0352"):
            self.register_plugin(plugin)
        for moment in ("session_resumed", "sm_failed", "sm_enabled"):
            self.add_event_handler(moment, lambda _, moment=moment: self._note(moment))

    async def lose_connection(self):
        """The socket is gone, and with it what it still held."""
        self.transport.abort()
        await self.happened("disconnected")
        self.moments.clear()

    async def come_back(self):
        """Connects again; slixmpp resumes if it can."""
        self.connect(self.node)
        return await self.happened("session_resumed", "session_start")

    def messages(self):
        """The bodies of all messages kept, which are taken."""
        found = []
        while (stanza := self.taken(lambda stanza: stanza.tag == CLIENT + "message")) is not None:
            found.append(stanza.findtext(CLIENT + "body"))
        return found

    async def copy(self, kind, text):
        """The carbon with this body; returns the message in it."""

        def inner(stanza):
            return stanza.find(f"{{{CARBONS}}}{kind}/{{urn:xmpp:forward:0}}forwarded/{CLIENT}message")

        def matches(stanza):
            return inner(stanza) is not None and inner(stanza).findtext(CLIENT + "body") == text

        stanza = await self.expect(matches, f"carbon of {text!r}, {kind}")
        require_equal(stanza.get("from"), self.boundjid.bare, "from of a carbon")
        return inner(stanza)

    async def archive(self, **conditions):
        """The bodies and archive ids that a query gives, with its pages."""
        results, pages = [], 0
        iterator = self["xep_0313"].retrieve(iterator=True, timeout=30, **conditions)
        async for page in iterator:
            pages += 1
            for item in page["mam"]["results"]:
                result = item["mam_result"]
                message = result["forwarded"]["stanza"]
                results.append((message["body"], result["id"]))
        return results, pages


class Mobile(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.service = service["standard"]
        self.people = []

    def device(self, name, resource):
        account = self.service["accounts"][name]
        device = Device(account["jid"], self.service["address"], self.certificate, account["password"], resource=resource)
        self.people.append(device)
        return device

    async def close(self):
        for person in self.people:
            await person.sign_out()


@suite.scenario("two devices and somebody else sign in; streams can be resumed")
async def sign_in(stage):
    for field, name, resource in (("desk", "mercutio", "desk"), ("phone", "mercutio", "phone"), ("other", "tybalt", "hall")):
        device = await stage.device(name, resource).sign_in()
        await device.happened("sm_enabled")
        require(device["xep_0198"].sm_id, "no id to resume with")
        await device.appear()
        setattr(stage, field, device)


@suite.scenario("account and server list carbons, archive and blocking")
async def discovery(stage):
    async def features(address):
        info = await stage.desk.request("get", ElementTree.Element(f"{{{DISCO}}}query"), address)
        return {item.get("var") for item in info.findall(f"{{{DISCO}}}feature")}

    missing = {CARBONS, BLOCKING} - await features(stage.desk.boundjid.domain)
    require(not missing, f"the server does not list {missing}")
    missing = {MAM, STABLE} - await features(stage.desk.boundjid.bare)
    require(not missing, f"the account does not list {missing}")


# Carbons


@suite.scenario("carbons of what the other device receives and sends")
async def carbons(stage):
    desk, phone, other = stage.desk, stage.phone, stage.other
    await desk["xep_0280"].enable(timeout=10)
    await phone["xep_0280"].enable(timeout=10)
    other.say(desk.boundjid.full, "good king of cats")
    received = await desk.message(other.boundjid.bare, "good king of cats")
    copy = await phone.copy("received", "good king of cats")
    require_equal(copy.get("to"), desk.boundjid.full, "to of the copy")
    named = [child(message, "stanza-id", STABLE).get("id") for message in (received, copy)]
    require_equal(named[0], named[1], "stanza-id of the copy")
    desk.say(other.boundjid.bare, "nothing but one of your nine lives")
    await other.message(desk.boundjid.bare, "nothing but one of your nine lives")
    copy = await phone.copy("sent", "nothing but one of your nine lives")
    require_equal(copy.get("from"), desk.boundjid.full, "from of the copy")


@suite.scenario("no carbons of what is marked private, or after they are switched off")
async def no_carbons(stage):
    desk, phone, other = stage.desk, stage.phone, stage.other
    private = other.make_message(mto=desk.boundjid.full, mbody="between us", mtype="chat")
    private.xml.append(ElementTree.Element(f"{{{CARBONS}}}private"))
    private.xml.append(ElementTree.Element("{urn:xmpp:hints}no-copy"))
    private.send()
    await desk.message(other.boundjid.bare, "between us")
    await phone["xep_0280"].disable(timeout=10)
    other.say(desk.boundjid.full, "to the desk alone")
    await desk.message(other.boundjid.bare, "to the desk alone")
    await phone.settled()
    require_equal(phone.messages(), [], "messages at the phone")


# Resumption


@suite.scenario("resumes after the socket was cut; nothing is lost or doubled, and nobody saw it")
async def resume(stage):
    phone, other = stage.phone, stage.other
    await other.settled()
    other.inbox.clear()
    for number in (1, 2):
        other.say(phone.boundjid.full, f"before the cut {number}")
    await phone.message(other.boundjid.bare, "before the cut 2")
    phone.inbox.clear()
    await phone.lose_connection()
    for number in (1, 2, 3):
        other.say(phone.boundjid.full, f"while it was away {number}")
    await other.settled()
    require_equal(await phone.come_back(), "session_resumed", "what happened")
    await phone.settled()
    require_equal(phone.messages(), [f"while it was away {number}" for number in (1, 2, 3)], "messages")
    await other.settled()
    require(other.taken(lambda stanza: stanza.tag == CLIENT + "presence") is None, "presence was sent about it")
    phone.say(other.boundjid.bare, "back again")
    await other.message(phone.boundjid.bare, "back again")


@suite.scenario("what the server has not acknowledged is sent again after resumption, and comes once")
async def resend(stage):
    phone, other = stage.phone, stage.other
    for number in (1, 2, 3):
        phone.say(other.boundjid.bare, f"on the way {number}")
    await other.message(phone.boundjid.bare, "on the way 1")
    await phone.lose_connection()
    require_equal(await phone.come_back(), "session_resumed", "what happened")
    await other.message(phone.boundjid.bare, "on the way 3")
    await phone.settled()
    await other.settled()
    require_equal([text for text in other.messages() if text != "on the way 2"], [], "messages that came twice")


@suite.scenario("a session that the server does not know is refused, and a new one bound on the same stream")
async def failed_resumption(stage):
    phone, other = stage.phone, stage.other
    await phone.lose_connection()
    phone["xep_0198"].sm_id = "nobody gave this id"
    require_equal(await phone.come_back(), "session_start", "what happened")
    require("sm_failed" in phone.moments, "the resumption was not refused")
    await phone.appear()
    other.say(phone.boundjid.full, "welcome back")
    await phone.message(other.boundjid.bare, "welcome back")


# The archive


@suite.scenario("the archive pages forwards and backwards, with one contact, all in order")
async def archive(stage):
    desk, other = stage.desk, stage.other
    for number in range(1, 13):
        other.say(desk.boundjid.bare, f"archived {number}")
    await desk.message(other.boundjid.bare, "archived 12")
    wanted = [f"archived {number}" for number in range(1, 13)]
    found, pages = await desk.archive(with_jid=other.boundjid.bare, rsm={"max": 5})
    require(pages >= 3, f"{pages} pages of five")
    require_equal([text for text, _ in found][-12:], wanted, "bodies")
    require_equal(len({name for _, name in found}), len(found), "different ids")
    pages = []
    async for page in desk["xep_0313"].retrieve(iterator=True, reverse=True, rsm={"max": 5}, timeout=30):
        pages.append([item["mam_result"]["forwarded"]["stanza"]["body"] for item in page["mam"]["results"]])
        if len(pages) == 3:
            break
    require_equal([text for page in reversed(pages) for text in page][-12:], wanted, "bodies, backwards")
    nobody, _ = await desk.archive(with_jid="nobody@" + desk.boundjid.domain)
    require_equal(nobody, [], "messages with somebody unknown")


@suite.scenario("after being away, the archive gives exactly what came since, under the ids of the live messages")
async def catch_up(stage):
    desk, other = stage.desk, stage.other
    other.say(desk.boundjid.bare, "the last one seen")
    seen = child(await desk.message(other.boundjid.bare, "the last one seen"), "stanza-id", STABLE).get("id")
    address = desk.boundjid
    await desk.sign_out()
    for number in (1, 2, 3):
        other.say(address.bare, f"missed {number}")
    await other.settled()
    desk = stage.desk = await stage.device("mercutio", "desk").sign_in()
    found, _ = await desk.archive(rsm={"max": 2, "after": seen})
    require_equal([text for text, _ in found], [f"missed {number}" for number in (1, 2, 3)], "bodies")
    await desk.appear()


# Blocking


@suite.scenario("blocking: the other devices are told, messages are refused, the contact seems to be gone")
async def block(stage):
    desk, phone, other = stage.desk, stage.phone, stage.other
    await other.settled()
    other.inbox.clear()
    await desk["xep_0191"].get_blocked(timeout=10)
    await phone["xep_0191"].get_blocked(timeout=10)
    await desk["xep_0191"].block(other.boundjid.bare, timeout=10)

    def pushed(name):
        return lambda stanza: stanza.get("type") == "set" and child(stanza, name, BLOCKING) is not None

    await phone.expect(pushed("block"), "push of the block")
    listed = (await desk["xep_0191"].get_blocked(timeout=10))["blocklist"]["items"]
    require_equal({str(jid) for jid in listed}, {other.boundjid.bare}, "blocked")
    await other.presence(desk.boundjid.bare, "unavailable")
    other.say(desk.boundjid.bare, "do you hear me?")
    await other.bounced("service-unavailable")
    await desk.settled()
    require("do you hear me?" not in desk.messages(), "the message came through")
    await desk["xep_0191"].unblock(other.boundjid.bare, timeout=10)
    await phone.expect(pushed("unblock"), "push of the unblock")
    other.say(desk.boundjid.bare, "and now?")
    await desk.message(other.boundjid.bare, "and now?")


# An inactive client


@suite.scenario("an inactive client gets messages at once, and of presence the latest")
async def inactive(stage):
    phone, other = stage.phone, stage.other
    await phone.settled()
    phone.inbox.clear()
    require(phone["xep_0352"].enabled, "client state indication is not offered")
    phone["xep_0352"].send_inactive()
    await phone.settled()
    for show in ("away", "dnd", "xa"):
        other.send_presence(pshow=show)
    other.say(phone.boundjid.full, "wake up")
    await phone.expect(lambda stanza: stanza.findtext(CLIENT + "body") == "wake up", "message")
    shows = [stanza.findtext(CLIENT + "show") for stanza in phone.inbox if stanza.tag == CLIENT + "presence"]
    require_equal(shows, ["xa"], "presence before the message")
    phone["xep_0352"].send_active()
    other.send_presence()
    await phone.presence(other.boundjid.bare)


if __name__ == "__main__":
    suite.main(Mobile)
