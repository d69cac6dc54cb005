"""Programs with windows, on screens that nobody sees: typed at and clicked, and read as a screen reader reads them."""

import asyncio
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import struct
import subprocess
import zlib

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

from scenario import Unexpected  # noqa: E402

WAIT = 40
PAUSE = 0.1
SIZE = (1160, 860)
CALL_MILLISECONDS = 5000

ACCESSIBLE = "org.a11y.atspi.Accessible"
ACTION = "org.a11y.atspi.Action"
COMPONENT = "org.a11y.atspi.Component"
TEXT = "org.a11y.atspi.Text"
REGISTRY = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
# What has a text beside its name.
WRITABLE = ("text", "text box")
# States of AT-SPI, as bits.
SENSITIVE = 1 << 24
SHOWING = 1 << 25

# Gajim refuses to be root, and a bus serves its own user alone.
USER = 65534


PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def as_user():
    os.setegid(USER)
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        # Who becomes another no longer ends with the parent.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Seen:
    """A part of a window, as it was when the screen was read."""

    def __init__(self, screen, name, path, depth):
        self.screen = screen
        self.address = (name, path)
        self.depth = depth
        self.states = 0
        self.role = self.name = self.description = self.text = ""
        self.place = (0, 0, 0, 0)

    def call(self, interface, method, arguments=None):
        return self.screen.bus.call_sync(
            *self.address, interface, method, arguments, None, Gio.DBusCallFlags.NONE, CALL_MILLISECONDS, None
        ).unpack()

    def _property(self, name):
        get = GLib.Variant("(ss)", (ACCESSIBLE, name))
        return self.call("org.freedesktop.DBus.Properties", "Get", get)[0]

    def _optional(self, interface, method, arguments, default):
        """For what not every part has."""
        try:
            return self.call(interface, method, arguments)[0]
        except GLib.Error:
            return default

    def look(self):
        """Reads what it is; returns whether it can be seen."""
        low, high = self.call(ACCESSIBLE, "GetState")[0]
        self.states = low | high << 32
        self.place = self._optional(COMPONENT, "GetExtents", GLib.Variant("(u)", (0,)), self.place)
        # GTK 4 tells no more of what is hidden than that it has no size.
        if not (self.states & SHOWING or self.screen.gtk4 and self.place[2] > 0):
            return False
        self.role = self.call(ACCESSIBLE, "GetRoleName")[0]
        self.name = self._property("Name")
        self.description = self._property("Description")
        if self.role in WRITABLE:
            self.text = self._optional(TEXT, "GetText", GLib.Variant("(ii)", (0, -1)), "")
        return True

    def children(self):
        return [Seen(self.screen, *address, self.depth + 1) for address in self.call(ACCESSIBLE, "GetChildren")[0]]

    def says(self, pattern):
        return any(re.search(pattern, text) for text in (self.name, self.text, self.description))

    def click(self, button=1):
        x, y, width, height = self.place
        self.screen.pointer(x + width // 2, y + height // 2, button)

    def press(self):
        """Does what a click does, where a click cannot be placed."""
        self.call(ACTION, "DoAction", GLib.Variant("(i)", (0,)))

    def __str__(self):
        """For those who write scenarios: what there is to find."""
        words = " ".join(dict.fromkeys(text for text in (self.name, self.text, self.description) if text))
        return f"{'  ' * self.depth}{self.role} {words!r} {self.place}"


class Screen:
    """A screen with one program, and buses of its own so that programs do not see each other."""

    def __init__(self, name, folder, pictures, gtk4=False):
        self.name = name
        self.folder = folder / name
        self.home = self.folder / "home"
        self.pictures = pathlib.Path(pictures)
        self.gtk4 = gtk4
        self.processes = []
        self.session = self.bus = None
        self.home.mkdir(parents=True, mode=0o700)
        # Dino reads what it downloads when there is nothing else to do, and a turning wheel is always something to do.
        for version in ("3", "4"):
            settings = self.home / f".config/gtk-{version}.0/settings.ini"
            settings.parent.mkdir(parents=True)
            settings.write_text("[Settings]\ngtk-enable-animations=0\n")
        subprocess.run(["chown", "-R", str(USER), str(self.folder)], check=True)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home), "LANG": "C.UTF-8",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "GSETTINGS_BACKEND": "memory", "TZ": "UTC",
        }  # fmt: skip

    # The program

    def start(self, *command, output=None):
        log = open(self.folder / f"{pathlib.Path(command[0]).name}.log", "wb")
        process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=output or log, stderr=log, cwd=self.home,
            user=USER, group=USER, extra_groups=[], start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def _line(self, *command):
        """Starts a service, and returns the first line that it writes."""
        with self.start(*command, output=subprocess.PIPE).stdout as output:
            line = output.readline().decode().strip()
        if not line:
            raise Unexpected(f"{command[0]} did not start")
        return line

    def open(self, *command):
        wide, high = SIZE
        number = self._line("Xvfb", "-displayfd", "1", "-screen", "0", f"{wide}x{high}x24", "-nolisten", "tcp", "-noreset",
                            "-fbdir", str(self.folder))  # fmt: skip
        self.environment["DISPLAY"] = f":{number}"
        session = self._line("dbus-daemon", "--session", "--nofork", "--print-address")
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = session
        self._listen(session)
        return self.start(*command)

    def _listen(self, session):
        """Goes to the bus of assistive technologies, and says that there is one, so that programs tell what they show."""
        self.session = self._connect(session)
        address = self.session.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress", None, None,
                                Gio.DBusCallFlags.NONE, WAIT * 1000, None).unpack()[0]  # fmt: skip
        enable = GLib.Variant("(ssv)", ("org.a11y.Status", "IsEnabled", GLib.Variant("b", True)))
        self.session.call_sync("org.a11y.Bus", "/org/a11y/bus", "org.freedesktop.DBus.Properties", "Set", enable, None,
                               Gio.DBusCallFlags.NONE, CALL_MILLISECONDS, None)  # fmt: skip
        self.bus = self._connect(address)

    @staticmethod
    def _connect(address):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        with as_user():
            return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)

    def close(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # What it shows

    def read(self):
        """What can be seen, from the last window to the first, each from the top."""

        def walk(part):
            # What is shown changes while it is read.
            with contextlib.suppress(GLib.Error):
                if part.look():
                    yield part
                    for child in part.children():
                        yield from walk(child)

        for application in Seen(self, *REGISTRY, -2).children():
            with contextlib.suppress(GLib.Error):
                for window in reversed(application.children()):
                    yield from walk(window)

    def found(self, pattern, role=None, after=(), enabled=False):
        """The first part that says this, after parts that say each of `after` in turn; None if there is none."""
        parts = self.read()
        for landmark in after:
            next((part for part in parts if part.says(landmark)), None)
        return next((part for part in parts if part.says(pattern) and role in (None, part.role)
                     and (part.states & SENSITIVE or not enabled)), None)  # fmt: skip

    async def shows(self, pattern, role=None, after=(), enabled=False):
        """The first part that says this, as soon as there is one."""
        return await self.until(lambda: self.found(pattern, role, after, enabled), f"{role or 'anything'} with {pattern!r}")

    async def hides(self, pattern, role=None):
        await self.until(lambda: not self.found(pattern, role), f"no {role or 'text'} with {pattern!r} any more")

    async def until(self, look, what):
        clock = asyncio.get_running_loop().time
        end = clock() + WAIT
        while True:
            if found := look():
                return found
            if clock() > end:
                self.picture("failure")
                shown = " | ".join(self.words())
                raise Unexpected(f"{self.name} does not show {what} in {WAIT} s; it shows (a picture is kept): {shown}")
            await asyncio.sleep(PAUSE)

    def words(self):
        return dict.fromkeys(text.strip() for part in self.read() for text in (part.name, part.text) if text.strip())

    # What a person does

    def _xdotool(self, *arguments):
        subprocess.run(["xdotool", *arguments], env=self.environment, check=True, timeout=WAIT, capture_output=True)

    def pointer(self, x, y, button=1):
        self._xdotool("mousemove", str(x), str(y), "click", str(button))

    def type(self, text):
        self._xdotool("type", "--delay", "4", text)

    def keys(self, *keys):
        self._xdotool("key", *keys)

    def fill_screen(self, title):
        """Nobody manages windows here: this gives the program's own all there is."""
        window = ("search", "--sync", "--onlyvisible", "--name", title)
        self._xdotool(*window, "windowmove", "0", "0", "windowsize", *map(str, SIZE))

    async def click(self, pattern, role=None, after=()):
        (await self.shows(pattern, role, after, enabled=True)).click()

    async def press(self, pattern, role=None, after=()):
        (await self.shows(pattern, role, after, enabled=True)).press()

    # Pictures

    def pixels(self):
        """The screen's rows, four bytes each pixel: blue, green, red, nothing."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header, _, _, _, wide, high = struct.unpack(">6I", data[:24])
        row, colours = struct.unpack(">I", data[48:52])[0], struct.unpack(">I", data[76:80])[0]
        start = header + 12 * colours
        return [data[start + row * line : start + row * line + 4 * wide] for line in range(high)]

    def picture(self, name):
        rows = []
        for row in self.pixels():
            rgb = bytearray(len(row) // 4 * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            rows.append(b"\0" + bytes(rgb))
        png(self.pictures / f"{self.name}-{name}.png", *SIZE, b"".join(rows))

    async def paints(self, colour, pixels):
        """Waits until so many pixels have the colour."""

        def look():
            red, green, blue = colour
            wanted = bytes((blue, green, red))
            rows = (row for row in self.pixels() if wanted in row)
            return pixels <= sum(row[start : start + 3] == wanted for row in rows for start in range(0, len(row), 4))

        await self.until(look, f"{pixels} pixels of the colour {colour}")


def png(path, wide, high, rows):
    """Writes a picture: its rows, each with a byte for the filter before it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">2I5B", wide, high, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def plain_picture(path, colour, side):
    """A picture of one colour, as wide as high."""
    png(path, side, side, (b"\0" + bytes(colour) * side) * side)
