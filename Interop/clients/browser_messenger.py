"""The Messenger in a browser, and what other apps find on the same site: sign-in and consent, look-up, invitations, chat
with other windows and with slixmpp, what gets lost on the way, what others send to break a page, a device, the account
page's switches, an app that is signed out. Makes pictures on the way."""

import asyncio
import datetime
import json
import os
import pathlib
import struct
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zlib
from xml.etree import ElementTree

from browser import Driver
from person import Person
from relay import Relay
from scenario import Stage, Suite, require, require_equal

suite = Suite()

ARCHIVE = "urn:xmpp:archive"
STATES = "http://jabber.org/protocol/chatstates"
LARGEST_PAGE = 100 * 1024
QXMPP = str(pathlib.Path(__file__).resolve().parents[2] / ".build/interop/qxmpp_messenger")


class Browsers(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.standard = service["standard"]
        self.service = service["messenger"]
        self.accounts = self.service["accounts"]
        self.web = self.service["web"]
        self.relay = Relay(*self.service["relay"])
        self.pictures = service["pictures"]
        self.windows = []
        self.people = []
        self.driver = Driver()

    async def window(self, name):
        window = await self.driver.window(name)
        self.windows.append(window)
        await window.size(1040, 680)
        return window

    async def close(self):
        self.relay.close()
        for person in self.people:
            await person.sign_out()
        for window in self.windows:
            await window.close()
        self.driver.close()


async def sign_in(stage, window, picture=False):
    """From the first page of the Messenger to its contacts."""
    account = stage.accounts[window.name]
    await window.open(stage.web + "/chat/")
    await window.click("#sign-in")
    await window.type("#name", account["account id"])
    await window.type("#password", account["password"])
    if picture:
        await window.picture(stage.pictures, "sign-in")
    await window.click("main button", "Sign in")
    await window.shows("wants to use your account")
    if picture:
        await window.picture(stage.pictures, "consent")
    await window.click("button", "Allow")
    await window.shows(account["name"], "#own-name")


async def account_page(stage, window):
    """Another window of the same person, on the pages of their account."""
    account = stage.accounts[window.name]
    page = await stage.window(window.name)
    await page.open(stage.web + "/sign-in?next=/account")
    await page.type("#name", account["account id"])
    await page.type("#password", account["password"])
    await page.click("main button", "Sign in")
    await page.shows("Apps and devices")
    return page


async def enter_standard(stage, name):
    """A window with the Messenger of the host for any client, signed in as one of its people."""
    account = stage.standard["accounts"][name]
    window = await stage.window(name)
    await window.open(stage.standard["web"] + "/chat/")
    await window.click("#sign-in")
    await window.type("#name", account["jid"])
    await window.type("#password", account["password"])
    await window.click("main button", "Sign in")
    await window.click("button", "Allow")
    await window.shows(name, "#own-name")
    return window


async def choose(window, name):
    await window.click("#contacts button", name)
    await window.shows(name, "#contact-name")


async def say(window, text):
    await window.type("#text", text)
    await window.click("#send")
    await window.shows(text, "#messages")


async def hears(window, text):
    await window.shows(text, "#messages")


# Sign-in


@suite.scenario("the page signs in whoever agrees, with what the pages ask for and nothing else")
async def first_sign_in(stage):
    stage.nora = await stage.window("nora")
    await sign_in(stage, stage.nora, picture=True)


@suite.scenario("a person who does not agree is not signed in")
async def no_consent(stage):
    stage.oscar = oscar = await stage.window("oscar")
    account = stage.accounts["oscar"]
    await oscar.open(stage.web + "/chat/")
    await oscar.click("#sign-in")
    await oscar.type("#name", account["account id"])
    await oscar.type("#password", "not this one")
    await oscar.click("main button", "Sign in")
    await oscar.shows("do not go together")
    await oscar.type("#password", account["password"])
    await oscar.click("main button", "Sign in")
    await oscar.click("button", "Do not allow")
    await oscar.shows("You did not let the Messenger in.")
    await oscar.click("#sign-in")
    await oscar.click("button", "Allow")
    await oscar.shows(account["name"], "#own-name")


# Contacts


@suite.scenario("an address that nobody has is told so")
async def nobody(stage):
    await stage.nora.type("#find-address", "nobody@contoso.example")
    await stage.nora.click("#find button")
    await stage.nora.shows("Nobody here has this address.", "#find-result")
    await stage.nora.evaluate("document.querySelector('#find').reset()")


@suite.scenario("a person is found by e-mail address, invited by nickname, and accepts")
async def invitation(stage):
    nora, oscar = stage.nora, stage.oscar
    await nora.type("#find-address", stage.accounts["oscar"]["account id"])
    await nora.click("#find button")
    await nora.shows("Invitation sent", "#contacts")
    await oscar.shows("Nora wants to be your contact.", "#invitations")
    await oscar.picture(stage.pictures, "invitation")
    await oscar.click("#invitations button", "Accept")
    await oscar.shows("Available", "#contacts")
    await oscar.shows("Nora", "#contacts")
    await nora.shows("Oscar", "#contacts")


@suite.scenario("presence shows what the other one sets")
async def presence(stage):
    await stage.oscar.select("#own-status", "Busy")
    await stage.nora.shows("Busy", "#contacts")
    await stage.oscar.select("#own-status", "Available")
    await stage.nora.shows("Available", "#contacts")


@suite.scenario("an invitation that is declined is gone on both sides")
async def declined(stage):
    paul = Person("_@" + stage.service["domain"], stage.service["node"], stage.certificate,
                  token=stage.accounts["paul"]["token"])  # fmt: skip
    stage.people.append(paul)
    stage.paul = await paul.sign_in()
    await paul.appear()
    paul.send_presence_subscription(pto=stage.accounts["oscar"]["jid"])
    await stage.oscar.click("#invitations button", "Decline")
    await paul.presence(stage.accounts["oscar"]["jid"], "unsubscribed")


# Messages


@suite.scenario("two windows chat, and see each other type")
async def chat(stage):
    nora, oscar = stage.nora, stage.oscar
    await choose(nora, "Oscar")
    await say(nora, "Hello Oscar, have you got a minute?")
    await oscar.shows("1", "#contacts .count")
    await choose(oscar, "Nora")
    await hears(oscar, "Hello Oscar")
    await say(oscar, "For you always.")
    await hears(nora, "For you always.")
    await oscar.type("#text", "What is it abo")
    await nora.shows("Oscar is typing", "#typing")
    await nora.picture(stage.pictures, "chat")
    await oscar.type("#text", "ut?\n")
    await hears(nora, "What is it about?")
    await say(nora, "<b>Lunch</b> & a walk")
    await hears(oscar, "<b>Lunch</b> & a walk")


@suite.scenario("a window and slixmpp chat")
async def other_client(stage):
    nora, paul = stage.nora, stage.paul
    paul.say(stage.accounts["nora"]["jid"], "Greetings from the command line")
    await nora.shows("Paul", "#contacts")
    await choose(nora, "Paul")
    await hears(nora, "Greetings from the command line")
    await nora.type("#text", "And from the browser")
    await paul.expect(
        lambda stanza: stanza.find(f"{{{STATES}}}composing") is not None, "a typing notice of the browser")
    await nora.click("#send")
    await paul.message(stage.accounts["nora"]["jid"], "And from the browser")


@suite.scenario("the last ten messages are there after a reload")
async def history(stage):
    nora = stage.nora
    await choose(nora, "Oscar")
    for number in range(1, 8):
        await say(nora, f"reason {number} to come along")
    await nora.open(stage.web + "/chat/")
    await choose(nora, "Oscar")
    await hears(nora, "reason 7")
    shown = await nora.evaluate("return [...document.querySelectorAll('.bubble')].map((node) => node.textContent)")
    require_equal(len(shown), 10, "messages")
    require_equal(shown[-1], "reason 7 to come along", "last message")


@suite.scenario("the page goes on after its connection was cut")
async def network(stage):
    nora, oscar = stage.nora, stage.oscar
    stage.relay.cut()
    await nora.shows("No connection", "#notice")
    await oscar.shows("No connection", "#notice")
    stage.paul.say(stage.accounts["nora"]["jid"], "Are you still there?")
    stage.relay.mend()
    await choose(nora, "Paul")
    await hears(nora, "Are you still there?")
    await nora.until(lambda: nora.evaluate("return !document.querySelector('#notice').innerText"), "no notice")
    await choose(nora, "Oscar")


async def is_sent(window, text):
    """The message stands there as one that the server has."""
    script = """return [...document.querySelectorAll("#messages li:not(.sending, .failed, .refused) .bubble")]
                .some((bubble) => bubble.textContent === arguments[0])"""
    await window.until(lambda: window.evaluate(script, text), f"{text!r} as sent")


async def count(window, text):
    script = "return [...document.querySelectorAll('.bubble')].filter((bubble) => bubble.textContent === arguments[0]).length"
    return await window.evaluate(script, text)


async def lose(stage, window, way, text):
    """Says something while the server seems to hang, until the connection is lost."""
    stage.relay.lost.add(way)
    try:
        await say(window, text)
        await window.shows("Sending", "#messages .sending .state")
        stage.relay.cut()
        await window.shows("No connection", "#notice")
        await window.shows("Sending", "#messages .sending .state")
    finally:
        stage.relay.mend()


@suite.scenario("a message that is lost with a server that hangs is never shown as sent, and can be said again")
async def lost_message(stage):
    nora, paul = stage.nora, stage.paul
    jid = stage.accounts["nora"]["jid"]
    await choose(nora, "Paul")
    await say(nora, "Can you hear me?")
    await is_sent(nora, "Can you hear me?")
    await paul.message(jid, "Can you hear me?")
    await lose(stage, nora, "asked", "Is it you who hangs?")
    await nora.shows("Perhaps not sent", "#messages .failed .state")
    await nora.picture(stage.pictures, "not-sent")
    await paul.settled()
    require(not any("hangs" in ElementTree.tostring(stanza, "unicode") for stanza in paul.inbox), "it has arrived")
    await nora.click("#messages .failed button", "Try again")
    await is_sent(nora, "Is it you who hangs?")
    await paul.message(jid, "Is it you who hangs?")
    require_equal(await count(nora, "Is it you who hangs?"), 1, "bubbles")


@suite.scenario("a message that has arrived though nobody said so is found in the archive")
async def lost_answer(stage):
    nora, paul = stage.nora, stage.paul
    await lose(stage, nora, "answered", "Only the answer is lost")
    await is_sent(nora, "Only the answer is lost")
    await paul.message(stage.accounts["nora"]["jid"], "Only the answer is lost")
    # Said before: what the archive has may be the first of them.
    await lose(stage, nora, "asked", "Can you hear me?")
    await nora.shows("Perhaps not sent", "#messages .failed .state")
    await nora.click("#messages .failed button", "Try again")
    await nora.until(lambda: nora.evaluate("return !document.querySelector('#messages .state')"), "all sent")
    await paul.message(stage.accounts["nora"]["jid"], "Can you hear me?")


# What others send


async def send(person, to, inner, attributes="type='chat'"):
    person.send_raw(f"<message to='{to}' {attributes}>{inner}</message>")
    await person.settled()


@suite.scenario("nothing that somebody sends makes a conversation impossible to show")
async def malformed(stage):
    nora, paul = stage.nora, stage.paul
    jid = stage.accounts["nora"]["jid"]
    stamps = ["garbage", "", "2012-04-26", "9999-99-99T99:99:99Z", "2001-01-01T00:00:00Z", "275760-09-13T00:00:01Z"]
    for number, stamp in enumerate(stamps):
        delay = f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>"
        mine = f"<delay xmlns='urn:xmpp:delay' from='{stage.accounts['paul']['jid']}' stamp='{stamp}'/>"
        await send(paul, jid, f"<body>stamp {number}</body>{delay}{mine}")
    await send(paul, jid, "<body>&#x202E;turned round</body><composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await send(paul, jid, f"<__proto__ xmlns='{STATES}'/>")
    await hears(nora, "turned round")
    for number in range(len(stamps)):
        await hears(nora, f"stamp {number}")
    times = await nora.evaluate("return [...document.querySelectorAll('#messages time')].map((node) => node.dateTime)")
    now = datetime.datetime.now(datetime.timezone.utc)
    for text in times:
        age = now - datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        require(abs(age) < datetime.timedelta(hours=1), f"the page believes the time {text}")
    for show in ("constructor", "__proto__", "dnd"):
        paul.send_raw(f"<presence><show>{show}</show><status> {'s' * 9000} </status></presence>")
    paul.send_raw("<presence><x xmlns='vcard-temp:x:update'><photo>constructor</photo></x></presence>")
    await paul.settled()
    await nora.shows("Available", "#contact-status")
    require("function" not in await nora.text(), "the page shows its own code")
    await is_sent(nora, "Is it you who hangs?")


@suite.scenario("text that runs from right to left stands so")
async def right_to_left(stage):
    nora = stage.nora
    stage.paul.say(stage.accounts["nora"]["jid"], "שלום, מה שלומך?")
    await hears(nora, "שלום")
    await nora.type("#text", "מצוין!")
    direction = "return getComputedStyle([...document.querySelectorAll(arguments[0])].at(-1)).direction"
    require_equal(await nora.evaluate(direction, "#messages .bubble"), "rtl", "direction of the message")
    require_equal(await nora.evaluate(direction, "#text"), "rtl", "direction of what is written")
    await nora.picture(stage.pictures, "right-to-left")
    await nora.click("#send")
    await is_sent(nora, "מצוין!")


@suite.scenario("a long conversation leaves the page where it is")
async def long_conversation(stage):
    nora, paul = stage.nora, stage.paul
    for number in range(40):
        paul.say(stage.accounts["nora"]["jid"], f"verse {number}")
    await hears(nora, "verse 39")
    heights = await nora.evaluate(
        "const page = document.documentElement; return [page.scrollHeight, page.clientHeight, scrollY]")
    require(heights[0] <= heights[1] and heights[2] == 0, f"the page has {heights[0]} pixels of {heights[1]}")
    last = """const box = [...document.querySelectorAll(".bubble")].at(-1).getBoundingClientRect();
              return box.top > 0 && box.bottom < innerHeight"""
    require(await nora.evaluate(last), "the last message is out of sight")
    # With the focus on what is hidden from the eye, as a reader of the screen has it.
    await nora.evaluate("document.querySelector('#messages li:last-child .sr').scrollIntoView()")
    require_equal(await nora.evaluate("return scrollY"), 0, "place of the page")
    await nora.picture(stage.pictures, "long")
    await choose(nora, "Oscar")


@suite.scenario("a stranger who may write is shown with their address, and can be answered")
async def stranger(stage):
    account = stage.standard["accounts"]["paris"]
    paris = await enter_standard(stage, "paris")
    person = stage.standard["accounts"]["balthasar"]
    balthasar = Person(person["jid"], stage.standard["address"], stage.certificate, person["password"]).use("PLAIN")
    stage.people.append(balthasar)
    await balthasar.sign_in()
    await balthasar.appear()
    await send(balthasar, account["jid"], "<body>News from Verona!</body><delay xmlns='urn:xmpp:delay' stamp='x'/>")
    await send(balthasar, account["jid"], f"<composing xmlns='{STATES}'/>")
    await choose(paris, person["jid"])
    await paris.shows("Not a contact", "#contact-status")
    await hears(paris, "News from Verona!")
    await say(paris, "Who are you?")
    await is_sent(paris, "Who are you?")
    await balthasar.message(account["jid"], "Who are you?")
    await paris.picture(stage.pictures, "stranger")
    stage.relay.cut()
    await paris.shows("No connection", "#notice")
    stage.relay.mend()
    await paris.until(lambda: paris.evaluate("return !document.querySelector('#notice').innerText"), "no notice")
    await hears(paris, "News from Verona!")


# Other apps


BOSH = "http://jabber.org/protocol/httpbind"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


async def ask(stage, path, form=None, body=None):
    """What the site answers to somebody without a browser."""
    relay, _ = stage.service["relay"]
    data = urllib.parse.urlencode(form).encode() if form else body and body.encode()
    host = urllib.parse.urlsplit(stage.web).netloc
    request = urllib.request.Request(f"http://127.0.0.1:{relay}{path}", data=data, headers={"Host": host})
    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=20) as response:
        return response.read().decode()


@suite.scenario("host-meta tells the ways to connect, as XML and as JSON")
async def host_meta(stage):
    links = json.loads(await ask(stage, "/.well-known/host-meta.json"))["links"]
    document = ElementTree.fromstring(await ask(stage, "/.well-known/host-meta"))
    require_equal([dict(link.attrib) for link in document], links, "links")
    stage.ways = {link["rel"].rpartition(":")[2]: link["href"] for link in links}
    require_equal(sorted(stage.ways), ["websocket", "xbosh"], "ways")


@suite.scenario("a client without WebSocket signs in over BOSH, and its messages arrive")
async def bosh(stage):
    path = urllib.parse.urlsplit(stage.ways["xbosh"]).path
    number = 1000

    async def post(attributes, content=""):
        nonlocal number
        number += 1
        body = f"<body xmlns='{BOSH}' xmlns:xmpp='urn:xmpp:xbosh' rid='{number}' {attributes}>{content}</body>"
        return ElementTree.fromstring(await ask(stage, path, body=body))

    begun = await post(f"to='{stage.service['domain']}' wait='10' hold='1' ver='1.11' xmpp:version='1.0'")
    session = f"sid='{begun.get('sid')}'"
    token = stage.accounts["paul"]["token"]
    verdict = await post(session, f"<auth xmlns='{SASL}' mechanism='X-MESSENGER-OAUTH2'>{token}</auth>")
    require(verdict.find(f"{{{SASL}}}success") is not None, "not signed in")
    await post(f"{session} xmpp:restart='true' to='{stage.service['domain']}'")
    await post(session, "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    await choose(stage.nora, "Paul")
    await post(f"{session} type='terminate'", "<presence xmlns='jabber:client'/>"
               f"<message xmlns='jabber:client' type='chat' to='{stage.accounts['nora']['jid']}'><body>By BOSH</body></message>")  # fmt: skip
    await hears(stage.nora, "By BOSH")
    await choose(stage.nora, "Oscar")


@suite.scenario("a device shows a code, the person types it on a page, and the device is signed in")
async def device(stage):
    asked = json.loads(await ask(stage, "/oauth/device", {"client_id": "messenger", "scope": "wl.messenger"}))
    page = stage.page = await account_page(stage, stage.oscar)
    await page.open(asked["verification_uri"])
    await page.type("#code", asked["user_code"])
    await page.click("main button", "Go on")
    await page.picture(stage.pictures, "device")
    await page.click("button", "Allow")
    await page.shows("Your device is signed in")
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    form = {"grant_type": grant, "device_code": asked["device_code"], "client_id": "messenger"}
    token = json.loads(await ask(stage, "/oauth/token", form))["access_token"]
    person = Person("_@" + stage.service["domain"], stage.service["node"], stage.certificate, token=token)
    stage.people.append(person)
    await person.sign_in()
    require_equal(person.boundjid.bare, stage.accounts["oscar"]["jid"], "who is signed in")
    await person.sign_out()
    other = await asyncio.create_subprocess_exec(QXMPP, sys.argv[1], "oscar", token, stdout=asyncio.subprocess.PIPE)
    complaint, _ = await other.communicate()
    require(other.returncode == 0, "QXmpp: " + complaint.decode())


def picture(folder, side=8, color=b"\xd0\x20\x20".__mul__):
    """A red picture, or one of what `color` gives for a number of pixels."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    pixels = zlib.compress(b"".join(b"\0" + color(side) for _ in range(side)))
    path = pathlib.Path(folder) / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
                     + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))  # fmt: skip
    return str(path)


@suite.scenario("a contact's new name and photo are shown without a reload")
async def new_card(stage):
    nora, page = stage.nora, stage.page
    await page.open(stage.web + "/account")
    await page.evaluate("document.querySelector('#display-name').value = 'Oscar the Second'")
    await page.click("button", "Save")
    await page.shows("Saved.")
    with tempfile.TemporaryDirectory() as folder:
        await page.type("#photo", picture(folder))
        await page.click("button", "Use this photo")
        await page.shows("This is your photo now.")
    # As if he came back from the page of his account.
    await stage.oscar.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await stage.oscar.shows("Oscar the Second", "#own-name")
    await nora.shows("Oscar the Second", "#contacts")
    await nora.shows("Oscar the Second", "#contact-name")
    await nora.find("#contacts img")


# How it looks


@suite.scenario("the page works from the keyboard alone")
async def keyboard(stage):
    nora = stage.nora
    await nora.press("Escape")
    await nora.until(lambda: nora.evaluate("return document.activeElement?.innerText.includes('Oscar')"), "focus on Oscar")
    await nora.press("Enter")
    await nora.shows("Oscar", "#contact-name")
    await nora.until(lambda: nora.evaluate("return document.activeElement?.id === 'text'"), "focus on the text")
    await nora.press("It works", "Enter")
    await hears(stage.oscar, "It works")


@suite.scenario("phone and desk, dark and light, are pictured")
async def looks(stage):
    oscar = stage.oscar
    await oscar.size(1040, 680, "dark")
    await oscar.picture(stage.pictures, "chat-dark")
    await oscar.size(390, 760)
    await oscar.picture(stage.pictures, "chat-phone")
    overflow = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    require(not await oscar.evaluate(overflow), "the page is wider than a phone")
    await oscar.click("#back")
    await oscar.picture(stage.pictures, "contacts-phone")
    await oscar.size(1040, 680)


@suite.scenario("all of the page has less than 100 KiB, and its policy refuses none of it")
async def weight(stage):
    bytes = await stage.nora.evaluate(
        """return performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
           .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
    )
    require(0 < bytes < LARGEST_PAGE, f"{bytes} bytes")
    for window in (stage.nora, stage.oscar):
        complaints = [text for text in await window.complaints() if "Content Security Policy" in text]
        require_equal(complaints, [], f"complaints of {window.name}'s window")


# The account's page


@suite.scenario("with the history switched off, nothing is kept")
async def no_history(stage):
    page = stage.page
    await page.open(stage.web + "/account")
    await page.shows("Apps and devices")
    await page.picture(stage.pictures, "account")
    await page.click("button", "Keep no history")
    await page.shows("No history of your conversations is kept")
    jid = stage.accounts["oscar"]["jid"]
    quinn = Person("_@" + stage.service["domain"], stage.service["node"], stage.certificate,
                   token=stage.accounts["quinn"]["token"])  # fmt: skip
    stage.people.append(quinn)
    await quinn.sign_in()
    await quinn.appear()
    quinn.say(jid, "off the record")
    await choose(stage.oscar, "Quinn")
    await hears(stage.oscar, "off the record")
    request = ElementTree.Element(f"{{{ARCHIVE}}}retrieve", {"with": jid})
    require_equal(len(await quinn.request("get", request)), 0, "messages in the archive")


@suite.scenario("a photo that is too large is made smaller before it is sent, and asked about before it goes")
async def large_photo(stage):
    page = stage.page
    await page.open(stage.web + "/account")
    await page.shows("It is made smaller")
    with tempfile.TemporaryDirectory() as folder:
        # Noise, which nothing makes smaller without loss.
        await page.type("#photo", picture(folder, 1200, lambda count: os.urandom(3 * count)))
        await page.click("button", "Use this photo")
        await page.shows("This is your photo now.")
    width = await page.evaluate("return document.querySelector('.photo').naturalWidth")
    require(0 < width <= 512, f"{width} pixels")
    await page.click("main a", "Remove photo")
    await page.shows("Remove your photo?")
    await page.click("main button", "Remove photo")
    await page.shows("Your photo is removed.")


@suite.scenario("an app that is signed out on the account's page loses its session within a second")
async def signed_out(stage):
    page = stage.page
    await page.open(stage.web + "/account")
    await page.shows("signed in now")
    await page.evaluate("document.querySelector('#apps').scrollIntoView()")
    await page.picture(stage.pictures, "apps")
    button = await page.find("section[aria-labelledby=apps] li:has(.badge) button")
    started = time.monotonic()
    await page.call("POST", button + "/click")
    await stage.nora.shows("Offline", "#contacts")
    took = time.monotonic() - started
    await stage.oscar.shows("You are signed out")
    require(took < 1, f"it took {took:.2f} s")


if __name__ == "__main__":
    suite.main(Browsers)
