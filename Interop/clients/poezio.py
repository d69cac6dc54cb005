"""Poezio in a terminal, with a home of its own."""

import re
import subprocess

from desktop import USER
from terminal import Terminal

SETTINGS = """\
[Poezio]
jid = {jid}
password = {password}
default_nick = {nickname}
use_log = false
"""


def command(home, jid, password, nickname):
    """Prepares the home, and returns the command that starts it there. It refuses to be root."""
    settings = home / "config/poezio/poezio.cfg"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS.format(jid=jid, password=password, nickname=nickname))
    subprocess.run(["chown", "-R", str(USER), str(home)], check=True)
    return [
        "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env", f"HOME={home}",
        f"XDG_CONFIG_HOME={home}/config", f"XDG_DATA_HOME={home}/data", f"XDG_CACHE_HOME={home}/cache", "LANG=C.UTF-8",
        "TERM=screen-256color", "poezio", "--debug", str(home / "log"),
    ]  # fmt: skip


class Poezio(Terminal):
    async def order(self, text):
        """Enters a line. What comes at once it takes for pasted, and its list of contacts wants the slash of a command alone."""
        self.type(text[0])
        await self.shows(re.escape(text[0]) + r"\s*$")
        self.type(text[1:])
        await self.shows(re.escape(text[-10:]) + r"\s*$")
        self.keys("Enter")

    async def fetches_avatar(self, home, jid):
        """It paints them in colours too few to tell, so what it keeps is looked at."""
        folder = home / "cache/poezio/avatars" / jid
        await self.until(lambda: folder.exists() and any(folder.iterdir()), f"an avatar of {jid}")
