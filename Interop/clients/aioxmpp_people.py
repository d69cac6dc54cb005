"""What suites of aioxmpp share: people of the standard service who sign in and, at the end, sign out."""

import asyncio
import logging

import aioxmpp

from scenario import Stage

logging.getLogger("aioxmpp").setLevel(logging.CRITICAL)

WAIT = 30


class People(Stage):
    def __init__(self, service):
        self.service = service["standard"]
        self.clients = []

    def equip(self, client):
        """Gives a client what it is to know; before it connects."""

    async def person(self, name):
        account = self.service["accounts"][name]
        security = aioxmpp.make_security_layer(account["password"], no_verify=True)
        host, port = self.service["address"]
        client = aioxmpp.PresenceManagedClient(
            aioxmpp.JID.fromstr(account["jid"]), security,
            override_peer=[(host, port, aioxmpp.connector.STARTTLSConnector())])  # fmt: skip
        self.equip(client)
        self.clients.append(client)
        client.presence = aioxmpp.PresenceState(available=True)
        await heard(client.on_stream_established)
        return client

    async def close(self):
        for client in self.clients:
            stopped = heard(client.on_stopped)
            client.stop()
            await stopped


def heard(signal):
    """Done when the signal comes the next time, whatever it says."""
    moment = asyncio.get_running_loop().create_future()

    def hear(*_, **__):
        if not moment.done():
            moment.set_result(None)
        return True

    signal.connect(hear)
    return asyncio.wait_for(moment, WAIT)
