"""PEP, nodes of the service, avatars, bookmarks and uploads as slixmpp's plugins see them."""

import asyncio
import hashlib
import os
import pathlib
import ssl
import struct
import tempfile
import urllib.request
import zlib

from slixmpp import JID
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048.stanza import Bookmarks
from slixmpp.xmlstream import ElementBase

import names
from person import WAIT, Person
from scenario import Stage, Suite, Unexpected, require, require_equal

suite = Suite()

PUBSUB = "{http://jabber.org/protocol/pubsub}"
EVENT = "{http://jabber.org/protocol/pubsub#event}"
PLUGINS = ("0048", "0049", "0060", "0084", "0107", "0115", "0153", "0163", "0172", "0222", "0223", "0363")
NOTE = "{urn:example:note}note"


class Note(ElementBase):
    """What no client but this knows."""

    name = plugin_attrib = "note"
    namespace = "urn:example:note"


def picture(side=64):
    """A PNG of grey."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x80" * side) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))  # fmt: skip


def note(text):
    stanza = Note()
    stanza.xml.text = text
    return stanza


async def refused(future):
    """The condition with which the request that must be refused is refused."""
    try:
        await future
    except IqError as error:
        return error.condition
    raise Unexpected("it was not refused")


class Square(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.service = service["standard"]
        self.nodes = f"pubsub.{self.service['domain']}"
        self.uploads = f"upload.{self.service['domain']}"
        self.folder = tempfile.TemporaryDirectory(prefix="square-")
        self.people = []

    async def person(self, name, resource, interests=()):
        account = self.service["accounts"][name]
        person = Person(
            account["jid"], self.service["address"], self.certificate, password=account["password"], resource=resource)  # fmt: skip
        self.people.append(person)
        for plugin in PLUGINS:
            person.register_plugin(f"xep_{plugin}")
        await person.sign_in()
        for namespace in interests:
            person["xep_0163"].add_interest(namespace)
        await person["xep_0115"].update_caps()
        await person.appear()
        return person

    async def close(self):
        for person in self.people:
            await person.sign_out()
        self.folder.cleanup()


def event(sender, node, find):
    """A notification of this node, from the bare JID or the service, in which `find` is."""

    def matches(stanza):
        items = stanza.find(f"{EVENT}event")
        return (
            items is not None
            and stanza.get("from") == sender
            and items.find(find) is not None
            and any(part.get("node") == node for part in items)
        )

    return matches


AVATARS = "urn:xmpp:avatar:metadata"
MOODS = "http://jabber.org/protocol/mood"
NICKNAMES = "http://jabber.org/protocol/nick"


@suite.scenario("two contacts are online, and say what they are interested in")
async def online(stage):
    certificate = pathlib.Path(stage.certificate).read_bytes()
    names.begin(pathlib.Path(stage.folder.name), certificate, {})
    stage.sampson = await stage.person("sampson", "square")
    stage.gregory = await stage.person("gregory", "square", [AVATARS, MOODS, NICKNAMES])
    stage.bare = stage.sampson.boundjid.bare


@suite.scenario("a mood is pushed to who is interested; with a note nobody is bothered")
async def mood(stage):
    sampson, gregory = stage.sampson, stage.gregory
    await sampson["xep_0163"].publish(note("Buy a sword"), timeout=WAIT)
    await sampson["xep_0107"].publish_mood("annoyed", "We'll not carry coals", timeout=WAIT)
    await gregory.expect(event(stage.bare, MOODS, f".//{{{MOODS}}}annoyed"), "the mood")
    await gregory.settled()
    unwanted = event(stage.bare, Note.namespace, f"{EVENT}items")
    require(gregory.taken(unwanted) is None, "a note came that nobody asked for")


@suite.scenario("a nickname is pushed, and is there for who comes later")
async def nickname(stage):
    await stage.sampson["xep_0172"].publish_nick("Sampson the Brave", timeout=WAIT)
    found = event(stage.bare, NICKNAMES, f".//{{{NICKNAMES}}}nick")
    await stage.gregory.expect(found, "the nickname")
    late = await stage.person("gregory", "late", [NICKNAMES])
    stanza = await late.expect(found, "the nickname when one comes online")
    require_equal(stanza.findtext(f".//{{{NICKNAMES}}}nick"), "Sampson the Brave", "nickname")
    await late.sign_out()


@suite.scenario("an avatar is published, announced and fetched")
async def avatar(stage):
    sampson, gregory = stage.sampson, stage.gregory
    stage.picture = picture()
    stage.hash = hashlib.sha1(stage.picture).hexdigest()
    await sampson["xep_0084"].publish_avatar(stage.picture, timeout=WAIT)
    info = {"id": stage.hash, "type": "image/png", "bytes": str(len(stage.picture)), "height": "64", "width": "64"}
    await sampson["xep_0084"].publish_avatar_metadata(items=[info], timeout=WAIT)
    await gregory.expect(event(stage.bare, AVATARS, f".//{{{AVATARS}}}info[@id='{stage.hash}']"), "the description")
    answer = await gregory["xep_0084"].retrieve_avatar(stage.bare, stage.hash, timeout=WAIT)
    data = answer["pubsub"]["items"]["item"]["avatar_data"]["value"]
    require_equal(data, stage.picture, "picture")


@suite.scenario("nodes are configured by options of what is published, and refuse what contradicts")
async def options(stage):
    sampson, gregory = stage.sampson, stage.gregory
    await sampson["xep_0222"].store(note("All may read"), node="urn:example:public", id="current", timeout=WAIT)
    await sampson["xep_0223"].store(note("None may read"), node="urn:example:private", id="current", timeout=WAIT)
    items = await gregory["xep_0060"].get_items(stage.bare, "urn:example:public", timeout=WAIT)
    require_equal(items.xml.findtext(f".//{NOTE}"), "All may read", "public item")
    condition = await refused(gregory["xep_0060"].get_items(stage.bare, "urn:example:private", timeout=WAIT))
    require(condition in ("not-allowed", "forbidden", "item-not-found"), f"a private node answers others with {condition}")
    own = await sampson["xep_0223"].retrieve("urn:example:private", timeout=WAIT)
    require_equal(own.xml.findtext(f".//{NOTE}"), "None may read", "private item")


@suite.scenario("bookmarks in PEP and in private storage are the same")
async def bookmarks(stage):
    sampson = stage.sampson
    kept = Bookmarks()
    kept.add_conference("garden@rooms.localhost", "sampson", name="Garden")
    await sampson["xep_0048"].set_bookmarks(kept, method="xep_0049", timeout=WAIT)
    answer = await sampson["xep_0048"].get_bookmarks(method="xep_0223", timeout=WAIT)
    rooms = [room.get("jid") for room in answer.xml.iter("{storage:bookmarks}conference")]
    require_equal(rooms, ["garden@rooms.localhost"], "rooms in PEP")
    native = await sampson["xep_0060"].get_items(stage.bare, "urn:xmpp:bookmarks:1", timeout=WAIT)
    rooms = [item.get("id") for item in native.xml.iter(f"{PUBSUB}item")]
    require_equal(rooms, ["garden@rooms.localhost"], "native bookmarks")


@suite.scenario("a node of the service: created, subscribed to, published to, read, retracted, purged, deleted")
async def service(stage):
    sampson, gregory, at, node = stage.sampson, stage.gregory, stage.nodes, "princely_musings"
    config = sampson["xep_0004"].make_form("submit")
    config.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#node_config")
    for name, value in (("title", "Musings"), ("max_items", "10"), ("persist_items", "1"), ("notify_retract", "1")):
        config.add_field(var=f"pubsub#{name}", value=value)
    await sampson["xep_0060"].create_node(at, node, config=config, timeout=WAIT)
    await gregory["xep_0060"].subscribe(at, node, timeout=WAIT)
    condition = await refused(gregory["xep_0060"].publish(at, node, payload=note("Mine").xml, timeout=WAIT))
    require_equal(condition, "forbidden", "reason")
    for text in ("To be", "Or not to be"):
        await sampson["xep_0060"].publish(at, node, id=text, payload=note(text).xml, timeout=WAIT)
        await gregory.expect(event(at, node, f"{EVENT}items/{EVENT}item[@id='{text}']"), f"{text!r}")
    items = await gregory["xep_0060"].get_items(at, node, timeout=WAIT)
    require_equal({item.get("id") for item in items.xml.iter(f"{PUBSUB}item")}, {"To be", "Or not to be"}, "items")
    await sampson["xep_0060"].retract(at, node, "To be", notify=True, timeout=WAIT)
    await gregory.expect(event(at, node, f"{EVENT}items/{EVENT}retract[@id='To be']"), "that an item is retracted")
    await sampson["xep_0060"].purge(at, node, timeout=WAIT)
    await gregory.expect(event(at, node, f"{EVENT}purge"), "that the node is empty")
    nodes = await gregory["xep_0060"].get_nodes(at, timeout=WAIT)
    require(any(item[1] == node for item in nodes["disco_items"]["items"]), "the node is not listed")
    await sampson["xep_0060"].delete_node(at, node, timeout=WAIT)
    await gregory.expect(event(at, node, f"{EVENT}delete"), "that the node is gone")
    require_equal(await refused(gregory["xep_0060"].get_items(at, node, timeout=WAIT)), "item-not-found", "reason")


@suite.scenario("affiliations and subscriptions of a node are read and changed")
async def affiliations(stage):
    sampson, gregory, at, node = stage.sampson, stage.gregory, stage.nodes, "council"
    await sampson["xep_0060"].create_node(at, node, timeout=WAIT)
    await sampson["xep_0060"].modify_affiliations(at, node, [(JID(gregory.boundjid.bare), "publisher")], timeout=WAIT)
    await gregory["xep_0060"].publish(at, node, payload=note("Aye").xml, timeout=WAIT)
    answer = await sampson["xep_0060"].get_node_affiliations(at, node, timeout=WAIT)
    found = {part.get("jid"): part.get("affiliation") for part in answer.xml.iter() if part.tag.endswith("}affiliation")}
    require_equal(found, {stage.bare: "owner", gregory.boundjid.bare: "publisher"}, "affiliations")
    await gregory["xep_0060"].subscribe(at, node, timeout=WAIT)
    answer = await gregory["xep_0060"].get_subscriptions(at, timeout=WAIT)
    subscriptions = answer.xml.iter(f"{PUBSUB}subscription")
    require(any(part.get("node") == node for part in subscriptions), "no subscription")
    await gregory["xep_0060"].unsubscribe(at, node, timeout=WAIT)
    await sampson["xep_0060"].delete_node(at, node, timeout=WAIT)


@suite.scenario("a file is uploaded, and who has its address reads it")
async def upload(stage):
    content = os.urandom(300_000)
    file = pathlib.Path(stage.folder.name) / "letter.bin"
    file.write_bytes(content)
    # Its own search for the service passes coroutines where Python 3.11 wants tasks.
    stage.sampson["xep_0363"].upload_service = JID(stage.uploads)
    address = await stage.sampson["xep_0363"].upload_file(file, timeout=WAIT)
    require(address.startswith("https://"), f"the address is {address}")

    def read():
        with urllib.request.urlopen(address, context=ssl.create_default_context(), timeout=WAIT) as response:
            return response.read()

    require(await asyncio.to_thread(read) == content, "what is read is not what was written")


if __name__ == "__main__":
    suite.main(Square)
