"""The ways to the server: each carries a client's stream, or a browser's requests, in its own frames."""

import asyncio
import re
import struct

from hearing import Hearing, Malformed
from sockets import Gone, Socket

STREAM = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?<stream:stream\b([^>]*)>\s*", re.S)
STANZA = re.compile(r"\s*<(message|presence|iq)(?=[\s/>])")
LENGTH = "{{length}}"


def stream_header(domain, extra=""):
    return (f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
            f"xmlns:stream='http://etherx.jabber.org/streams'{extra}>")


def frame(payload, opcode=1, final=True, masked=True, reserved=0, length=None):
    """A WebSocket frame, RFC 6455 §5.2; every part of it may be wrong."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | (reserved << 4) | opcode])
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = b"\x01\x02\x03\x04"
    repeated = key * (len(payload) // 4 + 1)
    return head + key + bytes(one ^ other for one, other in zip(payload, repeated))


def request(method, target, host, headers=(), body=None):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if body is not None:
        lines.append(f"Content-Length: {LENGTH}")
    return "\r\n".join(lines) + "\r\n\r\n" + (body or "")


class Transport:
    """A connection of one client. What comes is in `hearing`; the last of it, as bytes, in `raw`."""

    stanza_depth = 1

    def __init__(self, ports, name):
        self.ports = ports
        self.name = name
        self.hearing = Hearing(self.stanza_depth)
        self.raw = bytearray()
        self.malformed = None
        self.sockets = []

    @property
    def received(self):
        return sum(socket.received for socket in self.sockets)

    @property
    def sent(self):
        return sum(socket.sent for socket in self.sockets)

    @property
    def is_closed(self):
        return all(socket.is_closed for socket in self.sockets)

    @property
    def last_arrival(self):
        return max((socket.last_arrival for socket in self.sockets), default=0)

    async def connect(self, port):
        socket = await Socket.open(port, self._receive)
        self.sockets.append(socket)
        return socket

    def _receive(self, data):
        self.raw += data
        del self.raw[:-65536]
        try:
            self._hear(data)
        except Malformed as problem:
            self.malformed = self.malformed or str(problem)

    def _hear(self, data):
        raise NotImplementedError

    async def open(self):
        raise NotImplementedError

    def send(self, text):
        """Stanzas, or the tags of a stream as they are on TCP."""
        raise NotImplementedError

    def write(self, data):
        """Bytes, as they are, on the connection below."""
        if not self.sockets:
            raise Gone("no connection")
        self.sockets[-1].write(data)

    async def drain(self, seconds=2):
        if self.sockets:
            await self.sockets[-1].drain(seconds)

    def stop_reading(self):
        for socket in self.sockets:
            socket.stop_reading()

    def read_again(self):
        for socket in self.sockets:
            socket.read_again()

    def close(self):
        try:
            self.send("</stream:stream>")
        except Gone:
            pass
        for socket in self.sockets:
            socket.close()

    def cut(self):
        for socket in self.sockets:
            socket.cut()

    def half_close(self):
        for socket in self.sockets:
            socket.half_close()


class TCP(Transport):
    async def open(self):
        await self.connect(self.ports["streams"])

    def send(self, text):
        self.write(encoded(text))

    def _hear(self, data):
        self.hearing.feed(data)


class DirectTLS(TCP):
    async def open(self):
        await self.connect(self.ports["streams"])
        self.sockets[-1].start_tls(self.name)


class StartTLS(TCP):
    """TLS that begins within the stream."""

    async def open(self):
        socket = await self.connect(self.ports["streams"])
        socket.write(encoded(stream_header(self.name)))
        socket.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        for _ in range(100):
            if b"<proceed" in self.raw or self.is_closed:
                break
            await socket.arrival(0.2)
        if b"<proceed" not in self.raw:
            raise Gone("no <proceed/>")
        self.hearing.reset()
        socket.start_tls(self.name)


class WebSocket(Transport):
    stanza_depth = 0

    def __init__(self, ports, name):
        super().__init__(ports, name)
        self._incoming = bytearray()
        self._message = bytearray()
        self._is_upgraded = False

    async def open(self):
        socket = await self.connect(self.ports["web"])
        socket.write(encoded(self.handshake(self.name)))
        for _ in range(100):
            if self._is_upgraded or self.is_closed:
                break
            await socket.arrival(0.2)
        if not self._is_upgraded:
            raise Gone("no WebSocket")

    @staticmethod
    def handshake(host):
        return request("GET", "/xmpp-websocket", host, [
            ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Protocol", "xmpp")])  # fmt: skip

    def send(self, text):
        if match := STREAM.match(text):
            attributes = re.sub(r"\sxmlns(:stream)?\s*=\s*(\"[^\"]*\"|'[^']*')", "", match[1])
            self.message(f"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'{attributes}/>")
            text = text[match.end() :]
        closes = text.endswith("</stream:stream>")
        if closes:
            text = text.removesuffix("</stream:stream>")
        if text:
            self.message(STANZA.sub(lambda start: f"<{start[1]} xmlns='jabber:client'", text, count=1))
        if closes:
            self.message("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")

    def message(self, text):
        self.write(frame(encoded(text)))

    def _hear(self, data):
        self._incoming += data
        if not self._is_upgraded:
            head, separator, rest = bytes(self._incoming).partition(b"\r\n\r\n")
            if not separator:
                return
            self._is_upgraded = head.startswith(b"HTTP/1.1 101")
            self._incoming = bytearray(rest)
        while self._is_upgraded and (found := self._next_frame()):
            opcode, final, payload = found
            if opcode in (0, 1, 2):
                self._message += payload
                if final:
                    message, self._message = bytes(self._message), bytearray()
                    self.hearing.document(message)
            elif opcode == 9 and not self.is_closed:
                self.write(frame(payload, 10))

    def _next_frame(self):
        data = self._incoming
        if len(data) < 2:
            return None
        size, start = data[1] & 0x7F, 2
        if size == 126:
            if len(data) < 4:
                return None
            size, start = struct.unpack(">H", data[2:4])[0], 4
        elif size == 127:
            if len(data) < 10:
                return None
            size, start = struct.unpack(">Q", data[2:10])[0], 10
        if len(data) < start + size:
            return None
        opcode, final, payload = data[0] & 15, bool(data[0] & 0x80), bytes(data[start : start + size])
        del self._incoming[: start + size]
        return opcode, final, payload


class Web(Transport):
    """A browser, or an app: requests and their answers."""

    stanza_depth = 0

    async def open(self):
        await self.connect(self.ports["web"])

    async def open_again(self):
        """Browsers take another connection if theirs has ended."""
        if self.is_closed:
            await self.open()

    def send(self, text):
        self.write(encoded(text))

    def close(self):
        for socket in self.sockets:
            socket.close()

    def _hear(self, data):
        pass


class BOSH(Transport):
    """XEP-0124: a request is always with the server, as long as the session lasts."""

    stanza_depth = 1

    def __init__(self, ports, name, rid=1000, wait=5, hold=1):
        super().__init__(ports, name)
        self.rid = rid
        self.wait = wait
        self.hold = hold
        self.sid = None
        self.is_over = False
        self._pending = 0
        self._tasks = set()

    async def open(self):
        pass

    @property
    def is_closed(self):
        return self.is_over

    def send(self, text):
        if match := STREAM.match(text):
            attributes = re.sub(r"\sxmlns(:stream)?\s*=\s*(\"[^\"]*\"|'[^']*')|\sversion='1.0'", "", match[1])
            if self.sid is None:
                self.body(
                    f"{attributes} ver='1.6' wait='{self.wait}' hold='{self.hold}' xmlns:xmpp='urn:xmpp:xbosh' "
                    "xmpp:version='1.0' content='text/xml; charset=utf-8'", "")
            else:
                self.body(f"{attributes} xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'", "")
            text = text[match.end() :]
        closes = text.endswith("</stream:stream>")
        if closes:
            text = text.removesuffix("</stream:stream>")
        text = STANZA.sub(lambda start: f"<{start[1]} xmlns='jabber:client'", text, count=1)
        if text or closes:
            self.body(" type='terminate'" if closes else "", text)

    def body(self, attributes, text, rid=None):
        """A request with its number, or with another one."""
        if rid is None:
            self.rid += 1
            rid = self.rid
        sid = f" sid='{self.sid}'" if self.sid and " sid=" not in attributes else ""
        self.post(f"<body xmlns='http://jabber.org/protocol/httpbind' rid='{rid}'{sid}{attributes}>{text}</body>")

    def post(self, text):
        data = encoded(text)
        head = request("POST", "/http-bind", self.name, [
            ("Content-Type", "text/xml; charset=utf-8"), ("Connection", "close"), ("Content-Length", len(data))])  # fmt: skip
        task = asyncio.ensure_future(self._exchange(encoded(head) + data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, data):
        answer = bytearray()
        self._pending += 1
        try:
            socket = await Socket.open(self.ports["web"], answer.extend)
            self.sockets.append(socket)
            socket.write(data)
            while not socket.is_closed:
                await socket.arrival(60)
        except Gone:
            return
        finally:
            self._pending -= 1
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        if b"chunked" in head.lower():
            body = _unchunked(body)
        elif length := re.search(rb"content-length: *(\d+)", head.lower()):
            body = body[: int(length[1])]
        self._receive(body)

    def _hear(self, data):
        if not data.lstrip().startswith(b"<"):
            return
        self.hearing.document(data)
        if found := re.search(rb"<body[^>]* sid=['\"]([^'\"]+)", data):
            self.sid = found[1].decode()
        if re.search(rb"<body[^>]* type=['\"]terminate", data):
            self.is_over = True
        elif self.sid and not self._pending and not self.is_over:
            self.body("", "")

    def close(self):
        self.is_over = True
        if self.sid:
            self.body(" type='terminate'", "")

    def cut(self):
        self.is_over = True
        super().cut()


def _unchunked(body):
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            break
        whole += rest[:length]
        body = rest[length + 2 :]
        if length == 0:
            break
    return whole


def encoded(text):
    """UTF-8, where lone surrogates stand for bytes that are none."""
    return text.encode("utf-8", "surrogateescape")


TRANSPORTS = {
    "tcp": TCP, "tls": DirectTLS, "starttls": StartTLS, "websocket": WebSocket, "bosh": BOSH, "web": Web,
}  # fmt: skip
