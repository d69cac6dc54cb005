"""The standard profile as slixmpp sees it: passwords, a roster that can be changed, chat, offline messages, vCards."""

from xml.etree import ElementTree

from person import CLIENT, Person, child
from scenario import Stage, Suite, require, require_equal

suite = Suite()


class Standard(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.service = service["standard"]
        self.people = []

    def person(self, name, port="address", **options):
        account = self.service["accounts"][name]
        options = {"password": account["password"], **options}
        person = Person(account["jid"], self.service[port], self.certificate, **options)
        self.people.append(person)
        return person

    async def close(self):
        for person in self.people:
            await person.sign_out()


PASSWORD_MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN")


@suite.scenario("a wrong password is refused with not-authorized")
async def wrong_password(stage):
    for mechanism in PASSWORD_MECHANISMS:
        mallory = stage.person("romeo", password="not the password").use(mechanism)
        require_equal(await mallory.refused(), "not-authorized", f"reason with {mechanism}")


@suite.scenario("an account that does not exist is refused alike")
async def unknown_account(stage):
    for mechanism in PASSWORD_MECHANISMS:
        jid = "nobody@" + stage.service["domain"]
        mallory = Person(jid, stage.service["address"], stage.certificate, password="x").use(mechanism)
        stage.people.append(mallory)
        require_equal(await mallory.refused(), "not-authorized", f"reason with {mechanism}")


@suite.scenario("signs in with SCRAM-SHA-256 after STARTTLS")
async def scram_sha_256(stage):
    romeo = stage.person("romeo", resource="scram").use("SCRAM-SHA-256")
    await romeo.sign_in()
    require_equal(romeo.boundjid.full, romeo.requested_jid.full, "bound JID")
    await romeo.sign_out()


@suite.scenario("signs in with SCRAM-SHA-1")
async def scram_sha_1(stage):
    await (await stage.person("romeo").use("SCRAM-SHA-1").sign_in()).sign_out()


@suite.scenario("signs in with PLAIN inside TLS")
async def plain(stage):
    await (await stage.person("romeo").use("PLAIN").sign_in()).sign_out()


@suite.scenario("signs in with what slixmpp chooses by itself")
async def own_choice(stage):
    stage.romeo = await stage.person("romeo", resource="balcony").sign_in()
    await stage.romeo.appear()


@suite.scenario("signs in on the port with TLS from the first byte")
async def direct_tls(stage):
    stage.juliet = await stage.person("juliet", port="direct", resource="garden").sign_in(use_ssl=True)
    await stage.juliet.appear()


@suite.scenario("signs in with TLS from the first byte on the STARTTLS port")
async def direct_tls_same_port(stage):
    await (await stage.person("juliet").sign_in(use_ssl=True)).sign_out()


@suite.scenario("adds, names, groups and subscribes to a contact")
async def subscribe(stage):
    romeo, juliet = stage.romeo, stage.juliet
    await romeo.update_roster(juliet.boundjid.bare, name="Juliet", groups=["Verona"])
    item = await romeo.pushed(juliet.boundjid.bare, subscription="none", name="Juliet")
    require_equal(item.findtext(".//{jabber:iq:roster}group"), "Verona", "group")
    romeo.send_presence_subscription(pto=juliet.boundjid.bare)
    await romeo.pushed(juliet.boundjid.bare, subscription="none", ask="subscribe")
    await juliet.presence(romeo.boundjid.bare, "subscribe")


@suite.scenario("the contact accepts and subscribes back; presence flows both ways")
async def accept(stage):
    romeo, juliet = stage.romeo, stage.juliet
    juliet.send_presence_subscription(pto=romeo.boundjid.bare, ptype="subscribed")
    await romeo.presence(juliet.boundjid.bare, "subscribed")
    await romeo.pushed(juliet.boundjid.bare, subscription="to")
    await romeo.presence(juliet.boundjid.bare)
    juliet.send_presence_subscription(pto=romeo.boundjid.bare)
    await romeo.presence(juliet.boundjid.bare, "subscribe")
    romeo.send_presence_subscription(pto=juliet.boundjid.bare, ptype="subscribed")
    await juliet.pushed(romeo.boundjid.bare, subscription="both")
    await romeo.pushed(juliet.boundjid.bare, subscription="both")
    await juliet.presence(romeo.boundjid.bare)
    romeo.send_presence(pshow="away")
    await juliet.presence(romeo.boundjid.bare, show="away")


@suite.scenario("chat both ways, to the bare and to the full JID")
async def chat(stage):
    romeo, juliet = stage.romeo, stage.juliet
    romeo.say(juliet.boundjid.bare, "Lady, by yonder blessed moon I swear & vow <here>")
    first = await juliet.message(romeo.boundjid.bare, "Lady, by yonder blessed moon I swear & vow <here>")
    require_equal(first.get("from"), romeo.boundjid.full, "from")
    juliet.say(first.get("from"), "O, swear not by the moon \N{LAST QUARTER MOON}")
    await romeo.message(juliet.boundjid.bare, "O, swear not by the moon \N{LAST QUARTER MOON}")


@suite.scenario("vCard set, and fetched by the contact")
async def vcard(stage):
    romeo, juliet = stage.romeo, stage.juliet
    card = juliet["xep_0054"].make_vcard()
    card["FN"] = "Juliet Capulet"
    await juliet["xep_0054"].publish_vcard(card, timeout=10)
    answer = await romeo["xep_0054"].get_vcard(juliet.boundjid.bare, timeout=10)
    require_equal(answer["vcard_temp"]["FN"], "Juliet Capulet", "FN")


@suite.scenario("a message to somebody who is offline waits, with a delay stamp")
async def offline(stage):
    romeo, juliet = stage.romeo, stage.juliet
    await juliet.sign_out()
    await romeo.presence(juliet.boundjid.bare, "unavailable")
    for number in (1, 2, 3):
        romeo.say(juliet.boundjid.bare, f"good night {number}")
    await romeo.settled()
    juliet = stage.juliet = await stage.person("juliet", resource="chamber").sign_in()
    await juliet.appear()
    for number in (1, 2, 3):
        message = await juliet.message(romeo.boundjid.bare, f"good night {number}")
        delay = child(message, "delay", "urn:xmpp:delay")
        require(delay is not None and delay.get("stamp", "").endswith("Z"), "no delay stamp in UTC")
    require(juliet.taken(lambda stanza: stanza.tag == CLIENT + "message") is None, "a message came twice")


@suite.scenario("disco#info of the server, version and time")
async def discovery(stage):
    romeo, domain = stage.romeo, stage.service["domain"]
    namespace = "http://jabber.org/protocol/disco#info"
    info = await romeo.request("get", ElementTree.Element(f"{{{namespace}}}query"), domain)
    identities = {(item.get("category"), item.get("type")) for item in info.findall(f"{{{namespace}}}identity")}
    features = {item.get("var") for item in info.findall(f"{{{namespace}}}feature")}
    require(("server", "im") in identities, f"identities are {identities}")
    require({namespace, "urn:xmpp:ping", "vcard-temp"} <= features, f"features are {features}")
    version = await romeo.request("get", ElementTree.Element("{jabber:iq:version}query"), domain)
    require(version.findtext("{jabber:iq:version}name"), "no name in the version")
    moment = await romeo.request("get", ElementTree.Element("{urn:xmpp:time}time"), domain)
    require(moment.findtext("{urn:xmpp:time}utc"), "no UTC time")


@suite.scenario("a contact is removed on both sides")
async def remove(stage):
    romeo, juliet = stage.romeo, stage.juliet
    await romeo.del_roster_item(juliet.boundjid.bare)
    await romeo.pushed(juliet.boundjid.bare, subscription="remove")
    await juliet.presence(romeo.boundjid.bare, "unsubscribed")
    require(await romeo.roster_item(juliet.boundjid.bare) is None, "the contact is still in the roster")
    require_equal((await juliet.roster_item(romeo.boundjid.bare)).get("subscription"), "none", "subscription")


if __name__ == "__main__":
    suite.main(Standard)
