"""Programs that people use at home, each on a screen or in a terminal of its own; nothing about the server is told to them
but addresses and passwords."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import names
import poezio
import profanity
from desktop import USER, plain_picture
from poezio import Poezio
from scenario import Stage, Suite
from terminal import Terminals

# Each of one colour that nothing else has.
FACES = {"gajim": (216, 27, 154), "dino": (27, 154, 216), "profanity": (216, 154, 27)}
PHOTOGRAPHS = {"gajim": (154, 216, 27), "dino": (27, 216, 154), "profanity": (154, 27, 216)}


class Homes(Stage):
    """What they showed is kept in a folder of this name, in .build/interop/pictures: windows as pictures, terminals as texts."""

    def __init__(self, name, service):
        self.service = service["standard"]
        self.certificate = pathlib.Path(service["certificate"]).read_bytes()
        self.pictures = pathlib.Path(service["pictures"]) / name
        shutil.rmtree(self.pictures, ignore_errors=True)
        self.pictures.mkdir(parents=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="desktops-"))
        self.folder.chmod(0o755)
        self.screens = []
        self.terminals = Terminals(self.folder)
        self.desks = []
        # Whom those trust who do not ask the system.
        self.authorities = self.folder / "authorities"
        self.authorities.mkdir()
        (self.authorities / "authority.pem").write_bytes(self.certificate)
        subprocess.run(["openssl", "rehash", str(self.authorities)], check=True)

    def open_door(self):
        """Shows the programs where the server is, and that they may trust it."""
        services = {"_xmpp-client": self.service["address"][1], "_xmpps-client": self.service["direct"][1]}
        names.begin(self.folder, self.certificate, services)

    def account(self, jid):
        account = self.service["accounts"][jid.partition("@")[0]]
        return account["jid"], account["password"]

    async def open(self, kind, jid):
        screen = kind(self.folder, self.pictures)
        self.screens.append(screen)
        self.paint(screen.name, screen.home)
        await screen.sign_in(*self.account(jid))
        return screen

    async def open_profanity(self, name, jid):
        home = self.folder / name
        desk = self.terminals.open(name, profanity.command(home, self.authorities, *self.account(jid), name))
        self.desks.append(desk)
        self.paint(name, home)
        await desk.shows("logged in successfully")
        return desk

    async def open_poezio(self, jid, nickname):
        command = poezio.command(self.folder / "poezio", *self.account(jid), nickname)
        desk = self.terminals.open("poezio", command, Poezio)
        self.desks.append(desk)
        await desk.shows(r"Your JID is\s")
        return desk

    def paint(self, owner, home):
        """Gives everybody a face, and a photograph to send."""
        for kind, colours, side in (("face", FACES, 96), ("photograph", PHOTOGRAPHS, 160)):
            if owner in colours:
                plain_picture(home / f"{kind}.png", colours[owner], side)
                os.chown(home / f"{kind}.png", USER, USER)

    def capture(self, scenario):
        for screen in self.screens:
            screen.picture(scenario)
        for desk in self.desks:
            (self.pictures / f"{desk.name}-{scenario}.txt").write_text(desk.screen(), encoding="utf-8")

    async def close(self):
        self.terminals.end()
        for screen in self.screens:
            screen.close()
        shutil.rmtree(self.folder)


class Evening(Suite):
    """A suite of programs at home."""

    def captured(self, short, name):
        """Like `scenario`; whatever happened in it, what all showed at its end is kept under the short name."""

        def register(function):
            number = len(self.scenarios) + 1

            @self.scenario(name)
            async def captured(stage):
                try:
                    await function(stage)
                finally:
                    stage.capture(f"{number}-{short}")

            return captured

        return register
