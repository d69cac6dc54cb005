"""A port that hands connections on to another, and can be cut off like a network, or hang like a server."""

import contextlib
import socket
import threading


class Relay:
    def __init__(self, port, target):
        self.target = target
        self.is_cut = False
        # What is not handed on any more: "asked", what comes from clients, and "answered".
        self.lost = set()
        self.lock = threading.Lock()
        self.sockets = set()
        self.server = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Ends all connections, and every new one at once."""
        with self.lock:
            self.is_cut = True
            for end in self.sockets:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self.is_cut = False
        self.lost = set()

    def close(self):
        self.cut()
        self.server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.server.accept()[0]
                if self.is_cut:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target))
                with self.lock:
                    self.sockets |= {client, server}
                for way in ((client, server, "asked"), (server, client, "answered")):
                    threading.Thread(target=self._hand_on, args=way, daemon=True).start()

    def _hand_on(self, source, sink, way):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if way not in self.lost:
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
