"""Components that other people wrote, as people with slixmpp clients meet them: rooms, gateways, one of slixmpp's own."""

import asyncio
import pathlib
import secrets
import subprocess
import tempfile
from xml.etree import ElementTree

from slixmpp.componentxmpp import ComponentXMPP
from slixmpp.exceptions import IqError

from person import CLIENT, Person, child
from scenario import Stage, Suite, Unexpected, require

suite = Suite()
ROOMS = "http://jabber.org/protocol/muc"
WAIT = 30

# A channel of an IRC server is a room of the gateway.
IRC_SERVER = """\
[Global]
Name = irc.example
Info = A server for tests
Listen = {address}
Ports = 6667
[Options]
Ident = no
PAM = no
DNS = no
"""

GATEWAY = """\
hostname={domain}
password={secret}
xmpp_server_ip=127.0.0.1
port={port}
db_name={folder}/biboumi.sqlite
log_file={folder}/biboumi.log
log_level=1
fixed_irc_server={address}
persistent_by_default=false
realname_customization=false
ca_file=
"""

ROOM_SERVICE = """\
<jcr>
  <name>{domain}</name><host>{domain}</host><ip>127.0.0.1</ip><port>{port}</port><secret>{secret}</secret>
  <spool>{folder}/rooms/</spool><logdir>{folder}/</logdir><pidfile>{folder}/muc.pid</pidfile><loglevel>0</loglevel>
  <conference xmlns="jabber:config:conference">
    <public/>
    <vCard><FN>Rooms</FN><DESC>Rooms</DESC><URL>http://localhost/</URL></vCard>
    <history>40</history>
    <notice><join>has come</join><leave>has left</leave><rename>is now</rename></notice>
    <sadmin><user>romeo@localhost</user></sadmin>
  </conference>
</jcr>
"""


class Echo(ComponentXMPP):
    """Sends back what it is told, from whichever address it was told it."""

    def __init__(self, domain, secret, address):
        super().__init__(domain, secret, *address)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.begun = asyncio.Event()
        self.add_event_handler("session_start", lambda _: self.begun.set())
        self.add_event_handler("message", self.answer)

    def answer(self, message):
        if message["type"] != "error":
            message.reply(f"{message['to'].node}: {message['body']}").send()


class Components(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.service = service["standard"]
        self.domains = service["components"]["domains"]
        self.secret = service["components"]["secret"]
        self.address = service["components"]["address"]
        self.people = []
        self.processes = []
        self.folder = tempfile.TemporaryDirectory(prefix="components-")

    def person(self, name, resource):
        account = self.service["accounts"][name]
        person = Person(
            account["jid"], self.service["address"], self.certificate, password=account["password"], resource=resource)  # fmt: skip
        self.people.append(person)
        return person

    def start(self, *command):
        """Starts a program that other people wrote."""
        log = open(pathlib.Path(self.folder.name) / f"{pathlib.Path(command[0]).name}.out", "w", encoding="utf-8")
        self.processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder.name))

    def write(self, name, text, **values):
        file = pathlib.Path(self.folder.name) / name
        values = {"secret": self.secret, "port": self.address[1], "folder": self.folder.name, **values}
        file.write_text(text.format(**values), encoding="utf-8")
        return str(file)

    async def close(self):
        for person in self.people:
            await person.sign_out()
        for process in self.processes:
            process.kill()
            process.wait()
        self.folder.cleanup()


def presence(room, name, kind=None):
    return lambda stanza: (
        stanza.tag == CLIENT + "presence" and stanza.get("from") == f"{room}/{name}" and stanza.get("type") == kind
    )


def said(room, name, text):
    return lambda stanza: (
        stanza.tag == CLIENT + "message" and stanza.get("type") == "groupchat"
        and stanza.get("from") == f"{room}/{name}" and stanza.findtext(CLIENT + "body") == text
    )  # fmt: skip


def enter(person, room, name):
    stanza = person.make_presence(pto=f"{room}/{name}")
    stanza.xml.append(ElementTree.Element(f"{{{ROOMS}}}x"))
    stanza.send()


async def there(stage, domain):
    """Returns when the component of that domain answers."""
    query = ElementTree.Element("{http://jabber.org/protocol/disco#info}query")
    for _ in range(WAIT * 10):
        try:
            await stage.romeo.request("get", query, domain)
            return
        except IqError:
            await asyncio.sleep(0.1)
    raise Unexpected(f"{domain} does not answer in {WAIT} s")


async def talk(stage, room, instant=False):
    """Two people enter a room, talk and leave."""
    enter(stage.romeo, room, "romeo")
    await stage.romeo.expect(presence(room, "romeo"), "romeo's own presence")
    if instant:
        form = ElementTree.Element(f"{{{ROOMS}#owner}}query")
        ElementTree.SubElement(form, "{jabber:x:data}x", {"type": "submit"})
        await stage.romeo.request("set", form, room)
    enter(stage.juliet, room, "juliet")
    await stage.juliet.expect(presence(room, "juliet"), "juliet's own presence")
    await stage.romeo.expect(presence(room, "juliet"), "juliet's presence")
    for speaker, name, text in ((stage.romeo, "romeo", "Good morning"), (stage.juliet, "juliet", "Good night")):
        speaker.send_message(mto=room, mbody=text, mtype="groupchat")
        for listener in (stage.romeo, stage.juliet):
            await listener.expect(said(room, name, text), f"what {name} says")
    stage.juliet.make_presence(pto=f"{room}/juliet", ptype="unavailable").send()
    await stage.romeo.expect(presence(room, "juliet", "unavailable"), "that juliet has left")


@suite.scenario("two people are online")
async def online(stage):
    stage.romeo = await stage.person("romeo", "rooms").sign_in()
    stage.juliet = await stage.person("juliet", "rooms").sign_in()
    await stage.romeo.appear()
    await stage.juliet.appear()


@suite.scenario("slixmpp's component shows its secret, and answers for every address of its domain")
async def slixmpp_component(stage):
    domain = stage.domains["echo"]
    stage.echo = Echo(domain, stage.secret, stage.address)
    stage.echo.connect()
    await asyncio.wait_for(stage.echo.begun.wait(), WAIT)
    stage.romeo.send_message(mto=f"parrot@{domain}", mbody="Hello", mtype="chat")
    await stage.romeo.expect(
        lambda stanza: stanza.get("from") == f"parrot@{domain}" and stanza.findtext(CLIENT + "body") == "parrot: Hello",
        "the echo")  # fmt: skip
    answer = await stage.romeo.request("get", ElementTree.Element("{http://jabber.org/protocol/disco#info}query"), domain)
    require(answer.find("{http://jabber.org/protocol/disco#info}identity") is not None, "the component has no identity")


@suite.scenario("it asks the server and people in its turn")
async def component_asks(stage):
    await stage.echo["xep_0199"].ping("localhost", ifrom=f"parrot@{stage.domains['echo']}", timeout=WAIT)
    await stage.echo["xep_0199"].ping(stage.romeo.boundjid.full, ifrom=stage.domains["echo"], timeout=WAIT)


@suite.scenario("it is listed by the host")
async def listed(stage):
    query = ElementTree.Element("{http://jabber.org/protocol/disco#items}query")
    items = await stage.romeo.request("get", query, "localhost")
    found = {item.get("jid") for item in items}
    require(set(stage.domains.values()) <= found, f"found only {found}")


@suite.scenario("a component with a wrong secret is not let in")
async def wrong_secret(stage):
    mallory = ComponentXMPP(stage.domains["echo"], "wrong", *stage.address)
    refused = asyncio.Event()
    mallory.add_event_handler("stream_error", lambda error: refused.set())
    mallory.add_event_handler("session_start", lambda _: require(False, "let in"))
    mallory.add_event_handler("disconnected", lambda _: mallory.abort())
    mallory.connect()
    await asyncio.wait_for(refused.wait(), WAIT)
    stage.romeo.send_message(mto=f"parrot@{stage.domains['echo']}", mbody="Still there?", mtype="chat")
    await stage.romeo.expect(
        lambda stanza: stanza.findtext(CLIENT + "body") == "parrot: Still there?", "the echo")  # fmt: skip


@suite.scenario("what is written while it is away comes when it is back")
async def away(stage):
    domain = stage.domains["echo"]
    gone = asyncio.get_running_loop().create_future()
    stage.echo.add_event_handler("disconnected", lambda _: gone.done() or gone.set_result(None))
    await stage.echo.disconnect(wait=5)
    await asyncio.wait_for(gone, WAIT)
    query = ElementTree.Element("{http://jabber.org/protocol/disco#info}query")
    while await stage.romeo.refusal("get", query, domain) != "remote-server-timeout":
        await asyncio.sleep(0.05)
    for number in range(5):
        stage.romeo.send_message(mto=f"parrot@{domain}", mbody=f"Late {number}", mtype="chat")
    await stage.romeo.settled()
    stage.echo = Echo(domain, stage.secret, stage.address)
    stage.echo.connect()
    for number in range(5):
        await stage.romeo.expect(
            lambda stanza: stanza.findtext(CLIENT + "body") == f"parrot: Late {number}", f"echo {number}")  # fmt: skip
    await stage.echo.disconnect(wait=5)


@suite.scenario("jabber-muc serves rooms: people enter, talk and leave")
async def rooms(stage):
    domain = stage.domains["rooms"]
    pathlib.Path(stage.folder.name, "rooms").mkdir()
    stage.start("/usr/sbin/mu-conference", "-c", stage.write("muc.xml", ROOM_SERVICE, domain=domain))
    await there(stage, domain)
    await talk(stage, f"garden@{domain}", instant=True)


@suite.scenario("a room hears that a client is gone")
async def gone_from_room(stage):
    room = f"orchard@{stage.domains['rooms']}"
    enter(stage.romeo, room, "romeo")
    await stage.romeo.expect(presence(room, "romeo"), "romeo's own presence")
    form = ElementTree.Element(f"{{{ROOMS}#owner}}query")
    ElementTree.SubElement(form, "{jabber:x:data}x", {"type": "submit"})
    await stage.romeo.request("set", form, room)
    phone = await stage.person("juliet", "phone").sign_in()
    enter(phone, room, "juliet")
    await stage.romeo.expect(presence(room, "juliet"), "juliet's presence")
    phone.abort()
    await stage.romeo.expect(presence(room, "juliet", "unavailable"), "that juliet is gone")


@suite.scenario("biboumi serves the channels of an IRC server as rooms")
async def gateway(stage):
    domain = stage.domains["irc"]
    # IRC's port is known to everybody; the address is not.
    address = "127.{}.{}.{}".format(*(secrets.randbelow(254) + 1 for _ in range(3)))
    stage.start("/usr/sbin/ngircd", "--nodaemon", "--config", stage.write("ngircd.conf", IRC_SERVER, address=address))
    stage.start("/usr/bin/biboumi", stage.write("biboumi.cfg", GATEWAY, domain=domain, address=address))
    await there(stage, domain)
    await talk(stage, f"#verona@{domain}")


if __name__ == "__main__":
    suite.main(Components)
