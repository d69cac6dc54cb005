"""The Messenger in a browser, and what other apps find on the same site: sign-in and consent, look-up, invitations, chat
with other windows and with slixmpp, a device, the account page's switches, an app that is signed out. Makes pictures on
the way."""

import asyncio
import json
import pathlib
import sys
import time
import urllib.parse
import urllib.request
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
