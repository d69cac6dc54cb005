"""A program in a terminal that nobody sees, tmux's: typed at, and read as a person reads it."""

import asyncio
import re
import subprocess
import time

from scenario import Unexpected

WAIT = 30
PAUSE = 0.1


class Terminals:
    """A tmux server of its own, with a window for each program."""

    def __init__(self, folder):
        self.socket = str(folder / "tmux")

    def tmux(self, *arguments):
        result = subprocess.run(["tmux", "-S", self.socket, *arguments], capture_output=True, text=True, timeout=WAIT)
        return result.stdout

    def open(self, name, command, kind=None):
        """Starts a program; the kind is the class of what is typed at, a plain terminal unless said."""
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", name, "-x", "110", "-y", "40", *command)
        return (kind or Terminal)(self, name)

    def end(self):
        self.tmux("kill-server")


class Terminal:
    def __init__(self, terminals, name):
        self.terminals = terminals
        self.name = name

    def enter(self, line):
        self.type(line)
        self.keys("Enter")

    def type(self, text):
        self.terminals.tmux("send-keys", "-t", f"={self.name}:", "-l", text)

    def keys(self, *keys):
        self.terminals.tmux("send-keys", "-t", f"={self.name}:", *keys)

    def screen(self):
        return self.terminals.tmux("capture-pane", "-p", "-t", f"={self.name}:")

    async def shows(self, pattern):
        """Waits until the pattern is on the screen, and returns the match."""
        return await self.until(lambda: re.search(pattern, self.screen()), repr(pattern))

    async def until(self, look, what):
        """The first true outcome of the look."""
        end = time.monotonic() + WAIT
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise Unexpected(f"{self.name} does not show {what} in {WAIT} s:\n{self.screen()}")
            await asyncio.sleep(PAUSE)
