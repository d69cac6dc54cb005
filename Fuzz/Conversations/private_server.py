"""The server that is fuzzed: hosts of both profiles with all that there is, on ports of the kernel's choice."""

import json
import os
import subprocess
import time

import people
import servers

STOP_SECONDS = 5
READY_SECONDS = 60

CONFIGURATION = """\
data: {directory: .}
log: {level: info, format: json}
listeners:
  - {addresses: ["127.0.0.1"], port: 0, tls: either}
http-listeners:
  - {addresses: ["127.0.0.1"], port: 0, tls: false}
  - {addresses: ["127.0.0.1"], port: 0, tls: true}
limits:
  connections: 0
  connections-per-address: 0
  accepts-per-second: 0
  trusted-addresses: ["127.0.0.0/8"]
  event-loops: 3
hosts:
  localhost:
    profile: standard
    certificate: certificate.pem
    key: key.pem
    authentication:
      require-tls: off
      scram-iterations: 4096
      mechanisms: [SCRAM-SHA-256-PLUS, SCRAM-SHA-256, SCRAM-SHA-1, OAUTHBEARER, PLAIN]
    limits: {sign-in-time: 10 s, request-time: 5 s}
    modules:
      web-pages: on
      oauth: {self-registration: on, implicit: on}
      chat-page: on
      websocket: on
      bosh: on
      host-meta: on
      full-text: on
      message-archiving: {complete: on}
      registration: {new-accounts: on}
      invitations: {accounts-by-users: on}
      stream-management: {resume-time: 20 s, acknowledgement-time: 10 s}
  messenger.localhost:
    profile: messenger
    certificate: certificate.pem
    key: key.pem
    authentication: {require-tls: off}
    limits: {sign-in-time: 10 s}
    modules:
      web-pages: on
      oauth: {self-registration: on, implicit: on}
      chat-page: on
      websocket: on
      bosh: on
      host-meta: on
"""


def slowness():
    """How much longer than alone a process takes on this machine just now; 1 where nothing else runs."""
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < 0.02:
        pass
    return max(1, (time.perf_counter() - wall) / (time.process_time() - cpu)) ** 2


class PrivateServer(servers.Swallowtail):
    NAMES = "DNS:localhost,DNS:messenger.localhost"

    def __init__(self, executable, folder):
        self.executable = str(executable)
        self.ports = {}
        self.tokens = {}
        # How much of the log was there before this process, and how much of it has been looked at.
        self._begin = self._read = 0
        super().__init__(folder, 20)

    def command(self):
        (self.folder / "swallowtail.yaml").write_text(CONFIGURATION)
        return [self.executable, "serve"]

    def start(self):
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        super().start()
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            self.check()
            records = list(self._records(self._begin))
            if any(record.get("message") == "ready" for record in records):
                ports = [int(record["port"]) for record in records if record.get("message") == "listening"]
                self.ports = dict(zip(("streams", "web", "secure web"), ports))
                return
            time.sleep(0.02)
        raise servers.Failure(f"the server is not ready after {READY_SECONDS} s")

    def _records(self, begin):
        with open(self.log, "rb") as log:
            log.seek(begin)
            for line in log:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield {"level": "raw", "message": line.decode(errors="replace")}

    def new_records(self):
        """What has been logged since the last time."""
        size = self.log.stat().st_size
        records = list(self._records(self._read))
        self._read = size
        return records

    def administer(self, *arguments):
        """A command of the administrator's; returns what it prints, or None if it is refused."""
        done = subprocess.run(
            [self.executable, *arguments, "--config", str(self.folder / "swallowtail.yaml")],
            capture_output=True, text=True, timeout=60)  # fmt: skip
        return done.stdout.strip() if done.returncode == 0 else None

    def add(self, name):
        """Makes a person's account if it is not there, with the usual password and a new token."""
        domain, local, account_id = (people.PEOPLE | people.WATCHERS)[name]
        options = ["--account-id", account_id] if account_id else []
        self.administer(
            "account", "add", "--host", domain, "--id", local, "--display-name", name.capitalize(), "--keep-history", "on",
            "--password", people.PASSWORD, *options)  # fmt: skip
        self.administer("account", "password", people.address(name), "--password", people.PASSWORD)
        scope = "wl.messenger" if domain == people.MESSENGER else "xmpp"
        self.tokens[name] = self.administer(
            "token", "mint", "--quiet", people.address(name), "--scope", scope, "--expires", "30d")

    # The process as the system sees it

    @property
    def resident(self):
        """Its memory in bytes."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def used(self):
        """The processor time that it has used, in seconds."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sockets(self):
        """How many it has open."""
        count = 0
        folder = f"/proc/{self.process.pid}/fd"
        for name in os.listdir(folder):
            try:
                count += os.readlink(f"{folder}/{name}").startswith("socket:")
            except OSError:
                pass
        return count
