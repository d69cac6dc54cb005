"""Rooms as aioxmpp sees them: a model of who is there and what they may, kept up to date by what the room sends."""

import asyncio

import aioxmpp
import aioxmpp.muc
import aioxmpp.muc.xso

from aioxmpp_people import WAIT, People, heard
from scenario import Suite, Unexpected, require, require_equal

suite = Suite()


class Dance(People):
    def __init__(self, service):
        super().__init__(service)
        self.room = aioxmpp.JID.fromstr(f"dance@conference.{self.service['domain']}")

    def equip(self, client):
        client.rooms = client.summon(aioxmpp.MUCClient)
        client.discovery = client.summon(aioxmpp.DiscoClient)

    async def enter(self, client, nickname, **options):
        """Enters; returns the room as the client keeps it, with all that is said there in a queue."""
        room, entered = client.rooms.join(self.room, nickname, **options)
        room.said = asyncio.Queue()
        room.on_message.connect(lambda message, member, source, **_: room.said.put_nowait((member.nick, message.body.any())))
        await asyncio.wait_for(entered, WAIT)
        return room


async def say(room, text):
    """Returns when the room has sent it back, which is how the client knows that it was delivered."""
    message = aioxmpp.Message(type_=aioxmpp.MessageType.GROUPCHAT)
    message.body[None] = text
    tracker = room.send_message_tracked(message)[1]
    while tracker.state != aioxmpp.tracking.MessageState.DELIVERED_TO_RECIPIENT:
        await heard(tracker.on_state_changed)
    await hears(room, room.me.nick, text)


async def hears(room, nickname, text):
    require_equal(await asyncio.wait_for(room.said.get(), WAIT), (nickname, text), "what is said")


@suite.scenario("makes a room, and configures it by the form that aioxmpp knows")
async def make(stage):
    stage.lucio, stage.helena = await stage.person("lucio"), await stage.person("helena")
    stage.host = room = await stage.enter(stage.lucio, "Lucio")
    require_equal((room.me.affiliation, room.me.role), ("owner", "moderator"), "standing")
    form = aioxmpp.muc.ConfigurationForm.from_xso(await stage.lucio.rooms.get_room_config(stage.room))
    form.roomname.value = "The Dance"
    form.persistentroom.value = True
    await stage.lucio.rooms.set_room_config(stage.room, form.render_reply())
    form = aioxmpp.muc.ConfigurationForm.from_xso(await stage.lucio.rooms.get_room_config(stage.room))
    require_equal((form.roomname.value, form.persistentroom.value), ("The Dance", True), "configuration")
    require("muc_persistent" in (await stage.lucio.discovery.query_info(stage.room, require_fresh=True)).features, "discovery does not say that the room stays")


@suite.scenario("another enters; each sees the other, and what is said is known by its author as delivered")
async def talk(stage):
    entered = heard(stage.host.on_join)
    stage.guest = guest = await stage.enter(stage.helena, "Helena")
    await entered
    for room in (stage.host, guest):
        require_equal({member.nick for member in room.members}, {"Lucio", "Helena"}, "who is there")
    await say(guest, "What lady is that?")
    await hears(stage.host, "Helena", "What lady is that?")


@suite.scenario("the topic and a nickname are changed, and seen changed")
async def changes(stage):
    host, guest = stage.host, stage.guest
    changed = heard(guest.on_topic_changed)
    await host.set_topic({None: "Measures"})
    await changed
    require_equal(guest.muc_subject.any(), "Measures", "topic")
    changed = heard(host.on_nick_changed)
    await guest.set_nick("Masked Helena")
    await changed
    require_equal({member.nick for member in host.members}, {"Lucio", "Masked Helena"}, "who is there")


@suite.scenario("a nickname in use is a conflict; with another one enters")
async def conflict(stage):
    second = await stage.person("valentine")
    try:
        await stage.enter(second, "Lucio")
    except aioxmpp.errors.XMPPError as error:
        require_equal(error.condition, aioxmpp.ErrorCondition.CONFLICT, "reason")
    else:
        raise Unexpected("two people have one nickname")
    entered = heard(stage.host.on_join)
    stage.third = await stage.enter(second, "Valentine")
    await entered


@suite.scenario("kicks, with a reason that all see, and bans")
async def moderate(stage):
    host, third = stage.host, stage.third
    member = next(member for member in host.members if member.nick == "Valentine")
    gone = asyncio.gather(heard(third.on_exit), heard(host.on_leave))
    await host.kick(member, "Stepping on toes")
    await gone
    require_equal({member.nick for member in host.members}, {"Lucio", "Masked Helena"}, "who is there")
    stage.third = third = await stage.enter(stage.clients[-1], "Valentine")
    member = next(member for member in host.members if member.nick == "Valentine")
    gone = heard(third.on_exit)
    await host.ban(member, "Again")
    await gone
    outcasts = await stage.lucio.rooms.get_affiliated(stage.room, "outcast")
    require_equal([str(jid) for jid in outcasts], [str(stage.clients[-1].local_jid.bare())], "who is banned")
    try:
        await stage.enter(stage.clients[-1], "Valentine")
    except aioxmpp.errors.XMPPError as error:
        require_equal(error.condition, aioxmpp.ErrorCondition.FORBIDDEN, "reason")
    else:
        raise Unexpected("who is banned has entered")


@suite.scenario("leaves, and comes back to what was said")
async def leave(stage):
    host, guest = stage.host, stage.guest
    gone = heard(host.on_leave)
    await asyncio.wait_for(guest.leave(), WAIT)
    await gone
    await say(host, "Where is she?")
    stage.guest = guest = await stage.enter(stage.helena, "Helena", history=aioxmpp.muc.xso.History(maxstanzas=1))
    await hears(guest, "Lucio", "Where is she?")


@suite.scenario("the server is killed: the streams are resumed, nobody was shown leaving, and they talk on")
async def killed(stage):
    host, guest = stage.host, stage.guest
    left = []
    for room in (host, guest):
        room.on_leave.connect(lambda member, **_: left.append(member.nick))
    back = [heard(client.on_stream_resumed) for client in (stage.lucio, stage.helena)]
    await asyncio.gather(stage.replace_server(), *back)
    await say(guest, "Still dancing")
    await hears(host, "Helena", "Still dancing")
    await say(host, "Till morning")
    await hears(guest, "Lucio", "Till morning")
    require_equal({member.nick for member in host.members}, {"Lucio", "Helena"}, "who is there")
    require_equal(left, [], "who was shown leaving")


if __name__ == "__main__":
    suite.main(Dance)
