"""A client that asks for a pong between the steps, so that waiting for quiet takes as long as the machine needs."""

import asyncio

import people
from client import Client, Unanswered
from finds import Find
from sockets import Gone

PATIENCE = 60


class Pulse:
    def __init__(self, server):
        self.server = server
        self.client = None

    async def begin(self):
        self.client = Client(self.server, "tcp", people.STANDARD)
        await self.client.open()
        await self.client.sign_in("watchword", "pulse")

    async def end(self):
        if self.client is not None:
            self.client.transport.cut()
        self.client = None

    async def beat(self):
        if self.client is None:
            return
        try:
            await self.client.ask("get", "<ping xmlns='urn:xmpp:ping'/>", people.STANDARD, PATIENCE)
        except Unanswered:
            raise Find("silence", f"a ping is not answered in {PATIENCE} s") from None
        except Gone:
            # Either the process is gone, which is asked next, or somebody's doing has ended this stream.
            await asyncio.sleep(0.2)
            self.server.check()
            raise Find("bystander", "the stream of a client that does nothing but ping has ended") from None
