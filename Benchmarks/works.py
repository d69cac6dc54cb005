"""What is measured, with what must be reached. A work is one run of swallowtail-load against a server just started."""

from dataclasses import dataclass

# Accounts by number, so that works do not disturb each other: chats and idle sessions from the first, the others behind.
PRESENCE, OFFLINE, SIGN_IN, END = 2101, 2401, 2501, 3001


@dataclass
class Row:
    """One line of the table."""

    title: str
    unit: str
    # A path into the JSON of the generator, and what it is multiplied with.
    figure: tuple
    scale: float = 1.0
    # What must be reached: a number, or a function of all figures of Swallowtail.
    bar: object = None
    # What the best peer and the floor took on the machine that the bar is for. On another one a bar is held as well in
    # relation to what they take there.
    peer_then: float | None = None
    floor_then: float | None = None
    # Which of the JSON lines, where a work prints several.
    outcome: str | None = None
    # What the best peer has in the same sitting, times this, holds the bar as well.
    or_best_peer_times: float | None = None


@dataclass
class Work:
    name: str
    arguments: list
    rows: list
    # Seconds of the measured phase in relation to the others.
    share: float = 1.0
    accounts: int = 100
    needs_archive: bool = False
    # Works that other servers than Swallowtail do not have.
    only: str | None = None
    # What a server must speak, and which generator is used.
    speaks: str = "xmpp"
    # What no server can undercut: `forwarder`, which passes the same bytes on, or `writes`, which only writes them.
    floor: str | None = None


def cpu(title, bar, **more):
    return Row(title, "µs CPU", ("serverCPUPerOperation",), bar=bar, **more)


def latency(title):
    return [
        Row(f"{title}: p50", "ms", ("latency", "p50"), 1e-3, 0.1, or_best_peer_times=0.5),
        Row(f"{title}: p99", "ms", ("latency", "p99"), 1e-3, 0.3, or_best_peer_times=0.5),
    ]


def no_more_than(title, factor):
    """A bar that is another row's figure of Swallowtail's, times a factor."""
    return lambda figures: figures[title] * factor if title in figures else None


CHAT = ["chat", "--pairs", "50"]
RATE = ["--rate", "2000"]
BESIDE = ["--beside", "2000"]
SERVICE = ["--service", "pubsub.localhost"]

WORKS = [
    Work(
        "chat", [*CHAT, "--window", "4"],
        [cpu("chat, closed loop, window 4", 5, peer_then=44, floor_then=1.4)], floor="forwarder"),
    Work(
        "chat-1", [*CHAT, "--window", "1"], [cpu("chat, window 1", 9, peer_then=61, floor_then=5.3)],
        floor="forwarder"),
    Work(
        "chat-2000", [*CHAT, *RATE],
        [cpu("chat at 2,000/s", 24, peer_then=102, floor_then=14), *latency("chat at 2,000/s")], share=1.6,
        floor="forwarder"),
    Work(
        "chat-tls", [*CHAT, "--window", "4", "--transport", "starttls"],
        [cpu("chat over TLS, closed loop", 8, peer_then=43)]),
    Work(
        "chat-tls-2000", [*CHAT, *RATE, "--transport", "starttls"],
        [cpu("chat over TLS at 2,000/s", 30, peer_then=102)], share=1.6),
    Work(
        "chat-beside", [*CHAT, "--window", "4", *BESIDE],
        [cpu("chat beside 2,000 idle, closed loop", no_more_than("chat, closed loop, window 4", 1.1))], accounts=2100),
    Work(
        "chat-2000-beside", [*CHAT, *RATE, *BESIDE],
        [cpu("chat beside 2,000 idle at 2,000/s", no_more_than("chat at 2,000/s", 1.1)),
         *latency("chat beside 2,000 idle at 2,000/s")],
        share=1.6, accounts=2100),
    Work("ping", ["ping", "--connections", "50", "--window", "4"], [cpu("ping, closed loop", 4, peer_then=27)]),
    Work(
        "presence", ["presence", "--contacts", "200", "--window", "2", "--first", str(PRESENCE)],
        [cpu("presence, a delivery to one of 200", 2.5, peer_then=30)], accounts=END - 1, floor="writes"),
    Work(
        "publish", ["publish", "--receivers", "200", "--window", "2", "--first", str(PRESENCE)],
        [cpu("publish at an own node, a delivery to one of 200", 3)], accounts=END - 1, floor="writes"),
    Work(
        "publish-service", ["publish", "--receivers", "10000", "--window", "1", *SERVICE],
        [cpu("publish at a service, a delivery to one of 10,000", None)], accounts=10_001),
    Work(
        "nodes", ["nodes", *SERVICE],
        [cpu("node made", None, outcome="nodes-create"),
         cpu("item published at one of 1,000 nodes", None, outcome="nodes-publish"),
         Row("page of 50 items of a node", "ms CPU", ("serverCPUPerOperation",), 1e-3, 1, outcome="nodes-items")]),
    Work(
        "room", ["room", "--occupants", "200", "--senders", "5", "--window", "1", "--first", str(PRESENCE)],
        [cpu("message in a room, a delivery to one of 200", 2.5, peer_then=25)], accounts=END - 1, floor="writes"),
    Work(
        "room-2000", ["room", "--occupants", "2000", "--senders", "5", "--window", "1", "--room", "large"],
        [cpu("message in a room, a delivery to one of 2,000", 3)], accounts=2100),
    Work(
        "room-enter", ["room", "--occupants", "1000", "--entering", "50", "--room", "entered"],
        [Row("entering a room of 1,000", "ms CPU", ("serverCPUPerOperation",), 1e-3, 5)], accounts=2100),
    Work(
        "offline", ["offline", "--pairs", "50", "--count", "400", "--first", str(OFFLINE)],
        [cpu("offline: store", 20, peer_then=110, outcome="offline-store"),
         cpu("offline: deliver", 8, peer_then=54, outcome="offline-deliver")],
        accounts=END - 1),
    Work(
        "archive", ["chat", "--pairs", "20", "--window", "4", "--count", "20000"],
        [cpu("chat kept in both archives", 18, peer_then=208)], share=3, accounts=40, needs_archive=True),
    Work(
        "sign-in", ["sign-in", "--users", "500", "--first", str(SIGN_IN)],
        [Row("sign-in and out, SCRAM", "ms CPU", ("serverCPUPerOperation",), 1e-3, 0.2, peer_then=1.1)],
        accounts=END - 1),
    Work(
        "sign-in-tls", ["sign-in", "--users", "500", "--first", str(SIGN_IN), "--transport", "starttls"],
        [Row("sign-in and out, SCRAM and STARTTLS", "ms CPU", ("serverCPUPerOperation",), 1e-3, 1.0, peer_then=2.0)],
        accounts=END - 1),
    Work(
        "sign-in-oauth2", ["sign-in", "--users", "500", "--mechanism", "X-MESSENGER-OAUTH2"],
        [Row("sign-in and out, X-MESSENGER-OAUTH2", "ms CPU", ("serverCPUPerOperation",), 1e-3)], only="swallowtail"),
    Work(
        "large", ["chat", "--pairs", "4", "--window", "2", "--body", "65536"],
        [cpu("64 KiB bodies", 70, peer_then=274, floor_then=18)], floor="forwarder"),
    Work(
        "idle", ["idle", "--connections", "10000"],
        [Row("idle session, 10,000 of them", "KiB RSS", ("memory", "rssPerConnection"), bar=7),
         Row("empty server", "MiB RSS", ("memory", "rssBefore"), 1 / 1024, 20)],
        accounts=10_000),
    Work(
        "idle-tls", ["idle", "--connections", "2000", "--transport", "starttls"],
        [Row("idle session over TLS, 2,000 of them", "KiB RSS", ("memory", "rssPerConnection"), bar=28)],
        accounts=2000),
    Work(
        "archive-pages", ["archive-pages", "--connections", "10", "--page", "50", "--window", "1"],
        [Row("page of 50 from an archive", "ms CPU", ("serverCPUPerOperation",), 1e-3)], accounts=40,
        needs_archive=True),
    Work(
        "files", [],
        [row
         for act in ("upload", "download")
         for row in (
             Row(f"{act} of 4 GiB", "s a GiB", ("secondsPerGiB",), bar=1, outcome=act, or_best_peer_times=2),
             Row(f"{act} of 4 GiB, CPU", "s CPU a GiB", ("serverCPUPerGiB",), outcome=act),
             Row(f"{act} of 4 GiB, memory", "MiB RSS", ("memoryGrowth",), 1 / 1024, 16, outcome=act))],
        accounts=1, speaks="files"),
]
