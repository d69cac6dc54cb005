"""What the system tells programs about names and authorities, for the programs of one suite alone.

They are given an address and a password, as people give them, and find the server by the SRV record of its domain. A suite
that uses this runs in a mount namespace of its own (`unshare --mount`).
"""

import secrets
import socket
import struct
import subprocess
import threading

SRV = 33
A = 1
RECURSION = 0x8180
IN = 1


def encoded(name):
    return b"".join(bytes((len(label),)) + label.encode() for label in name.split(".") if label) + b"\0"


class NameServer:
    """Every name is this machine; services are where the server listens. It answers in a thread, whatever the suite does."""

    def __init__(self, services):
        self.services = services
        self.address = "127.{}.{}.{}".format(*(secrets.randbelow(254) + 1 for _ in range(3)))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            self.socket.sendto(self.answer(query), sender)

    def answer(self, query):
        labels, position = [], 12
        while query[position]:
            labels.append(query[position + 1 : position + 1 + query[position]].decode())
            position += 1 + query[position]
        end = position + 5
        kind = struct.unpack(">H", query[position + 1 : position + 3])[0]
        data = self.data(labels, kind)
        # A pointer to the name in the question, then type, class, seconds, length.
        answer = struct.pack(">3HIH", 0xC00C, kind, IN, 60, len(data)) + data if data else b""
        head = query[:2] + struct.pack(">5H", RECURSION, 1, 1 if data else 0, 0, 0)
        return head + query[12:end] + answer

    def data(self, labels, kind):
        port = self.services.get(labels[0]) if labels else None
        if kind == SRV and port is not None:
            return struct.pack(">3H", 0, 0, port) + encoded(".".join(("xmpp", *labels[2:])))
        if kind == A and labels and not labels[0].startswith("_"):
            return socket.inet_aton("127.0.0.1")
        return b""


def begin(folder, certificate, services):
    """Starts the name server, and shows it and the certificate to this process and its children."""
    server = NameServer(services)
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {server.address}\n")
    authorities = folder / "ca-certificates.crt"
    authorities.write_bytes(certificate)
    for file, place in ((resolver, "/etc/resolv.conf"), (authorities, "/etc/ssl/certs/ca-certificates.crt")):
        file.chmod(0o644)
        subprocess.run(["mount", "--bind", str(file), place], check=True)
