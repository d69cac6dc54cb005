"""Programs that people use at home, each on a screen or in a terminal of its own: typed and clicked at, and read.

Nothing about the server is told to them but addresses and passwords. Pictures of what they showed are kept in
.build/interop/pictures.
"""

import asyncio
import pathlib
import shutil
import tempfile

import names
from dino import Dino
from gajim import Gajim
from scenario import Stage, Suite

suite = Suite(limit=120)


class Homes(Stage):
    def __init__(self, service):
        self.service = service["standard"]
        self.certificate = pathlib.Path(service["certificate"]).read_bytes()
        self.pictures = pathlib.Path(service["pictures"])
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="desktops-"))
        self.folder.chmod(0o755)
        self.screens = []

    def account(self, name):
        account = self.service["accounts"][name]
        return account["jid"], account["password"]

    async def open(self, kind, name):
        screen = kind(self.folder, self.pictures)
        self.screens.append(screen)
        await screen.sign_in(*self.account(name))
        return screen

    def capture(self, scenario):
        for screen in self.screens:
            screen.picture(scenario)

    async def close(self):
        for screen in self.screens:
            screen.close()
        shutil.rmtree(self.folder)


@suite.scenario("Gajim and Dino find the server, trust it and sign in")
async def sign_in(stage):
    services = {"_xmpp-client": stage.service["address"][1], "_xmpps-client": stage.service["direct"][1]}
    await names.begin(stage.folder, stage.certificate, services)
    stage.gajim, stage.dino = await asyncio.gather(stage.open(Gajim, "montague"), stage.open(Dino, "capulet"))
    stage.capture("1-signed-in")


@suite.scenario("they chat both ways")
async def chat(stage):
    gajim, dino = stage.gajim, stage.dino
    await asyncio.gather(gajim.open_chat("capulet@localhost"), dino.open_chat("montague@localhost"))
    await gajim.say("What noise is this?")
    await dino.hears("What noise is this")
    await dino.say("My sword, I say!")
    await gajim.hears("My sword, I say!")
    stage.capture("2-chat")


if __name__ == "__main__":
    suite.main(Homes)
