"""Profanity in a terminal, as people use it: two people, one of them with two devices, and later a third.

What its screens showed at the end of each scenario is kept in .build/interop/captures.
"""

import pathlib
import shutil
import subprocess
import tempfile

import profanity
from scenario import Stage, Suite, require_equal
from terminal import Terminals

suite = Suite()

class Desks(Stage):
    def __init__(self, service):
        self.service = service["standard"]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="profanity-"))
        self.terminals = Terminals(self.folder)
        self.captures = pathlib.Path(service["captures"])
        shutil.rmtree(self.captures, ignore_errors=True)
        self.captures.mkdir(parents=True)
        self.desks = []
        # Whom it trusts: the authority of this run alone.
        self.authorities = self.folder / "authorities"
        self.authorities.mkdir()
        shutil.copy(service["certificate"], self.authorities / "authority.pem")
        subprocess.run(["openssl", "rehash", str(self.authorities)], check=True)

    def open(self, name, resource):
        """Starts Profanity with the account, and a memory of its own."""
        account = self.service["accounts"][name]
        home, address = self.folder / resource, self.service["address"]
        command = profanity.command(home, self.authorities, account["jid"], account["password"], resource, address)
        desk = self.terminals.open(resource, command)
        self.desks.append(desk)
        return desk

    def capture(self, scenario):
        for desk in self.desks:
            (self.captures / f"{scenario}-{desk.name}.txt").write_text(desk.screen(), encoding="utf-8")

    async def close(self):
        self.terminals.end()
        shutil.rmtree(self.folder)


@suite.scenario("signs in over TLS, and trusts the certificate")
async def sign_in(stage):
    stage.desk = stage.open("benvolio", "desk")
    stage.far = stage.open("rosaline", "far")
    for desk in (stage.desk, stage.far):
        await desk.shows(r"logged in successfully")
        await desk.shows(r"\[TLS\]")
    stage.capture("1-signed-in")


@suite.scenario("adds a contact; both see that the other is there")
async def contact(stage):
    desk, far = stage.desk, stage.far
    desk.enter("/roster add rosaline@localhost Rosaline")
    await desk.shows(r"Roster item added: rosaline@localhost")
    desk.enter("/sub request rosaline@localhost")
    await far.shows(r"authorization request from benvolio@localhost")
    far.enter("/sub allow benvolio@localhost")
    await desk.shows(r"\+\+ Rosaline \(far\) is online")
    far.enter("/sub request benvolio@localhost")
    await desk.shows(r"authorization request from rosaline@localhost")
    desk.enter("/sub allow rosaline@localhost")
    await far.shows(r"\+\+ benvolio@localhost \(desk\) is online")
    stage.capture("2-contacts")


@suite.scenario("chats both ways")
async def chat(stage):
    desk, far = stage.desk, stage.far
    desk.enter("/msg rosaline@localhost At this same ancient feast")
    await far.shows(r"chat message: benvolio@localhost/desk")
    far.enter("/win 2")
    await far.shows(r"benvolio@localhost/desk: At this same ancient feast")
    far.enter("I shall be there")
    await desk.shows(r"Rosaline/far: I shall be there")
    stage.capture("3-chat")


@suite.scenario("a second device sees as carbons what the first sends and receives")
async def carbons(stage):
    desk, far = stage.desk, stage.far
    stage.phone = phone = stage.open("benvolio", "phone")
    await phone.shows(r"logged in successfully")
    phone.enter("/carbons on")
    phone.enter("/msg rosaline@localhost This is the telephone")
    await desk.shows(r"me: This is the telephone")
    desk.enter("And this the desk")
    await phone.shows(r"me: And this the desk")
    await far.shows(r"And this the desk")
    far.enter("To whom do I speak?")
    for device in (desk, phone):
        await device.shows(r"Rosaline/far: To whom do I speak\?")
    stage.capture("4-carbons")


@suite.scenario("a new device reads in the archive what was said before, in order")
async def archive(stage):
    stage.tablet = tablet = stage.open("benvolio", "tablet")
    await tablet.shows(r"logged in successfully")
    tablet.enter("/mam on")
    tablet.enter("/msg rosaline@localhost")
    wanted = ["At this same ancient feast", "I shall be there", "This is the telephone", "And this the desk",
              "To whom do I speak?"]  # fmt: skip
    await tablet.shows(r"To whom do I speak\?")
    screen = tablet.screen()
    stage.capture("5-archive")
    found = sorted((text for text in wanted if text in screen), key=screen.index)
    require_equal(found, wanted, "what the archive shows")


if __name__ == "__main__":
    suite.main(Desks)
