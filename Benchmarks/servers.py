"""Servers to be measured: each in a folder of its own, on free ports of 127.0.0.1, tuned, and gone when it is stopped."""

import contextlib
import ctypes
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

DOMAIN = "localhost"
START_SECONDS = 60
STOP_SECONDS = 30

MESSENGER_DOMAIN = "messenger.localhost"
MEMORY = "/dev/shm"


class Failure(Exception):
    """A step of a run went wrong."""


def free_ports(count):
    """Ports that nobody listens on, found by listening on them for a moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def die_with_parent():
    """In the child: the kernel ends it when this script is gone, however that happened."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class Server:
    """What all servers have. A folder is kept between runs, for the accounts in it."""

    name = ""
    speaks_lines = False
    # What it can be measured with: `xmpp`, `files`.
    speaks = {"xmpp"}

    def __init__(self, folder, load, archive=False, serves_files=False):
        self.folder = Path(folder) / (self.name + ("-archive" if archive else ""))
        self.load = load
        self.archive = archive
        self.serves_files = serves_files
        self.port = self.direct_port = self.http_port = None
        # Where files are: in memory, as no disk is to be measured.
        self.files = None
        self.process = None
        if archive:
            # An archive grows, and some servers with it: each run begins with an empty one.
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    # What the subclasses say

    def prepare(self):
        """Writes the configuration for the ports."""

    def command(self):
        raise NotImplementedError

    def environment(self):
        return os.environ

    # The process

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self.port, self.direct_port, self.http_port = free_ports(3)
        self.files = tempfile.mkdtemp(prefix="swallowtail-bench-", dir=MEMORY if os.path.isdir(MEMORY) else None)
        self.prepare()
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True, preexec_fn=die_with_parent,
            )  # fmt: skip
        self._wait_for_port()

    def _wait_for_port(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended while starting; see {self.folder}/output")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise Failure(f"{self.name} does not listen; see {self.folder}/output")

    def stop(self):
        """Ends the process, and with force what is left of its group."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        if self.files:
            shutil.rmtree(self.files, ignore_errors=True)

    # Accounts

    def add_accounts(self, count):
        """Makes user1 to usercount by in-band registration, and tells whether some were not there yet."""
        note = self.folder / "accounts"
        have = int(note.read_text()) if note.exists() else 0
        if have >= count:
            return False
        subprocess.run(
            [self.load, "register", "--port", str(self.port), "--domain", DOMAIN, "--first", str(have + 1), "--users",
             str(count - have), "--concurrency", "8", "--timeout", "600", "--quiet", "--json"],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        note.write_text(str(count))
        return True

    def _certificate(self):
        """The same kind for all: a key of another kind would decide the handshakes."""
        if not (self.folder / "certificate.pem").exists():
            names = f"DNS:{DOMAIN},DNS:{MESSENGER_DOMAIN},DNS:conference.{DOMAIN}"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={DOMAIN}",
                 "-addext", "subjectAltName=" + names, "-keyout", str(self.folder / "key.pem"),
                 "-out", str(self.folder / "certificate.pem")],
                check=True, capture_output=True,
            )  # fmt: skip


class Swallowtail(Server):
    name = "swallowtail"
    speaks = {"xmpp", "files"}
    executable = None

    CONFIGURATION = """\
data: {{directory: .}}
log: {{level: warning}}
listeners:
  - {{addresses: ["127.0.0.1"], port: {port}, tls: either}}
{http}limits:
  connections: 0
  connections-per-address: 0
  accepts-per-second: 0
  accounts-in-memory: 100000
  trusted-addresses: ["127.0.0.0/8"]
  sign-ins: {{per-address: 0, per-account: 0}}
  registrations: {{per-address: 0}}
hosts:
  localhost:
    profile: unthrottled
    certificate: certificate.pem
    key: key.pem
    authentication: {{require-tls: off, scram-iterations: 4096}}
    modules:
      registration: {{new-accounts: on}}
      presence: {{invitations-per-hour: 0}}
      offline: {{maximum-messages: 1000000}}
      http-upload:
        {{directory: "{files}", maximum-size: 64 GiB, quota: 1024 GiB, total-quota: 1024 GiB, slots-per-minute: 0}}
      pubsub: {{nodes: 1000000, subscriptions: 100000}}
      rooms: {{occupants: 10000, messages-per-second: 0, changes-per-minute: 0}}
{archive}  messenger.localhost:
    profile: messenger
    certificate: certificate.pem
    key: key.pem
    authentication: {{require-tls: off}}
    limits: {{rate: {{stanzas-per-second: 0, bytes-per-second: 0}}}}
profiles:
  unthrottled:
    extends: standard
    limits:
      outgoing-queue: 64 MiB
      rate: {{stanzas-per-second: 0, bytes-per-second: 0}}
"""

    HTTP = 'http-listeners: [{{addresses: ["127.0.0.1"], port: {port}, tls: off}}]\n'

    WITHOUT_ARCHIVE = "".join(
        f"      {module}: off\n" for module in ("archive", "mam", "archive-preferences", "retraction"))

    def prepare(self):
        self._certificate()
        (self.folder / "swallowtail.yaml").write_text(
            self.CONFIGURATION.format(
                port=self.port, archive="" if self.archive else self.WITHOUT_ARCHIVE, files=self.files,
                http=self.HTTP.format(port=self.http_port) if self.serves_files else ""))  # fmt: skip

    def command(self):
        return [self.executable, "serve", "--config", str(self.folder / "swallowtail.yaml")]

    def tokens(self, count):
        """A file with access tokens of user1 to usercount at the Messenger host."""
        file = self.folder / "tokens"
        if file.exists() and len(file.read_text().split()) >= count:
            return file
        with socket.socket(socket.AF_UNIX) as opened:
            opened.connect(str(self.folder / "administration.sock"))
            lines = opened.makefile("rw", encoding="utf-8")

            def ask(request):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                return json.loads(lines.readline())

            tokens = []
            for number in range(1, count + 1):
                host = {"host": MESSENGER_DOMAIN, "name": f"user{number}"}
                ask({"command": "account-add", "arguments": host})
                name = {"account": f"user{number}@{MESSENGER_DOMAIN}", "expires": "30d"}
                reply = ask({"command": "token-mint", "arguments": name})
                if "result" not in reply:
                    raise Failure(f"no token for user{number}: {reply}")
                tokens.append(reply["result"]["token"])
        file.write_text("\n".join(tokens) + "\n")
        return file


class Nginx(Server):
    """nginx with one process, which takes files with PUT."""

    name = "nginx"
    speaks = {"files"}

    CONFIGURATION = """\
daemon off; master_process off; worker_processes 1; error_log {folder}/log; pid {folder}/pid;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_timeout 600;
  client_body_temp_path {files}/drafts; proxy_temp_path {files}/a; fastcgi_temp_path {files}/b;
  uwsgi_temp_path {files}/c; scgi_temp_path {files}/d;
  server {{ listen 127.0.0.1:{port}; root {files}; dav_methods PUT; }}
}}
"""

    def prepare(self):
        # XMPP it does not speak: it is there when its one port is.
        self.http_port = self.port
        (self.folder / "nginx.conf").write_text(
            self.CONFIGURATION.format(folder=self.folder, files=self.files, port=self.port))

    def command(self):
        return ["nginx", "-c", str(self.folder / "nginx.conf")]

    def add_accounts(self, count):
        return False


class Prosody(Server):
    """Prosody with Lua's generational collector, which takes less than half of what the default one does."""

    name = "prosody"

    CONFIGURATION = """\
daemonize = false; run_as_root = true; pidfile = "{folder}/pid"; data_path = "{folder}/data"
plugin_paths = {{}}; admins = {{}}
network_backend = "epoll"
network_settings = {{ tcp_backlog = 4096 }}
gc = {{ mode = "generational" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}; c2s_direct_tls_ports = {{ {direct_port} }}
s2s_ports = {{}}; component_ports = {{}}; http_ports = {{}}; https_ports = {{}}
modules_enabled = {{ "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "carbons"; "pep"; "private"; "smacks"; "vcard4";
  "vcard_legacy"; "csi_simple"; "ping"; "register"; "time"; "version"; "uptime"; "posix"; "offline"; {archive} }}
modules_disabled = {{ "s2s"; "limits" }}
allow_registration = true; registration_throttle_max = nil
c2s_require_encryption = false; allow_unencrypted_plain_auth = true
authentication = "internal_hashed"; default_iteration_count = 4096
storage = "internal"
archive_expires_after = "1w"
log = {{ warn = "{folder}/log" }}
ssl = {{ key = "{folder}/key.pem"; certificate = "{folder}/certificate.pem" }}
c2s_direct_tls_ssl = {{ key = "{folder}/key.pem"; certificate = "{folder}/certificate.pem" }}
VirtualHost "localhost"
Component "pubsub.localhost" "pubsub"
  admins = {{ "user1@localhost" }}
  pubsub_max_items = 1000
Component "conference.localhost" "muc"
"""

    def prepare(self):
        self._certificate()
        (self.folder / "data").mkdir(exist_ok=True)
        (self.folder / "prosody.cfg.lua").write_text(
            self.CONFIGURATION.format(
                folder=self.folder, port=self.port, direct_port=self.direct_port,
                archive='"mam"' if self.archive else ""))  # fmt: skip

    def command(self):
        return ["prosody", "--config", str(self.folder / "prosody.cfg.lua"), "-F"]


class Ejabberd(Server):
    """ejabberd whose schedulers sleep when there is nothing to do, and do not spin."""

    name = "ejabberd"

    CONFIGURATION = """\
loglevel: warning
hosts: [localhost]
certfiles: ["{folder}/both.pem"]
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144, access: c2s, starttls: true, backlog: 4096}}
  - {{port: {direct_port}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144, access: c2s, tls: true, backlog: 4096}}
auth_method: internal
auth_password_format: scram
disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]
registration_timeout: infinity
default_db: mnesia
cache_size: 20000
acl: {{local: {{user_regexp: ""}}}}
access_rules: {{c2s: {{allow: all}}, local: {{allow: local}}, register: {{allow: all}}, pubsub_createnode: {{allow: local}}}}
shaper: {{}}
shaper_rules: {{max_user_sessions: [{{10: all}}], max_user_offline_messages: [{{infinity: all}}]}}
modules:
  mod_adhoc: {{}}
  mod_admin_extra: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_last: {{}}
{archive}
  mod_offline: {{access_max_user_messages: max_user_offline_messages}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_muc: {{access_create: all, max_users: 10000, default_room_options: {{max_users: 10000}}}}
  mod_pubsub: {{access_createnode: pubsub_createnode, plugins: [flat, pep], max_items_node: 1000}}
  mod_register: {{ip_access: all, access: register, password_strength: 0, captcha_protected: false}}
  mod_roster: {{versioning: true}}
  mod_stream_mgmt: {{resend_on_timeout: if_offline}}
  mod_time: {{}}
  mod_vcard: {{search: false}}
  mod_version: {{}}
"""
    ARCHIVE = "  mod_mam: {db_type: mnesia, default: always, request_activates_archiving: false}"

    def prepare(self):
        self._certificate()
        (self.folder / "database").mkdir(exist_ok=True)
        both = [(self.folder / name).read_text() for name in ("certificate.pem", "key.pem")]
        (self.folder / "both.pem").write_text("".join(both))
        (self.folder / "ejabberd.yml").write_text(
            self.CONFIGURATION.format(
                folder=self.folder, port=self.port, direct_port=self.direct_port,
                archive=self.ARCHIVE if self.archive else ""))  # fmt: skip

    def environment(self):
        libraries = glob.glob("/usr/lib/*/ejabberd-*/ebin") or [""]
        return os.environ | {
            "HOME": str(self.folder),
            "ERL_LIBS": str(Path(libraries[0]).parent.parent),
            "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.folder / "log"),
            "ERL_MAX_PORTS": "32000",
            "ERL_MAX_ETS_TABLES": "1400",
            "ERL_CRASH_DUMP_BYTES": "0",
        }

    def command(self):
        # As the packaged ejabberdctl starts it, but for the busy waiting; no distribution, so no daemon of Erlang's.
        return ["erl", "+K", "true", "+P", "250000", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
                "-noinput", "-mnesia", "dir", f'"{self.folder}/database"', "-s", "ejabberd"]  # fmt: skip


class Floor(Server):
    """A forwarder without XML: what no server can undercut."""

    name = "floor"
    speaks_lines = True
    executable = None
    options = ()

    def start(self):
        self.process = subprocess.Popen(
            [self.executable, *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            start_new_session=True, preexec_fn=die_with_parent,
        )  # fmt: skip
        self.port = int(self.process.stdout.readline())

    def stop(self):
        if self.process is not None:
            self.process.stdout.close()
        super().stop()

    def add_accounts(self, count):
        return False
