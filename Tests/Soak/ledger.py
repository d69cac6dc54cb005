"""What was sent, what the server took responsibility for, who saw what, and whether that is as it must be.

A message is known by its origin-id. Its *view* at an account is what the sessions of the account received (live, after a
resumption, from the offline messages, as carbons) and what the account's archive holds; both name it by the same
stanza-id. What must hold:

- An acknowledged message is in the view of its recipient, and in the archives of recipient and sender.
- No message is there twice: one entry in an archive, one stanza-id, and once in a session, unless what comes again has the
  stamp of a delay and the account has given another session up: then it was handed on from that one, and the client knows it
  by its stanza-id.
- What was seen before a kill and not acknowledged need not have been durable: what was seen of it then counts for nothing, if
  its sender sends it again after the kill and it is seen again.
- The acknowledged messages of a sending device to an account are in order: in each session those without a stamp as they
  come, those with one by their stamps; in the archive as they are paged.

A message that was neither acknowledged nor refused when its session ended is unknown: it may be there once, or not at all.

The view of a *room* is what sessions that are in it received and what the room's archive holds. What must hold, kills or not:

- An acknowledged message is in the archive, and so is each that anybody has seen: it is kept before it is sent.
- No message is there twice: in the archive, or in a session while that is in the room.
- Every session sees the archive's order, and leaves none out from the first that it has seen in the room to the last, or to the
  end if it is there then; a session that is resumed after a kill may have missed what was sent shortly before.
- The acknowledged messages of a device are in order in the archive.
"""

import collections
import dataclasses
import datetime
import math

# A session that is resumed after a kill may have waited so long before.
LATE_SECONDS = 30


@dataclasses.dataclass(eq=False)
class Message:
    id: str
    sender: str
    from_account: str
    to_account: str
    number: int
    state: str = "sent"
    acknowledged_at: float | None = None
    sent_again_at: float | None = None
    history: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, eq=False)
class Sight:
    """A message as a session or an archive had it."""

    message: Message
    stanza_id: str | None
    stamp: str | None
    moment: float


@dataclasses.dataclass(frozen=True)
class Fault:
    kind: str
    message: Message
    what: str
    # The one that was before it, and should not have been.
    earlier: Message | None = None


class Ledger:
    def __init__(self, clock, wants_delivery=True, wants_archive=True):
        self.clock = clock
        self.wants_delivery = wants_delivery
        self.wants_archive = wants_archive
        self.messages = {}
        self.events = collections.Counter()
        self.timeline = []
        self.sessions = collections.defaultdict(lambda: collections.defaultdict(list))
        self.archives = {}
        # What sessions saw in rooms, one list for each time that they were there; by room and session.
        self.stays = collections.defaultdict(lambda: collections.defaultdict(list))
        self.room_archives = {}
        # Who is in a room in the end.
        self.present = set()
        self.kills = []
        self.ends = collections.defaultdict(list)
        self.strange = []
        self.last_sight = 0.0
        # When the server can know of every connection that is lost.
        self.noticed_at = 0.0
        self._numbers = collections.Counter()

    # What happens

    def new_message(self, sender, from_account, to_account):
        number = self._numbers[sender, to_account] = self._numbers[sender, to_account] + 1
        message = Message(f"{sender}-{to_account}-{number}", sender, from_account, to_account, number)
        self.messages[message.id] = message
        return message

    def note(self, message, what):
        message.history.append((self.clock(), what))

    def happened(self, who, kind, detail=""):
        """An event of the run that is counted, and told with the history of messages that went wrong."""
        self.events[kind] += 1
        self.timeline.append((self.clock(), who, f"{kind} {detail}".rstrip()))

    def sent_again(self, message):
        message.sent_again_at = self.clock()
        self.note(message, "sent again after the resumption")

    def acknowledged(self, message, how):
        # One that was refused is answered for, too.
        if message.state == "sent":
            message.state = "acknowledged"
            message.acknowledged_at = self.clock()
        self.note(message, f"acknowledged by {how}")

    def unknown(self, message):
        if message.state == "sent":
            message.state = "unknown"
        self.note(message, "its session is given up before it was acknowledged")

    def given_up(self, account, session, since=None):
        """The session is over, and without a connection since then: what it did not take is for others."""
        self.ends[account].append((self.clock() if since is None else since, session))

    def lost_unnoticed(self, seconds):
        """A device has left its connection, and the server cannot know before so many seconds are over."""
        self.noticed_at = max(self.noticed_at, self.clock() + seconds)

    def sessions_end_by(self, resume_seconds):
        """When the last session that was given up before now has ended, and what waited in it has gone elsewhere."""
        return max(self.clock(), self.noticed_at) + resume_seconds

    def killed(self):
        """The server was killed, and all that it had sent has arrived."""
        self.kills.append(self.clock())

    def refused(self, message_id, condition):
        message = self.messages.get(message_id)
        if message is None:
            self.strange.append(f"an error came for {message_id!r}, which nobody sent")
            return
        message.state = "refused"
        self.note(message, f"refused with {condition}")
        self.events[f"refused: {condition}"] += 1

    def seen(self, account, session, message_id, body, how, stanza_id=None, stamp=None):
        """A session of the account received the message, its own or a copy."""
        message = self._message(account, message_id, body)
        if message is not None:
            self.last_sight = self.clock()
            self.note(message, f"{how} at {session}" + (f", stanza-id {stanza_id}" if stanza_id else "")
                      + (f", stamp {stamp}" if stamp else ""))  # fmt: skip
            self.sessions[account][session].append(Sight(message, stanza_id, stamp, self.clock()))

    def entered(self, room, session):
        """The session is in the room from now on."""
        self.stays[room][session].append([])

    def stayed(self, room, session):
        """The session is in the room in the end."""
        self.present.add((room, session))

    def heard(self, room, session, message_id, body, stanza_id):
        """A session received a message of the room."""
        message = self._message(room, message_id, body)
        if message is None:
            return
        self.last_sight = self.clock()
        self.events["heard in rooms"] += 1
        self.note(message, f"heard at {session}, stanza-id {stanza_id}")
        if not self.stays[room][session]:
            # It has the address of one that was there and has just ended, which the room has not heard of yet.
            self.events["heard in a room before entering it"] += 1
        else:
            self.stays[room][session][-1].append(Sight(message, stanza_id, None, self.clock()))

    def room_archive(self, room, entries):
        """The room's archive, as that of an account."""
        self.room_archives[room] = self._kept(room, entries)

    def archive(self, account, entries):
        """The account's archive, in its order: origin-id, body, archive id, stamp of each."""
        self.archives[account] = self._kept(account, entries)

    def _kept(self, whose, entries):
        sights = []
        for message_id, body, archive_id, stamp in entries:
            message = self._message(whose, message_id, body)
            if message is not None:
                self.note(message, f"in the archive of {whose} as {archive_id}")
                sights.append(Sight(message, archive_id, stamp, self.clock()))
        return sights

    def _message(self, account, message_id, body):
        message = self.messages.get(message_id)
        if message is None or body != text(message):
            self.strange.append(f"{account} was given {message_id!r} with {body!r}, which nobody sent")
        elif account not in (message.from_account, message.to_account):
            self.strange.append(f"{account} was given {message_id!r}, which was for {message.to_account}")
        else:
            return message
        return None

    # What must hold

    def faults(self):
        """Every fault; the run is good if there is none and nothing is strange."""
        return list(self._lost()) + list(self._duplicated()) + list(self._reordered()) + list(self._rooms())

    def _lost(self):
        delivered = {
            account: {sight.message for sights in sessions.values() for sight in sights}
            for account, sessions in self.sessions.items()
        }
        archived = {account: {sight.message for sight in sights} for account, sights in self.archives.items()}
        for message in self.messages.values():
            if message.state != "acknowledged" or message.to_account in self.room_archives:
                continue
            is_delivered = message in delivered.get(message.to_account, ())
            is_archived = message in archived.get(message.to_account, ())
            if not is_delivered and not is_archived:
                yield Fault("lost", message, "neither delivered nor in the recipient's archive")
            elif self.wants_delivery and not is_delivered:
                yield Fault("lost", message, "in the archive, and never delivered")
            elif self.wants_archive and not is_archived:
                yield Fault("lost", message, "delivered, and not in the recipient's archive")
            if self.wants_archive and message not in archived.get(message.from_account, ()):
                yield Fault("lost", message, "not in the sender's archive")

    def _duplicated(self):
        for account in self.sessions.keys() | self.archives.keys():
            names = {}
            sessions = self.sessions[account] if account in self.sessions else {}
            for session, sights in sessions.items():
                here = set()
                for sight in self._lasting(sights):
                    if sight.message in here:
                        if sight.stamp is None or not self._may_be_handed_on(account, session, sight):
                            yield Fault("duplicated", sight.message, f"twice in session {session}")
                        else:
                            self.events["handed on to a session that knew it"] += 1
                    here.add(sight.message)
            here = set()
            for sight in self.archives.get(account, ()):
                if sight.message in here:
                    yield Fault("duplicated", sight.message, f"twice in the archive of {account}")
                here.add(sight.message)
            everything = [sight for sights in sessions.values() for sight in sights] + self.archives.get(account, [])
            for sight in self._lasting(everything):
                if sight.stanza_id is not None:
                    first = names.setdefault(sight.message, sight.stanza_id)
                    if first != sight.stanza_id:
                        yield Fault("duplicated", sight.message, f"at {account} both {first} and {sight.stanza_id}")

    def _lasting(self, sights):
        """Without those that a kill has made void, where there are others."""
        void = [sight for sight in sights if self._is_void(sight)]
        if not void:
            return sights
        others = {sight.message for sight in sights if not self._is_void(sight)}
        return [sight for sight in sights if sight.message not in others or not self._is_void(sight)]

    def _is_void(self, sight):
        message = sight.message
        if message.sent_again_at is None or (message.acknowledged_at or math.inf) < message.sent_again_at:
            return False
        return any(sight.moment < kill < message.sent_again_at for kill in self.kills)

    def _may_be_handed_on(self, account, session, sight):
        return any(moment < sight.moment and other != session for moment, other in self.ends[account])

    def _reordered(self):
        for account, sessions in self.sessions.items():
            for session, sights in sessions.items():
                first = {}
                for sight in self._lasting(sights):
                    first.setdefault(sight.message, sight)
                live = [sight for sight in first.values() if sight.stamp is None]
                late = sorted((sight for sight in first.values() if sight.stamp), key=_lateness)
                yield from _backwards(live, f"in session {session}")
                yield from _backwards(late, f"in session {session}, by their stamps")
        for account, sights in self.archives.items():
            yield from _backwards(sights, f"in the archive of {account}")

    def _rooms(self):
        archived = {room: {sight.message for sight in sights} for room, sights in self.room_archives.items()}
        for message in self.messages.values():
            room = message.to_account
            if message.state == "acknowledged" and room in archived and message not in archived[room]:
                yield Fault("lost", message, f"not in the archive of {room}")
        for room, archive in self.room_archives.items():
            places, here = {}, set()
            for place, sight in enumerate(archive):
                if sight.message in here:
                    yield Fault("duplicated", sight.message, f"twice in the archive of {room}")
                here.add(sight.message)
                places[sight.stanza_id] = place
            yield from _backwards(archive, f"in the archive of {room}")
            for session, stays in self.stays[room].items():
                for stay in stays:
                    is_last = stay is stays[-1] and (room, session) in self.present
                    yield from self._stay(room, session, stay, archive, places, is_last)

    def _stay(self, room, session, sights, archive, places, is_last):
        """What is wrong with what a session has seen while it was in a room, to the end if it is there then."""
        before = None
        for sight in sights:
            if sight.stanza_id not in places:
                yield Fault("lost", sight.message, f"seen in {room} by {session}, and not in the archive")
                continue
            place = places[sight.stanza_id]
            if before is not None:
                last = places[before.stanza_id]
                if place == last:
                    yield Fault("duplicated", sight.message, f"twice in {room} at {session}")
                elif place < last:
                    yield Fault("reordered", sight.message, f"in {room} at {session}", before.message)
                yield from self._missed(archive[last + 1 : place], room, session, sight.moment)
            before = sight
        if is_last and before is not None:
            yield from self._missed(archive[places[before.stanza_id] + 1 :], room, session, math.inf)

    def _missed(self, sights, room, session, moment):
        """Messages of a room that a session has not seen, though it has seen others before, and one at that moment."""
        for sight in sights:
            sent = sight.message.sent_again_at or sight.message.history[0][0]
            # Kept before a kill, and sent to nobody, or not taken yet.
            if any(sent < kill < min(moment, sent + LATE_SECONDS) for kill in self.kills):
                self.events["missed in a room by a kill"] += 1
            else:
                yield Fault("lost", sight.message, f"in {room} at {session}, which has seen others")

    # The report

    def count(self, *states):
        return sum(message.state in states for message in self.messages.values())

    def delivered(self):
        return sum(1 for message in self.messages.values() if any(
            what.startswith(("received", "carbon of one received")) for _, what in message.history))

    def history(self, message):
        """What happened to the message, and around it to the server and the devices that had to do with it."""
        devices = {message.sender}
        sessions = self.sessions[message.to_account] if message.to_account in self.sessions else {}
        devices |= {session.partition("#")[0] for session in sessions}
        first, last = message.history[0][0] - 5, message.history[-1][0] + 5
        lines = [(when, f"          {what}") for when, what in message.history]
        lines += [(when, f"{who}: {what}") for when, who, what in self.timeline
                  if first <= when <= last and (who in devices or who == "server")]  # fmt: skip
        return [f"    {when:9.3f}  {line}" for when, line in sorted(lines, key=lambda line: line[0])]


def text(message):
    """The body: whoever reads it knows whose it is, and which."""
    return f"{message.sender} to {message.to_account}, number {message.number}"


def _lateness(sight):
    """A stamp of a whole second has no fraction (XEP-0082), so that stamps do not compare as text."""
    return datetime.datetime.fromisoformat(sight.stamp), sight.message.number


def _backwards(sights, where):
    """Acknowledged messages that come after a later one of the same device to the same account."""
    highest = {}
    for sight in sights:
        message = sight.message
        if message.state != "acknowledged":
            continue
        way = (message.sender, message.to_account)
        before = highest.get(way)
        if before is not None and before.number > message.number:
            yield Fault("reordered", message, f"{where} after {before.id}", before)
        else:
            highest[way] = message
