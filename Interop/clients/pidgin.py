"""Pidgin: its windows are of a kind that no screen reader reads, so it is told what to do, and asked what it shows, by the
interface that libpurple has on the bus."""

import contextlib
import re
import subprocess
from xml.sax.saxutils import escape

from gi.repository import Gio, GLib

from desktop import CALL_MILLISECONDS, USER, Screen

ACCOUNTS = """\
<?xml version="1.0" encoding="UTF-8"?>
<account version="1.0">
  <account>
    <protocol>prpl-jabber</protocol><name>{jid}/pidgin</name><password>{password}</password><alias>{nickname}</alias>
    <settings ui="gtk-gaim"><setting name="auto-login" type="bool">1</setting></settings>
  </account>
</account>
"""

SERVICE = "im.pidgin.purple.PurpleService", "/im/pidgin/purple/PurpleObject", "im.pidgin.purple.PurpleInterface"

# What it says of itself when it is not in a room any more.
LEFT = "You have been kicked|you are no longer in this chat"


class Pidgin(Screen):
    def __init__(self, folder, pictures):
        super().__init__("pidgin", folder, pictures)

    async def sign_in(self, jid, password):
        settings = self.home / ".purple"
        # It trusts a server that it has seen before.
        peers = settings / "certificates/x509/tls_peers"
        peers.mkdir(parents=True)
        domain = jid.partition("@")[2]
        (peers / domain).write_bytes((self.folder.parent / "authorities/authority.pem").read_bytes())
        accounts = ACCOUNTS.format(jid=escape(jid), password=escape(password), nickname=escape(jid.partition("@")[0]))
        (settings / "accounts.xml").write_text(accounts)
        subprocess.run(["chown", "-R", str(USER), str(settings)], check=True)
        self.open("pidgin", "--debug")
        await self.until(self._connected, "that it is connected")

    def _connected(self):
        """The account, as soon as there is a program that has one that is connected."""
        with contextlib.suppress(GLib.Error):
            return next((account for account in self.ask("PurpleAccountsGetAllActive")
                         if self.ask("PurpleAccountIsConnected", account)), None)  # fmt: skip

    def ask(self, method, *arguments):
        """Calls a function of libpurple; all that is no text is a number."""
        kinds = {str: "s", int: "i", dict: "a{ss}"}
        form = "(" + "".join(kinds[type(argument)] for argument in arguments) + ")"
        name, path, interface = SERVICE
        answer = self.session.call_sync(
            name, path, interface, method, GLib.Variant(form, arguments), None, Gio.DBusCallFlags.NONE, CALL_MILLISECONDS,
            None).unpack()  # fmt: skip
        return answer[0] if answer else None

    # Rooms

    async def enter_room(self, room, nickname):
        name, _, service = room.partition("@")
        connection = self.ask("PurpleAccountGetConnection", self._connected())
        self.ask("ServJoinChat", connection, {"room": name, "server": service, "handle": nickname})
        await self.until(self._room, "the room")

    async def returns(self):
        """Connects again, which it does by itself after up to a minute; it enters its rooms again by itself."""
        await self.until(lambda: not self._connected(), "that it has lost the connection")
        self.ask("PurpleAccountConnect", next(iter(self.ask("PurpleAccountsGetAllActive"))))
        await self.until(self._connected, "that it is connected")

    def _room(self):
        """The room's conversation; it has one at most."""
        return next(iter(self.ask("PurpleGetChats")), None)

    def say(self, text):
        self.ask("PurpleConvChatSend", self.ask("PurpleConversationGetChatData", self._room()), text)

    def heard(self):
        """What the room's window shows, in order; it is shown again all that was said whenever the room is entered."""
        said = []
        for message in self.ask("PurpleConversationGetMessageHistory", self._room()):
            text = self.ask("PurpleConversationMessageGetMessage", message)
            if said and re.search(LEFT, text):
                break
            said.insert(0, text)
        return said

    async def hears(self, pattern):
        await self.until(lambda: any(re.search(pattern, text) for text in self.heard()), repr(pattern))
