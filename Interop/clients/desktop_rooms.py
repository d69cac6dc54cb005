"""Programs that people use at home, in one room: it is created with one, entered with the others; all talk, somebody is
invited, somebody is kicked, and nobody misses a word when the server is killed.

Martino has Gajim, Anselmo Dino, Vitravio Profanity, Placentio Poezio, Valentio Pidgin.
"""

import asyncio
import re

from dino import Dino
from gajim import Gajim
from homes import Evening, Homes
from pidgin import Pidgin
from scenario import require_equal

suite = Evening(limit=200)
scenario = suite.captured

MARTINO, ANSELMO, VITRAVIO, PLACENTIO, VALENTIO = (
    f"{name}@localhost" for name in ("martino", "anselmo", "vitravio", "placentio", "valentio")
)
ROOM = "feast@conference.localhost"


class Feast(Homes):
    async def all_hear(self, *lines):
        """Returns when all show all lines; who shows them otherwise than once and in order has missed something."""
        last = re.escape(lines[-1])
        await asyncio.gather(
            self.gajim.hears(last), self.dino.hears(last), self.profanity.shows(last), self.poezio.shows(last),
            self.pidgin.hears(last))  # fmt: skip
        for name, shown in self.shown().items():
            found = sorted((at.start(), line) for line in lines for at in re.finditer(re.escape(line), shown))
            require_equal([line for _, line in found], list(lines), f"what {name} shows")

    def shown(self):
        """The text of each program's window, of what was said alone."""

        def labels(screen):
            return [part for part in screen.read() if part.role == "label"]

        # The list of chats tells the last line as well.
        gajim = "\n".join(part.name for part in labels(self.gajim) if part.place[0] > 420)
        dino = "\n".join(part.name for part in labels(self.dino) if part.place[0] > 300)
        return {"gajim": gajim, "dino": dino, "profanity": self.profanity.screen(), "poezio": self.poezio.screen(),
                "pidgin": "\n".join(self.pidgin.heard())}  # fmt: skip


@scenario("signed-in", "Gajim, Dino, Profanity, Poezio and Pidgin sign in")
async def sign_in(stage):
    stage.open_door()
    stage.profanity, stage.poezio, stage.gajim, stage.dino, stage.pidgin = await asyncio.gather(
        stage.open_profanity("profanity", VITRAVIO), stage.open_poezio(PLACENTIO, "Placentio"),
        stage.open(Gajim, MARTINO), stage.open(Dino, ANSELMO), stage.open(Pidgin, VALENTIO))  # fmt: skip


@scenario("created", "Gajim creates a room; Dino, Profanity and Pidgin enter it")
async def create(stage):
    await stage.gajim.create_room("Feast")
    stage.profanity.enter(f"/join {ROOM} nick Vitravio")
    await stage.profanity.shows("You have joined the room as Vitravio, role: participant")
    await asyncio.gather(stage.pidgin.enter_room(ROOM, "Valentio"), stage.dino.enter_room(ROOM, "Anselmo"))
    await stage.profanity.shows("Anselmo(.|\n)*Valentio(.|\n)*Vitravio")


@scenario("invited", "Profanity invites Poezio, which shows who invites, and enters")
async def invite(stage):
    stage.profanity.enter(f"/invite send {PLACENTIO} Ladies, all welcome")
    await stage.poezio.shows("reason: Ladies, all welcome")
    await stage.poezio.order(f"/join {ROOM}/Placentio")
    await stage.poezio.shows(r"You \(Placentio\) joined the room")
    await stage.profanity.shows("Placentio")


@scenario("talk", "all talk, and all read what the others say")
async def talk(stage):
    stage.lines = ["Ladies that have their toes", "Unplagued with corns", "Will have a bout with you", "Ah ha, my mistresses",
                   "Which of you all"]  # fmt: skip
    first, second, third, fourth, fifth = stage.lines
    await stage.gajim.say(first)
    await stage.profanity.shows(first)
    stage.profanity.enter(second)
    await stage.poezio.shows(second)
    await stage.poezio.order(third)
    await stage.pidgin.hears(third)
    stage.pidgin.say(fourth)
    await stage.dino.hears(fourth)
    await stage.dino.say(fifth)
    await stage.all_hear(*stage.lines)


@scenario("kicked", "Gajim kicks Pidgin, which shows why; all others see it, and Pidgin enters again")
async def kick(stage):
    await stage.gajim.say('/kick Valentio "Too much wine"')
    await stage.profanity.shows("Valentio has been kicked")
    await stage.pidgin.hears("Too much wine")
    await stage.pidgin.enter_room(ROOM, "Valentio")
    await stage.profanity.shows("Participants(.|\n)*Valentio")


@scenario("killed", "the server is killed: all come back to the room, and nobody has missed a word")
async def killed(stage):
    await stage.replace_server()
    await stage.profanity.shows("Connection re-established")
    stage.profanity.enter("Will now deny to dance")
    await stage.profanity.shows("Vitravio: Will now deny to dance")
    await asyncio.gather(stage.pidgin.returns(), stage.dino.returns("Feast"))
    await stage.all_hear(*stage.lines, "Will now deny to dance")
    await stage.gajim.say("She that makes dainty")
    await stage.all_hear(*stage.lines, "Will now deny to dance", "She that makes dainty")


if __name__ == "__main__":
    suite.main(lambda service: Feast("rooms", service))
