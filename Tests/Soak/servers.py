"""The server of a run: a folder, a port, a process that is killed and started again."""

import ctypes
import random
import shutil
import signal
import socket
import subprocess
import time

START_SECONDS = 60
STOP_SECONDS = 30


class Failure(Exception):
    """The server does not do what a process must do."""


def free_port():
    """A port for the whole run, also while nobody listens: below those that the system gives to connections."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            return port
        except OSError:
            continue


def _die_with_parent():
    """In the child: the kernel ends it when the run is gone, however that happened."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Server:
    DOMAIN = "localhost"
    # What the certificate is for.
    NAMES = "DNS:localhost"
    may_be_cut_inside = True

    def __init__(self, folder, resume_seconds):
        self.folder = folder
        self.port = free_port()
        self.resume_seconds = resume_seconds
        self.process = None
        self.log = folder / "log"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=" + self.NAMES, "-keyout", str(folder / "key.pem"),
             "-out", str(folder / "certificate.pem")],
            check=True, capture_output=True,
        )  # fmt: skip

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=_die_with_parent)  # fmt: skip

    def wait_until_it_listens(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            self.check()
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failure(f"the server does not listen after {START_SECONDS} s")

    def check(self):
        if self.process.poll() is not None:
            raise Failure(f"the server ended by itself, with {self.process.returncode}")

    def kill(self):
        self.check()
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=STOP_SECONDS):
        """Ends it in good order and returns the seconds that took."""
        self.check()
        started = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server still runs {seconds:.0f} s after SIGTERM") from None
        if status != 0:
            raise Failure(f"the server ended with {status} after SIGTERM")
        return time.monotonic() - started

    def end(self):
        """Whatever the state: it is gone afterwards."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Swallowtail(Server):
    executable = None

    CONFIGURATION = """\
data: {{directory: .}}
log: {{level: info}}
listeners:
  - {{addresses: ["127.0.0.1"], port: {port}, tls: either}}
limits:
  connections: 0
  connections-per-address: 0
  accepts-per-second: 0
  trusted-addresses: ["127.0.0.0/8"]
  event-loops: 2
hosts:
  localhost:
    profile: standard
    certificate: certificate.pem
    key: key.pem
    authentication: {{require-tls: off, scram-iterations: 4096}}
    modules:
      registration: {{new-accounts: on}}
      stream-management: {{resume-time: {resume} s}}
"""

    def command(self):
        configuration = self.folder / "swallowtail.yaml"
        configuration.write_text(self.CONFIGURATION.format(port=self.port, resume=self.resume_seconds))
        return [self.executable, "serve", "--config", str(configuration)]


class Prosody(Server):
    """A server that nobody here wrote, to see that the run asks for nothing that is not in the specifications."""

    executable = shutil.which("prosody")
    # Prosody 0.12 answers nothing on a session that is resumed after half a stanza had come.
    may_be_cut_inside = False

    CONFIGURATION = """\
daemonize = false; run_as_root = true; pidfile = "{folder}/pid"; data_path = "{folder}/data"
plugin_paths = {{}}; admins = {{}}
network_backend = "epoll"; network_settings = {{ tcp_backlog = 4096 }}
interfaces = {{ "127.0.0.1" }}; c2s_ports = {{ {port} }}; c2s_direct_tls_ports = {{}}; s2s_ports = {{}}; http_ports = {{}}
https_ports = {{}}; component_ports = {{}}
modules_enabled = {{ "disco"; "roster"; "saslauth"; "carbons"; "smacks"; "register"; "posix"; "offline"; "mam"; "ping" }}
modules_disabled = {{ "s2s"; "limits" }}
smacks_hibernation_time = {resume}
allow_registration = true; registration_throttle_max = nil
c2s_require_encryption = false
authentication = "internal_hashed"; default_iteration_count = 4096
storage = "internal"; archive_expires_after = "1w"; default_archive_policy = true
log = {{ info = "{folder}/log" }}
VirtualHost "localhost"
Component "conference.localhost" "muc"
modules_enabled = {{ "muc_mam" }}
muc_log_by_default = true
"""

    def command(self):
        (self.folder / "data").mkdir(exist_ok=True)
        configuration = self.folder / "prosody.cfg.lua"
        configuration.write_text(
            self.CONFIGURATION.format(folder=self.folder, port=self.port, resume=self.resume_seconds))
        return [self.executable, "--config", str(configuration), "-F"]
