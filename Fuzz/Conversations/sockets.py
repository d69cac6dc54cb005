"""A TCP connection as a client of bad manners needs it: TLS begun at any time, reading paused, counted."""

import asyncio
import socket
import ssl

CONNECT_SECONDS = 20
KEPT = 1 << 16


class Gone(Exception):
    """The connection is over, or was never there."""


def _context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


CONTEXT = _context()


class Socket(asyncio.Protocol):
    """What arrives goes to `receive`; `received` and `sent` count bytes of the layer above TLS."""

    def __init__(self, receive):
        self.receive = receive
        self.received = 0
        self.sent = 0
        self.is_closed = False
        self._has_said_all = False
        self.last_arrival = 0.0
        self._tls = None
        self._waiting = []
        self._changed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._transport = None

    @classmethod
    async def open(cls, port, receive, source=None):
        loop = asyncio.get_running_loop()
        try:
            _, opened = await asyncio.wait_for(
                loop.create_connection(
                    lambda: cls(receive), "127.0.0.1", port, local_addr=(source, 0) if source else None),
                CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError) as error:
            raise Gone(f"no connection: {error!r}") from None
        return opened

    # asyncio.Protocol

    def connection_made(self, transport):
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.last_arrival = asyncio.get_running_loop().time()
        self._changed.set()
        if self._tls is None:
            self._arrived(data)
            return
        self._encrypted.write(data)
        try:
            if self._waiting is not None:
                self._shake()
            while self._waiting is None:
                self._arrived(self._tls.read(KEPT))
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.cut()
        self._flush()

    def _arrived(self, data):
        if not data:
            raise ssl.SSLWantReadError
        self.received += len(data)
        self.receive(data)

    def connection_lost(self, error):
        self.is_closed = True
        self._may_write.set()
        self._changed.set()

    def eof_received(self):
        return False

    def pause_writing(self):
        self._may_write.clear()

    def resume_writing(self):
        self._may_write.set()

    # What clients do

    def start_tls(self, name):
        self._encrypted, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = CONTEXT.wrap_bio(self._encrypted, self._outgoing, server_hostname=name)
        try:
            self._shake()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def _shake(self):
        self._tls.do_handshake()
        waiting, self._waiting = self._waiting, None
        for data in waiting:
            self._tls.write(data)

    def _flush(self):
        if not self.is_closed and not self._transport.is_closing() and (data := self._outgoing.read()):
            self._transport.write(data)

    def write(self, data):
        if self.is_closed or self._has_said_all or self._transport.is_closing():
            raise Gone("closed")
        self.sent += len(data)
        if self._tls is None:
            self._transport.write(data)
        elif self._waiting is not None:
            self._waiting.append(data)
        else:
            self._tls.write(data)
            self._flush()

    async def drain(self, seconds):
        """Waits until what was written has gone out, as far as the server reads."""
        try:
            await asyncio.wait_for(self._may_write.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    async def arrival(self, seconds):
        """Waits until something comes, or the connection ends; False if nothing does."""
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
            return True
        except asyncio.TimeoutError:
            return False

    def stop_reading(self):
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def read_again(self):
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def half_close(self):
        if not self.is_closed and self._tls is None and not self._has_said_all:
            self._has_said_all = True
            self._transport.write_eof()

    def close(self):
        if self._transport is not None:
            self._transport.close()

    def cut(self):
        """Ends the connection with a reset."""
        if self._transport is not None:
            self._transport.abort()
