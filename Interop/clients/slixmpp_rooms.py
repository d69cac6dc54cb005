"""Rooms as slixmpp sees them: its plugins for rooms, invitations, archives and occupant ids, and what they hear of a kill."""

import asyncio
from xml.etree import ElementTree

from slixmpp import JID
from slixmpp.exceptions import IqError, PresenceError

from person import CLIENT, WAIT, Person, child
from scenario import Stage, Suite, Unexpected, require, require_equal

suite = Suite()

ROOMS = "http://jabber.org/protocol/muc"
USER = f"{{{ROOMS}#user}}"
OCCUPANTS = "{urn:xmpp:occupant-id:0}occupant-id"
STABLE = "{urn:xmpp:sid:0}stanza-id"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


class Visitor(Person):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        for plugin in ("0045", "0059", "0249", "0313", "0421"):
            self.register_plugin(f"xep_{plugin}")

    @property
    def rooms(self):
        return self["xep_0045"]

    async def enters(self, room, nickname, **options):
        """Enters as slixmpp does, which waits for the presence of all, history and subject; all that came is taken."""
        joined = await self.rooms.join_muc_wait(room, nickname, timeout=WAIT, **options)
        await self.settled()
        self.inbox.clear()
        return joined

    async def is_kept_out(self, room, nickname):
        """The condition with which the room refuses."""
        try:
            await self.rooms.join_muc_wait(room, nickname, timeout=WAIT)
        except PresenceError as error:
            return error.condition
        raise Unexpected(f"{nickname} is let in")

    async def sees(self, place, *codes, kind=None, **item):
        """The next presence of this occupant, with these status codes and this item."""

        def matches(stanza):
            return stanza.tag == CLIENT + "presence" and stanza.get("from") == place and stanza.get("type") == kind

        stanza = await self.expect(matches, f"{kind or 'available'} presence of {place}")
        require_equal(sorted(int(code.get("code")) for code in stanza.iter(USER + "status")), sorted(codes), "codes")
        found = stanza.find(f"{USER}x/{USER}item")
        for name, value in item.items():
            require_equal(found.get(name), value, name)
        return stanza

    async def hears(self, place, text, kind="groupchat"):
        def matches(stanza):
            return (
                stanza.tag == CLIENT + "message" and stanza.get("type") == kind and stanza.get("from") == place
                and stanza.findtext(CLIENT + "body") == text
            )  # fmt: skip

        return await self.expect(matches, f"{text!r} of {place}")

    async def archive(self, room, **conditions):
        """What the room has kept: the occupant's nickname and the text, with the id in the archive."""
        found = []
        async for page in self["xep_0313"].retrieve(JID(room), iterator=True, timeout=WAIT, **conditions):
            for message in page["mam"]["results"]:
                result = message["mam_result"]
                said = result["forwarded"]["stanza"]
                if said["body"]:
                    found.append((said["from"].resource, said["body"], result["id"]))
        return found


async def refused(work):
    """The condition with which the request that must be refused is refused."""
    try:
        await work
    except IqError as error:
        return error.condition
    raise Unexpected("it was not refused")


class House(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.service = service["standard"]
        self.rooms = f"conference.{self.service['domain']}"
        self.hall = f"hall@{self.rooms}"
        self.people = []

    async def person(self, name, resource):
        account = self.service["accounts"][name]
        person = Visitor(
            account["jid"], self.service["address"], self.certificate, password=account["password"], resource=resource)  # fmt: skip
        self.people.append(person)
        await person.sign_in()
        await person.appear()
        return person

    async def close(self):
        for person in self.people:
            await person.sign_out()


@suite.scenario("finds the service of rooms; nobody has made this room")
async def discovery(stage):
    stage.nurse, stage.peter, stage.petruchio = [
        await stage.person(name, "pc") for name in ("nurse", "peter", "petruchio")
    ]
    items = await stage.nurse["xep_0030"].get_items(JID(stage.service["domain"]), timeout=WAIT)
    require(stage.rooms in {item[0] for item in items["disco_items"]["items"]}, "the service is not listed")
    info = await stage.nurse["xep_0030"].get_info(JID(stage.rooms), timeout=WAIT)
    identities = {identity[:2] for identity in info["disco_info"]["identities"]}
    require(("conference", "text") in identities, f"identities are {identities}")
    require(ROOMS in info["disco_info"]["features"], "no feature of rooms")
    require_equal(await refused(stage.nurse["xep_0030"].get_info(JID(stage.hall), timeout=WAIT)), "item-not-found", "reason")


@suite.scenario("makes a room, reads the form of its configuration, and submits it")
async def make(stage):
    nurse = stage.nurse
    presence, subject, _, history = await nurse.enters(stage.hall, "Nurse")
    require({110, 201} <= presence["muc"]["status_codes"], f"codes are {presence['muc']['status_codes']}")
    require_equal((presence["muc"]["role"], presence["muc"]["affiliation"]), ("moderator", "owner"), "standing")
    require_equal((subject["subject"], history), ("", []), "subject and history")
    # What nobody has configured nobody enters.
    require_equal(await stage.peter.is_kept_out(stage.hall, "Peter"), "item-not-found", "reason")
    form = await nurse.rooms.get_room_config(JID(stage.hall), timeout=WAIT)
    wanted = ("roomname", "roomdesc", "persistentroom", "publicroom", "membersonly", "moderatedroom", "roomsecret", "whois")
    missing = [name for name in wanted if f"muc#roomconfig_{name}" not in form.get_fields()]
    require(not missing, f"fields are missing: {missing}")
    form["values"] = dict(form["values"]) | {
        "muc#roomconfig_roomname": "The Hall", "muc#roomconfig_persistentroom": True, "muc#roomconfig_publicroom": True,
        "muc#roomconfig_allowinvites": True,
    }  # fmt: skip
    await nurse.rooms.set_room_config(JID(stage.hall), form, timeout=WAIT)
    items = await stage.peter["xep_0030"].get_items(JID(stage.rooms), timeout=WAIT)
    require((stage.hall, None, "The Hall") in items["disco_items"]["items"], "the room is not listed by its name")
    info = (await stage.peter["xep_0030"].get_info(JID(stage.hall), timeout=WAIT))["disco_info"]
    require({"muc_persistent", "muc_public", "muc_open", "muc_unsecured"} <= info["features"], f"{info['features']}")


@suite.scenario("another enters and sees who is there; they talk")
async def talk(stage):
    nurse, peter = stage.nurse, stage.peter
    presence, _, occupants, _ = await peter.enters(stage.hall, "Peter")
    require({occupant["from"].resource for occupant in occupants} == {"Nurse", "Peter"}, "not all are shown")
    stage.occupant = presence.xml.find(OCCUPANTS).get("id")
    seen = await nurse.sees(f"{stage.hall}/Peter", jid=peter.boundjid.full, role="participant")
    require_equal(seen.find(OCCUPANTS).get("id"), stage.occupant, "occupant id")
    nurse.say(stage.hall, "Peter! My fan", "groupchat")
    said = [await person.hears(f"{stage.hall}/Nurse", "Peter! My fan") for person in (nurse, peter)]
    ids = [stanza.find(STABLE).get("id") for stanza in said]
    require_equal(ids[0], ids[1], "ids in the archive")
    peter.say(stage.hall, "Anon!", "groupchat")
    for person in (nurse, peter):
        stanza = await person.hears(f"{stage.hall}/Peter", "Anon!")
        require_equal(stanza.find(OCCUPANTS).get("id"), stage.occupant, "occupant id")


@suite.scenario("private messages go to one occupant; to none they come back")
async def private(stage):
    nurse, peter = stage.nurse, stage.peter
    nurse.say(f"{stage.hall}/Peter", "Before, and apace")
    stanza = await peter.hears(f"{stage.hall}/Nurse", "Before, and apace", "chat")
    require(stanza.find(USER + "x") is not None, "nothing marks it as of the room")
    peter.say(f"{stage.hall}/Sampson", "Is it you?")
    await peter.bounced("item-not-found")


@suite.scenario("the subject is changed by whom the room lets")
async def subject(stage):
    nurse, peter = stage.nurse, stage.peter
    nurse.rooms.set_subject(JID(stage.hall), "Supper is ready")
    changed = lambda stanza: stanza.tag == CLIENT + "message" and stanza.findtext(CLIENT + "subject") == "Supper is ready"
    stanza = await peter.expect(changed, "the subject")
    require_equal(stanza.get("from"), f"{stage.hall}/Nurse", "from")
    peter.rooms.set_subject(JID(stage.hall), "My wit is iron")
    await peter.bounced("forbidden")


@suite.scenario("nicknames in conflict, as Smack meets them: another is tried, changed, and the room entered twice")
async def conflicts(stage):
    nurse, petruchio = stage.nurse, stage.petruchio
    require_equal(await petruchio.is_kept_out(stage.hall, "Nurse"), "conflict", "reason")
    # Letters that are written otherwise are the same nickname; what looks alike to people is not more.
    require_equal(await petruchio.is_kept_out(stage.hall, "NURSE"), "conflict", "reason")
    await petruchio.enters(stage.hall, "Petruchio")
    await nurse.sees(f"{stage.hall}/Petruchio")
    # A change to a nickname in use is refused, and all stays as it was.
    petruchio.send_presence(pto=f"{stage.hall}/Nurse")
    refusal = await petruchio.expect(lambda stanza: stanza.get("type") == "error", "an error")
    require(refusal.find(f"{CLIENT}error/{STANZAS}conflict") is not None, "it is no conflict")
    petruchio.say(stage.hall, "Still here", "groupchat")
    await nurse.hears(f"{stage.hall}/Petruchio", "Still here")
    petruchio.send_presence(pto=f"{stage.hall}/Page")
    await nurse.sees(f"{stage.hall}/Petruchio", 303, kind="unavailable", nick="Page")
    await nurse.sees(f"{stage.hall}/Page")
    # Whoever has missed that it is there already enters again, and is shown all again.
    presence, _, occupants, history = await petruchio.enters(stage.hall, "Page", maxstanzas=2)
    require_equal(presence["from"].resource, "Page", "nickname")
    require_equal([message["body"] for message in history], ["Anon!", "Still here"], "history")


@suite.scenario("a second session of a person has the same nickname; the nickname stays when one leaves")
async def sessions(stage):
    nurse = stage.nurse
    phone = await stage.person("peter", "phone")
    await phone.enters(stage.hall, "Peter")
    nurse.inbox.clear()
    nurse.say(stage.hall, "Both of you", "groupchat")
    for person in (phone, stage.peter):
        await person.hears(f"{stage.hall}/Nurse", "Both of you")
    await phone.sign_out()
    stage.peter.say(stage.hall, "One of us", "groupchat")
    await nurse.hears(f"{stage.hall}/Peter", "One of us")
    require(nurse.taken(lambda stanza: stanza.get("type") == "unavailable") is None, "the nickname was shown leaving")


@suite.scenario("invitations by way of the room, and direct ones")
async def invitations(stage):
    nurse, peter, petruchio = stage.nurse, stage.peter, stage.petruchio
    petruchio.rooms.leave_muc(stage.hall, "Page")
    await nurse.sees(f"{stage.hall}/Page", kind="unavailable")
    petruchio.inbox.clear()
    nurse.rooms.invite(JID(stage.hall), JID(petruchio.boundjid.bare), "Come to supper")
    invited = lambda stanza: stanza.find(f"{USER}x/{USER}invite") is not None
    stanza = await petruchio.expect(invited, "the invitation")
    require_equal(stanza.get("from"), stage.hall, "from")
    invitation = stanza.find(f"{USER}x/{USER}invite")
    require_equal(invitation.findtext(USER + "reason"), "Come to supper", "reason")
    # §7.8.2 lets a room say the address of the occupant, and addresses are for moderators here.
    require_equal(invitation.get("from"), f"{stage.hall}/Nurse", "who invites")
    peter["xep_0249"].send_invitation(JID(petruchio.boundjid.bare), JID(stage.hall), reason="There is wine")
    direct = await petruchio.expect(lambda stanza: child(stanza, "x", "jabber:x:conference") is not None
                                    and stanza.get("from") != stage.hall, "the direct invitation")  # fmt: skip
    require_equal(child(direct, "x", "jabber:x:conference").get("jid"), stage.hall, "room")
    await petruchio.enters(stage.hall, "Petruchio")


@suite.scenario("moderates: kick, ban, and back again")
async def moderate(stage):
    nurse, peter, petruchio, place = stage.nurse, stage.peter, stage.petruchio, f"{stage.hall}/Petruchio"
    peter.inbox.clear()
    work = peter.rooms.set_role(JID(stage.hall), "Petruchio", "none", timeout=WAIT)
    require_equal(await refused(work), "forbidden", "reason")
    await nurse.rooms.set_role(JID(stage.hall), "Petruchio", "none", reason="Too loud", timeout=WAIT)
    stanza = await petruchio.sees(place, 110, 307, kind="unavailable", role="none")
    require_equal(stanza.findtext(f".//{USER}reason"), "Too loud", "reason")
    await peter.sees(place, 307, kind="unavailable")
    await petruchio.enters(stage.hall, "Petruchio")
    bare = JID(petruchio.boundjid.bare)
    await nurse.rooms.set_affiliation(JID(stage.hall), "outcast", jid=bare, timeout=WAIT)
    await petruchio.sees(place, 110, 301, kind="unavailable", affiliation="outcast")
    require_equal(await petruchio.is_kept_out(stage.hall, "Petruchio"), "forbidden", "reason")
    listed = await nurse.rooms.get_affiliation_list(JID(stage.hall), "outcast", timeout=WAIT)
    require_equal(listed, [bare], "who is banned")
    await nurse.rooms.set_affiliation(JID(stage.hall), "none", jid=bare, timeout=WAIT)
    await petruchio.enters(stage.hall, "Petruchio")


@suite.scenario("affiliations: an admin is made, and may what admins may, and no more")
async def affiliations(stage):
    nurse, peter, petruchio = stage.nurse, stage.peter, stage.petruchio
    for person in (nurse, peter):
        await person.settled()
        person.inbox.clear()
    await nurse.rooms.set_affiliation(JID(stage.hall), "admin", jid=JID(peter.boundjid.bare), timeout=WAIT)
    await peter.sees(f"{stage.hall}/Peter", 110, affiliation="admin", role="moderator")
    pairs = [(JID(petruchio.boundjid.bare), "member"), (JID("fan@localhost"), "member")]
    await peter.rooms.send_affiliation_list(JID(stage.hall), pairs, timeout=WAIT)
    members = await peter.rooms.get_affiliation_list(JID(stage.hall), "member", timeout=WAIT)
    require_equal(sorted(map(str, members)), sorted(str(jid) for jid, _ in pairs), "members")
    work = peter.rooms.set_affiliation(JID(stage.hall), "outcast", jid=JID(nurse.boundjid.bare), timeout=WAIT)
    require_equal(await refused(work), "not-allowed", "reason")
    require_equal(await refused(peter.rooms.destroy(JID(stage.hall), timeout=WAIT)), "forbidden", "reason")
    work = nurse.rooms.set_affiliation(JID(stage.hall), "none", jid=JID(nurse.boundjid.bare), timeout=WAIT)
    require_equal(await refused(work), "conflict", "the last owner")


@suite.scenario("a room with a password, and one for members")
async def closed(stage):
    nurse, peter, petruchio = stage.nurse, stage.peter, stage.petruchio
    for name, wanted, fields in (
        ("cellar", "not-authorized", {"passwordprotectedroom": True, "roomsecret": "angelica"}),
        ("kitchen", "registration-required", {"membersonly": True}),
    ):
        room = f"{name}@{stage.rooms}"
        await nurse.enters(room, "Nurse")
        form = await nurse.rooms.get_room_config(JID(room), timeout=WAIT)
        form["values"] = dict(form["values"]) | {f"muc#roomconfig_{field}": value for field, value in fields.items()}
        await nurse.rooms.set_room_config(JID(room), form, timeout=WAIT)
        require_equal(await petruchio.is_kept_out(room, "Petruchio"), wanted, f"reason of the {name}")
    await peter.enters(f"cellar@{stage.rooms}", "Peter", password="angelica")
    kitchen = JID(f"kitchen@{stage.rooms}")
    await nurse.rooms.set_affiliation(kitchen, "member", jid=JID(peter.boundjid.bare), timeout=WAIT)
    await peter.enters(str(kitchen), "Peter")


@suite.scenario("a client asks whether it is still there")
async def ping(stage):
    await stage.peter.request("get", ElementTree.Element("{urn:xmpp:ping}ping"), f"{stage.hall}/Peter")
    stranger = await stage.person("petruchio", "elsewhere")
    condition = await stranger.refusal("get", ElementTree.Element("{urn:xmpp:ping}ping"), f"{stage.hall}/Peter")
    require_equal(condition, "not-acceptable", "reason")


@suite.scenario("the room's archive has what was said, in order, once")
async def archive(stage):
    wanted = [("Nurse", "Peter! My fan"), ("Peter", "Anon!"), ("Petruchio", "Still here"), ("Nurse", "Both of you"),
              ("Peter", "One of us")]  # fmt: skip
    found = await stage.peter.archive(stage.hall)
    require_equal([entry[:2] for entry in found], wanted, "what is kept")
    page = await stage.peter.archive(stage.hall, rsm={"max": 2})
    require_equal(page, found, "by pages of two")


@suite.scenario("the server is killed: the room is as it was, and who comes back misses nothing")
async def killed(stage):
    nurse, peter = stage.nurse, stage.peter
    nurse.say(stage.hall, "Last words", "groupchat")
    await nurse.hears(f"{stage.hall}/Nurse", "Last words")
    gone = [person.happened("disconnected") for person in stage.people if person.is_connected()]
    await asyncio.gather(stage.replace_server(), *gone)
    stage.people = []
    nurse, peter = stage.nurse, stage.peter = [await stage.person(name, "pc") for name in ("nurse", "peter")]
    presence, _, _, _ = await nurse.enters(stage.hall, "Nurse")
    require_equal(presence["muc"]["affiliation"], "owner", "affiliation")
    require(201 not in presence["muc"]["status_codes"], "the room was made anew")
    nurse.say(stage.hall, "Are you there?", "groupchat")
    await nurse.hears(f"{stage.hall}/Nurse", "Are you there?")
    presence, subject, _, history = await peter.enters(stage.hall, "Peter", maxstanzas=2)
    require_equal(subject["subject"], "Supper is ready", "subject")
    require_equal([message["body"] for message in history], ["Last words", "Are you there?"], "history")
    require_equal(presence.xml.find(OCCUPANTS).get("id"), stage.occupant, "occupant id")


@suite.scenario("the owner destroys the room, and says where to go on")
async def destroy(stage):
    nurse, peter = stage.nurse, stage.peter
    await nurse.rooms.destroy(JID(stage.hall), "The feast is over", JID(f"kitchen@{stage.rooms}"), timeout=WAIT)
    stanza = await peter.sees(f"{stage.hall}/Peter", 110, kind="unavailable", affiliation="none", role="none")
    destruction = stanza.find(f".//{USER}destroy")
    require_equal(destruction.get("jid"), f"kitchen@{stage.rooms}", "where to go on")
    require_equal(destruction.findtext(USER + "reason"), "The feast is over", "reason")
    require_equal(await refused(nurse["xep_0030"].get_info(JID(stage.hall), timeout=WAIT)), "item-not-found", "reason")


if __name__ == "__main__":
    suite.main(House)
