"""A Swallowtail of its own for one run: folder, ports, certificate, configuration, accounts, process."""

import json
import signal
import socket
import subprocess
import threading
import time

CONFIGURATION = """\
data:
  directory: .
listeners:
  - {{addresses: ["127.0.0.1"], port: {node}, tls: either, node-name: 127.0.0.1}}
  - {{addresses: ["127.0.0.1"], port: {direct}, tls: direct}}
  - addresses: ["127.0.0.1"]
    port: {front}
    tls: starttls
    hosts: [messenger.localhost]
    redirect: {{to: "127.0.0.1:{node}"}}
http-listeners:
  - {{addresses: ["127.0.0.1"], port: {web}, tls: false}}
  - {{addresses: ["127.0.0.1"], port: {files}}}
component-listeners:
  - {{addresses: ["127.0.0.1"], port: {components}}}
limits:
  trusted-addresses: ["127.0.0.0/8"]
hosts:
  messenger.localhost:
    profile: messenger
    modules: {{web-pages: {{}}, oauth: {{}}, chat-page: {{}}, websocket: {{}}, bosh: {{}}, host-meta: {{}}}}
    certificate: certificate.pem
    key: key.pem
    web-address: http://messenger.localhost:{relay}
  localhost:
    profile: standard
    certificate: certificate.pem
    key: key.pem
    modules:
      web-pages: {{}}
      oauth: {{}}
      chat-page: {{}}
      websocket: {{}}
      host-meta: {{}}
      # Programs with windows send files nowhere without TLS.
      http-upload: {{address: "https://localhost:{files}"}}
      external-services: {{services: [{{host: 127.0.0.1, port: {turn}, secret: {turn_secret}}}]}}
    web-address: http://localhost:{relay}
    components:
      echo.localhost: {{secret: {secret}, name: Echo}}
      rooms.localhost: {{secret: {secret}, name: Rooms}}
      irc.localhost: {{secret: {secret}, name: IRC}}
  s3.localhost:
    profile: standard
    certificate: certificate.pem
    key: key.pem
    modules:
      http-upload:
        s3: {{endpoint: "http://127.0.0.1:{s3}", bucket: files, access-key: any, secret-key: any}}
"""

# A TURN server shares it with the server.
TURN_SECRET = "a secret of calls"

# Programs that answer for domains of their own.
COMPONENTS = {"echo": "echo.localhost", "rooms": "rooms.localhost", "irc": "irc.localhost"}
COMPONENT_SECRET = "a secret of components"

READY_SECONDS = 30
STOP_SECONDS = 5


class Failure(Exception):
    """A step of the run went wrong."""


def free_ports(count):
    """Ports that nobody listens on, found by listening on them for a moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


class Server:
    def __init__(self, executable, folder):
        self.executable = str(executable)
        self.folder = folder
        self.configuration = folder / "swallowtail.yaml"
        self.certificate = folder / "certificate.pem"
        self.log = folder / "server.log"
        self.ports = dict(zip(("node", "direct", "front", "web", "files", "components"), free_ports(6)))
        # Where browsers find the pages: something stands between, as a proxy does.
        self.relay = free_ports(1)[0]
        # Programs that the server works with.
        self.turn, self.s3 = free_ports(2)
        self.process = None
        self._unheard = set()
        self._ready = threading.Event()
        self._follower = None

    def prepare(self):
        """Writes the certificate and the configuration."""
        names = "DNS:messenger.localhost,DNS:localhost,DNS:s3.localhost,IP:127.0.0.1"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=messenger.localhost", "-addext", "subjectAltName=" + names,
             "-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        self.configuration.write_text(
            CONFIGURATION.format(
                relay=self.relay, secret=COMPONENT_SECRET, turn=self.turn, turn_secret=TURN_SECRET, s3=self.s3,
                **self.ports),
            encoding="utf-8")  # fmt: skip

    def command(self, *arguments, stdin=None):
        """Runs a subcommand and returns what it printed."""
        result = subprocess.run(
            [self.executable, *arguments, "--config", str(self.configuration)],
            input=stdin, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if result.returncode != 0:
            raise Failure(f"swallowtail {' '.join(arguments)} ended with {result.returncode}: {result.stderr.strip()}")
        return result.stdout.strip()

    # The process

    def start(self):
        """Starts the server and waits until it says that it listens on every port."""
        self._unheard = {str(port) for port in self.ports.values()}
        self._ready.clear()
        self.process = subprocess.Popen(
            [self.executable, "serve", "--config", str(self.configuration), "--pid-file", str(self.folder / "pid")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._follower = threading.Thread(target=self._follow, args=(self.process.stderr,), daemon=True)
        self._follower.start()
        if not self._ready.wait(READY_SECONDS) or self._unheard:
            ended = self.process.poll()
            state = "is still running" if ended is None else f"ended with {ended}"
            raise Failure(f"it does not say that it listens on {', '.join(sorted(self._unheard))}; it {state}")

    def _follow(self, lines):
        with open(self.log, "a", encoding="utf-8") as log:
            for line in lines:
                log.write(line)
                log.flush()
                self._hear(line)
        self._ready.set()

    def _hear(self, line):
        try:
            record = json.loads(line)
        except ValueError:
            return
        if "listening" in str(record.get("message", "")).lower():
            self._unheard -= {str(value) for value in _leaves(record)}
            if not self._unheard:
                self._ready.set()

    def stop(self):
        """Ends the server as a service manager does; it must be done in five seconds, without complaint."""
        if self.process is None or self.process.poll() is not None:
            raise Failure("it was not running any more")
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"it was still running {STOP_SECONDS} s after SIGTERM") from None
        if status != 0:
            raise Failure(f"it ended with {status} after {time.monotonic() - started:.1f} s")

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self._follower.join()


def _leaves(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
