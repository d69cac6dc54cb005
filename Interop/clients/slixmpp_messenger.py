"""The Messenger service as slixmpp sees it: tokens, look-up, invitations, presence, chat, vCards, the archive, redirects."""

import base64
from xml.etree import ElementTree

from person import CLIENT, Person, child
from scenario import Stage, Suite, require, require_equal

suite = Suite()

ARCHIVE = "urn:xmpp:archive"
LOOKUP = "http://messenger.live.com/xmpp/jidlookup"
LOOKUP_AS_DOCUMENTED = "jidlookup"
NICK = "http://jabber.org/protocol/nick"
VCARD = "vcard-temp"
DISCO = "http://jabber.org/protocol/disco#info"


class RedirectedPerson(Person):
    """slixmpp reconnects after see-other-host, but to port 5222 of the JID's domain; the hook puts that right."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.told = None
        self.add_event_handler("stream_error", self._redirect)

    def _redirect(self, error):
        if error["condition"] == "see-other-host":
            self.told = error["see_other_host"]
            host, _, port = self.told.rpartition(":")
            self.moments.discard("disconnected")
            self.node = (host, int(port))
            self.default_port = int(port)

    def connect(self, address=None, **options):
        super().connect(address or self.node, **options)


class Messenger(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.service = service["messenger"]
        self.accounts = self.service["accounts"]
        self.people = []

    def person(self, name, port="node", kind=Person, **options):
        options = {"token": self.accounts[name]["token"], **options}
        person = kind("_@" + self.service["domain"], self.service[port], self.certificate, **options)
        self.people.append(person)
        return person

    async def close(self):
        for person in self.people:
            await person.sign_out()


async def look_up(person, address, namespace=LOOKUP):
    answer = await person.request("get", ElementTree.Element(f"{{{namespace}}}getjid"), address)
    return answer.findtext(f"{{{namespace}}}jid")


def history(kind, **attributes):
    return ElementTree.Element(f"{{{ARCHIVE}}}{kind}", attributes)


# Sign-in


@suite.scenario("a token that nobody minted is refused with not-authorized")
async def wrong_token(stage):
    stranger = stage.person("mary", token=base64.b64encode(b"nobody minted this token").decode())
    require_equal(await stranger.refused(), "not-authorized", "reason")


@suite.scenario("a token without the scope wl.messenger is refused")
async def wrong_scope(stage):
    stranger = stage.person("mary", token=stage.accounts["mary"]["token without scope"])
    require_equal(await stranger.refused(), "not-authorized", "reason")


@suite.scenario("signs in at the session node; the token says who it is")
async def sign_in(stage):
    stage.mary = await stage.person("mary", resource="pc").sign_in()
    require_equal(stage.mary.mechanisms, ["X-MESSENGER-OAUTH2"], "mechanisms")
    require_equal(stage.mary.boundjid.full, stage.accounts["mary"]["jid"] + "/pc", "bound JID")
    await stage.mary.appear()


@suite.scenario("signs in without asking for a resource, with a token minted while the server runs")
async def sign_in_without_resource(stage):
    stage.john = await stage.person("john", token=stage.accounts["john"]["late token"]).sign_in()
    require_equal(stage.john.boundjid.bare, stage.accounts["john"]["jid"], "bound JID")
    require(stage.john.boundjid.resource, "no resource was made")
    await stage.john.appear()


@suite.scenario("follows a redirect from the front node with a stream_error hook")
async def redirect(stage):
    anna = stage.person("anna", port="front", kind=RedirectedPerson)
    anna.connect()
    await anna.happened("session_start")
    require(anna.told is not None, "there was no redirect")
    require_equal(anna.boundjid.bare, stage.accounts["anna"]["jid"], "bound JID")
    stage.anna = anna
    await anna.appear()


@suite.scenario("the domain lists the extensions of the service, and those alone")
async def discovery(stage):
    info = await stage.mary.request("get", ElementTree.Element(f"{{{DISCO}}}query"), stage.service["domain"])
    identities = {(item.get("category"), item.get("type")) for item in info.findall(f"{{{DISCO}}}identity")}
    features = {item.get("var") for item in info.findall(f"{{{DISCO}}}feature")}
    require_equal(identities, {("server", "im")}, "identities")
    wanted = {DISCO, VCARD, ARCHIVE, ARCHIVE + ":manage", "urn:xmpp:ping", LOOKUP, LOOKUP_AS_DOCUMENTED}
    require(wanted <= features, f"not listed: {wanted - features}")
    absent = {"urn:xmpp:mam:2", "urn:xmpp:carbons:2", "jabber:iq:private", "jabber:iq:register", "urn:xmpp:time"}
    require(not absent & features, f"listed all the same: {absent & features}")


# Contacts


@suite.scenario("looks up an account by its e-mail address, in both namespaces")
async def find(stage):
    john = stage.accounts["john"]
    for namespace in (LOOKUP, LOOKUP_AS_DOCUMENTED):
        require_equal(await look_up(stage.mary, john["account id"], namespace), john["jid"], namespace)
    nobody = ElementTree.Element(f"{{{LOOKUP}}}getjid")
    require_equal(await stage.mary.refusal("get", nobody, "nobody@contoso.example"), "item-not-found", "condition")
    stage.found = john["jid"]


@suite.scenario("before they are contacts: no vCard, no messages")
async def strangers(stage):
    request = ElementTree.Element(f"{{{VCARD}}}vCard")
    require_equal(await stage.mary.refusal("get", request, stage.found), "item-not-found", "condition")
    stage.mary.say(stage.found, "Who are you?")
    await stage.mary.bounced("service-unavailable")


@suite.scenario("adds the contact found")
async def add(stage):
    query = ElementTree.Element("{jabber:iq:roster}query")
    ElementTree.SubElement(query, "{jabber:iq:roster}item", jid=stage.found)
    require(await stage.mary.request("set", query) is None, "the result is not empty")
    await stage.mary.pushed(stage.found, subscription="none")
    stage.mary.send_presence_subscription(pto=stage.found)
    await stage.mary.pushed(stage.found, subscription="none", ask="subscribe")


@suite.scenario("the invitation arrives with the nickname, and not in the roster")
async def invitation(stage):
    mary = stage.mary.boundjid.bare
    invitation = await stage.john.presence(mary, "subscribe")
    require_equal(invitation.get("from"), mary, "from")
    require_equal(invitation.findtext(f"{{{NICK}}}nick"), stage.accounts["mary"]["name"], "nick")
    require(await stage.john.roster_item(mary) is None, "it is in the roster")


@suite.scenario("acceptance: contacts on both sides, presence both ways, without a probe")
async def accept(stage):
    mary, john = stage.mary, stage.john
    john.send_presence_subscription(pto=mary.boundjid.bare, ptype="subscribed")
    await mary.pushed(john.boundjid.bare, subscription="both")
    await john.pushed(mary.boundjid.bare, subscription="both")
    await mary.presence(john.boundjid.bare)
    await john.presence(mary.boundjid.bare)
    mary.send_presence(pshow="dnd", pstatus="in a call")
    changed = await john.presence(mary.boundjid.bare, show="dnd")
    require_equal(changed.findtext(CLIENT + "status"), "in a call", "status")
    require(child(changed, "nick", NICK) is None, "a nickname in ordinary presence")
    john.send_presence(pshow="away")
    await mary.presence(john.boundjid.bare, show="away")


@suite.scenario("an invitation to an e-mail address reaches the person; the roster has the JID")
async def add_by_address(stage):
    anna, mary = stage.anna, stage.mary
    anna.send_presence_subscription(pto=stage.accounts["mary"]["account id"])
    await anna.pushed(mary.boundjid.bare, ask="subscribe")
    await mary.presence(anna.boundjid.bare, "subscribe")
    mary.send_presence_subscription(pto=anna.boundjid.bare, ptype="subscribed")
    await anna.pushed(mary.boundjid.bare, subscription="both")
    await anna.presence(mary.boundjid.bare)


@suite.scenario("contacts cannot be renamed or removed")
async def only_grows(stage):
    jid = stage.john.boundjid.bare
    for change in ({"name": "Johnny"}, {"subscription": "remove"}):
        query = ElementTree.Element("{jabber:iq:roster}query")
        ElementTree.SubElement(query, "{jabber:iq:roster}item", jid=jid, **change)
        require_equal(await stage.mary.refusal("set", query), "not-allowed", f"condition for {change}")
    require_equal((await stage.mary.roster_item(jid)).get("subscription"), "both", "subscription")


@suite.scenario("the contact's vCard has the display name")
async def vcard(stage):
    answer = await stage.mary["xep_0054"].get_vcard(stage.john.boundjid.bare, timeout=10)
    require_equal(answer["from"].full, stage.john.boundjid.bare, "from")
    require_equal(answer["vcard_temp"]["FN"], stage.accounts["john"]["name"], "FN")
    require_equal(answer.xml.findtext(f".//{{{VCARD}}}NICKNAME"), stage.accounts["john"]["name"], "NICKNAME")


# Messages


@suite.scenario("chat both ways, to the bare and to the full JID")
async def chat(stage):
    mary, john = stage.mary, stage.john
    mary.say(john.boundjid.bare, "Hello & <welcome>")
    first = await john.message(mary.boundjid.bare, "Hello & <welcome>")
    require_equal(first.get("from"), mary.boundjid.full, "from")
    john.say(first.get("from"), "Hello \N{WAVING HAND SIGN}")
    await mary.message(john.boundjid.bare, "Hello \N{WAVING HAND SIGN}")


@suite.scenario("messages of another type than chat are refused")
async def other_types(stage):
    for kind in ("normal", "headline"):
        stage.mary.say(stage.john.boundjid.bare, "not this way", kind=kind)
        await stage.mary.bounced("feature-not-implemented")


@suite.scenario("of 12 messages the archive gives exactly the last 10, in order")
async def archive(stage):
    mary, john = stage.mary, stage.john
    for number in range(1, 13):
        mary.say(john.boundjid.bare, f"message {number}")
    await john.message(mary.boundjid.bare, "message 12")
    listed = await mary.request("get", history("list", **{"with": john.boundjid.bare}))
    collections = listed.findall(f"{{{ARCHIVE}}}chat")
    require_equal([item.get("with") for item in collections], [john.boundjid.bare], "collections")
    start = collections[0].get("start")
    wanted = [f"message {number}" for number in range(3, 13)]
    for reader, contact, side in ((mary, john, "to"), (john, mary, "from")):
        request = history("retrieve", **{"with": contact.boundjid.bare, "start": start})
        found = await reader.request("get", request)
        require_equal([item.findtext(f"{{{ARCHIVE}}}body") for item in found], wanted, "bodies")
        require_equal({item.tag for item in found}, {f"{{{ARCHIVE}}}{side}"}, "sides")


@suite.scenario("nothing is archived when neither side keeps a history")
async def no_history(stage):
    anna, peter = stage.anna, await stage.person("peter").sign_in()
    await peter.appear()
    anna.say(peter.boundjid.bare, "off the record")
    await peter.message(anna.boundjid.bare, "off the record")
    found = await anna.request("get", history("retrieve", **{"with": peter.boundjid.bare}))
    require_equal((found.get("with"), len(found)), (peter.boundjid.bare, 0), "history")
    listed = await anna.request("get", history("list", **{"with": peter.boundjid.bare}))
    require_equal(len(listed), 0, "collections")


@suite.scenario("messages to somebody who is offline wait, with a delay stamp, and come once")
async def offline(stage):
    mary, john = stage.mary, stage.john
    jid = john.boundjid.bare
    await john.sign_out()
    await mary.presence(jid, "unavailable")
    for number in (1, 2, 3):
        mary.say(jid, f"while you were out {number}")
    await mary.settled()
    john = await stage.person("john").sign_in()
    await john.appear()
    for number in (1, 2, 3):
        message = await john.message(mary.boundjid.bare, f"while you were out {number}")
        delay = child(message, "delay", "urn:xmpp:delay")
        require(delay is not None and delay.get("stamp", "").endswith("Z"), "no delay stamp in UTC")
        require_equal(delay.get("from"), stage.service["domain"], "delay from")
    await john.settled()
    require(john.taken(lambda stanza: stanza.tag == CLIENT + "message") is None, "a message came twice")
    await john.sign_out()
    again = await stage.person("john").sign_in()
    await again.appear()
    require(again.taken(lambda stanza: stanza.tag == CLIENT + "message") is None, "a message came at the next sign-in")


if __name__ == "__main__":
    suite.main(Messenger)
