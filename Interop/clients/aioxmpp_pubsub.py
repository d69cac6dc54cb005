"""PEP and nodes of the service as aioxmpp sees them: it knows every request of both by a type of its own."""

import asyncio

import aioxmpp
import aioxmpp.pep
import aioxmpp.pubsub
import aioxmpp.pubsub.xso
import aioxmpp.xso

from aioxmpp_people import WAIT, People
from scenario import Suite, require, require_equal

suite = Suite()


@aioxmpp.pubsub.xso.as_payload_class
class Note(aioxmpp.xso.XSO):
    TAG = ("urn:example:note", "note")
    text = aioxmpp.xso.Text()

    def __init__(self, text=None):
        super().__init__()
        self.text = text


class Books(aioxmpp.service.Service):
    """What a program would be that keeps notes in PEP, and is told of those of others."""

    ORDER_AFTER = [aioxmpp.pep.PEPClient]
    notes = aioxmpp.pep.register_pep_node("urn:example:note", notify=True)

    def __init__(self, client, **kwargs):
        super().__init__(client, **kwargs)
        self.heard = asyncio.Queue()

    def derive_logger(self, logger):
        """What it inherits wants a module in a package."""
        return logger

    @aioxmpp.service.attrsignal(notes, "on_item_publish")
    def _hear(self, jid, node, item, *, message=None):
        self.heard.put_nowait((str(jid), item.registered_payload.text))


class Study(People):
    def __init__(self, service):
        super().__init__(service)
        self.nodes = aioxmpp.JID.fromstr(f"pubsub.{self.service['domain']}")

    def equip(self, client):
        client.books = client.summon(Books)
        client.pep = client.summon(aioxmpp.PEPClient)
        client.pubsub = client.summon(aioxmpp.PubSubClient)
        client.summon(aioxmpp.EntityCapsService)


@suite.scenario("two contacts are online; each account is a service of its own")
async def online(stage):
    stage.abram = await stage.person("abram")
    stage.potpan = await stage.person("potpan")
    stage.bare = stage.abram.local_jid.bare()
    require(await stage.abram.pep.available(), "the account does not say that it serves PEP")


@suite.scenario("what one publishes is pushed to the other, who is interested")
async def pushed(stage):
    await stage.abram.pep.publish("urn:example:note", Note("Do you bite your thumb at us, sir?"), id_="current")
    while True:
        sender, text = await asyncio.wait_for(stage.potpan.books.heard.get(), WAIT)
        if text == "Do you bite your thumb at us, sir?":
            break
    require_equal(sender, str(stage.bare), "sender")


@suite.scenario("who publishes may say who reads")
async def access(stage):
    await stage.abram.pep.publish("urn:example:open", Note("For all"), id_="1", access_model="open")
    answer = await stage.potpan.pubsub.get_items(stage.bare, "urn:example:open")
    require_equal(answer.payload.items[0].registered_payload.text, "For all", "open item")
    await stage.abram.pep.publish("urn:example:shut", Note("For me"), id_="1", access_model="whitelist")
    try:
        await stage.potpan.pubsub.get_items(stage.bare, "urn:example:shut")
    except aioxmpp.errors.XMPPError as error:
        require(error.condition in (aioxmpp.ErrorCondition.NOT_ALLOWED, aioxmpp.ErrorCondition.FORBIDDEN), str(error))
    else:
        require(False, "a stranger to the node reads it")


@suite.scenario("the service says what it does")
async def features(stage):
    wanted = aioxmpp.pubsub.xso.Feature
    found = await stage.abram.pubsub.get_features(stage.nodes)
    needed = {wanted.CREATE_NODES, wanted.PUBLISH, wanted.SUBSCRIBE, wanted.RETRIEVE_ITEMS, wanted.DELETE_NODES,
              wanted.PURGE_NODES, wanted.CONFIG_NODE, wanted.RETRACT_ITEMS, wanted.INSTANT_NODES}  # fmt: skip
    require(needed <= set(found), f"missing: {[feature.value for feature in needed - set(found)]}")


@suite.scenario("a node's whole life, with a subscriber who hears of it")
async def life(stage):
    abram, potpan, at = stage.abram.pubsub, stage.potpan.pubsub, stage.nodes
    heard = asyncio.Queue()
    potpan.on_item_published.connect(lambda jid, node, item, message=None: heard.put_nowait(("published", item.id_)))
    potpan.on_item_retracted.connect(lambda jid, node, id_, message=None: heard.put_nowait(("retracted", id_)))
    potpan.on_node_deleted.connect(lambda jid, node, redirect_uri=None, message=None: heard.put_nowait(("deleted", node)))

    async def hears(*wanted):
        require_equal(await asyncio.wait_for(heard.get(), WAIT), wanted, "what the subscriber hears")

    await abram.create(at, "quarrel")
    await potpan.subscribe(at, "quarrel")
    for number in ("1", "2", "3"):
        await abram.publish(at, "quarrel", Note(f"thumb {number}"), id_=number)
        await hears("published", number)
    answer = await potpan.get_items_by_id(at, "quarrel", ["2"])
    require_equal(answer.payload.items[0].registered_payload.text, "thumb 2", "one item by its id")
    await abram.retract(at, "quarrel", "1", notify=True)
    await hears("retracted", "1")
    answer = await potpan.get_items(at, "quarrel")
    require_equal({item.id_ for item in answer.payload.items}, {"2", "3"}, "the items left")
    nodes = await potpan.get_nodes(at)
    require("quarrel" in {node for node, _ in nodes}, "the node is not listed")
    await abram.delete(at, "quarrel")
    await hears("deleted", "quarrel")


@suite.scenario("a node's form is read and changed; who is what is the owner's to say")
async def owner(stage):
    abram, potpan, at = stage.abram.pubsub, stage.potpan.pubsub, stage.nodes
    node = await abram.create(at)
    require(bool(node), "an instant node has no name")
    form = await abram.get_node_config(at, node)
    fields = {field.var for field in form.fields}
    require({"pubsub#access_model", "pubsub#max_items", "pubsub#title"} <= fields, f"fields are {fields}")
    config = aioxmpp.pubsub.NodeConfigForm.from_xso(form)
    config.title.value = "Verona"
    await abram.set_node_config(at, config.render_reply(), node)
    changed = aioxmpp.pubsub.NodeConfigForm.from_xso(await abram.get_node_config(at, node))
    require_equal(changed.title.value, "Verona", "title")
    await abram.change_node_affiliations(at, node, [(stage.potpan.local_jid.bare(), "publisher")])
    await potpan.publish(at, node, Note("I will frown as I pass by"))
    affiliations = await abram.get_node_affiliations(at, node)
    found = {str(entry.jid): entry.affiliation for entry in affiliations.payload.affiliations}
    require_equal(found.get(str(stage.potpan.local_jid.bare())), "publisher", "affiliation")
    await abram.delete(at, node)


if __name__ == "__main__":
    suite.main(Study)
