"""Makes conversations of a seed: valid ones first, then changed. The same seed and number make the same conversation."""

import base64
import hashlib
import random as randoms

import mutations
import people
from transports import LENGTH, WebSocket, request, stream_header

STREAMS = ("tcp", "tls", "starttls", "websocket", "bosh")
KINDS = STREAMS + ("web",)
CALLBACK = "https://app.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
INSTALLATIONS = [f"d4565fa7-4d72-4749-b3d3-740edbf8777{number}" for number in range(4)]


class Author:
    def __init__(self, seed, scripts, stanzas, kinds=KINDS):
        self.seed = seed
        self.scripts = scripts
        self.stanzas = stanzas
        self.kinds = kinds
        self.streams = [kind for kind in kinds if kind != "web"]
        # Each with how often it is chosen.
        self.genres = [(self.script, 6), (self.soup, 8), (self.door, 3), (self.lost, 3), (self.priorities, 2), (self.stored, 3), (self.slow, 1), (self.many, 1)] if self.streams else []
        self.genres.append((self.crowd, 1))
        if "websocket" in kinds:
            self.genres.append((self.frames, 2))
        if "bosh" in kinds:
            self.genres.append((self.bodies, 3))
        if "web" in kinds:
            self.genres += [(self.pages, 5), (self.apps, 4)]
        if "web" in kinds and self.streams:
            self.genres.append((self.delegated, 3))

    def conversation(self, number):
        """What is played as the number-th."""
        self.random = randoms.Random(f"{self.seed}/{number}")
        self.mutator = mutations.Mutator(self.random, self.stanzas)
        genre = self.random.choices([genre for genre, _ in self.genres], [weight for _, weight in self.genres])[0]
        conversation = genre()
        conversation["name"] = f"{self.seed}/{number} {conversation['name']}"
        conversation["leaves"] = self.random.choice(["cut", "cut", "close"])
        return conversation

    # Means

    def _over(self):
        return self.random.choice(self.streams)

    def _changed(self, text):
        """Most of what is sent is changed, some of it much."""
        if self.random.random() < 0.35:
            return text
        return self.mutator.mutate(text, self.random.choice([1, 1, 1, 2, 3, 6]))

    def _person(self, host=None):
        return self.random.choice(people.of(host or self.random.choice([people.STANDARD, people.STANDARD, people.MESSENGER])))

    def _sign_in(self, who, person, **more):
        mechanism = self.random.choice(["PLAIN", "PLAIN", "PLAIN", "SCRAM-SHA-256", "OAUTHBEARER"])
        return {"do": "sign in", "who": who, "person": person, "over": self._over(), "mechanism": mechanism} | more

    def _send(self, who, text):
        step = {"do": "send", "who": who, "text": text}
        if self.random.random() < 0.04:
            step["pieces"] = self.random.choice([1, 3, 50, 1000])
        return step

    def _stanza(self, *names):
        """One that some client sends in the scripts, or a few kinds of those."""
        return self.random.choice([text for name, text in self.stanzas if not names or name in names])

    # Genres

    def script(self):
        """A protocol script, with some of what its clients send changed."""
        script = self.random.choice(self.scripts)
        rate = self.random.choice([0, 0.1, 0.3])
        steps = []
        for step in script.steps:
            if step["do"] == "send" and self.random.random() < rate:
                step = step | {"text": self.mutator.mutate(step["text"])}
            if step["do"] in ("kill", "restart") and self.random.random() < 0.7:
                continue
            steps.append(step)
        return {"name": script.name, "usual": self._over(), "lessons": script.lessons,
                "steps": mutations.states(self.random, steps)}

    def soup(self):
        """Stanzas of all kinds on several sessions."""
        host = self.random.choice([people.STANDARD, people.STANDARD, people.MESSENGER])
        persons = [self._person(host) for _ in range(self.random.choice([1, 2, 2, 3, 4]))]
        steps = []
        for index, person in enumerate(persons):
            steps.append(self._sign_in(f"c{index}", person, resource=self.random.choice([None, "pc", "pc", "phone"])))
            if self.random.random() < 0.7:
                steps.append(self._send(f"c{index}", "<presence/>"))
        for _ in range(self.random.choice([5, 10, 20])):
            stanza = self._stanza("message", "presence", "iq", "a", "r", "enable", "inactive", "active", "iq", "message")
            if self.random.random() < 0.5:
                stanza = self._addressed(stanza)
            steps.append(self._send(f"c{self.random.randrange(len(persons))}", self._changed(stanza)))
        return {"name": f"soup {' '.join(persons)}", "steps": mutations.states(self.random, steps)}

    def _addressed(self, stanza):
        """To somebody who takes part."""
        root = mutations.parse(stanza)
        root.elements[0].put("to", "{{%s}}" % self.random.choice(["c0", "c1", "me", "romeo", "juliet", "mary", "tom"]))
        return root.inner()

    def door(self):
        """What comes before somebody is in."""
        host = self.random.choice([people.STANDARD, people.STANDARD, people.MESSENGER, "unknown.example"])
        steps = [{"do": "connect", "who": "raw", "over": self._over(), "host": people.STANDARD}]
        header = stream_header(host, self.random.choice(["", " from='romeo@localhost'", " xml:lang='de'"]))
        steps.append(self._send("raw", self._changed(header)))
        for _ in range(self.random.choice([1, 2, 4, 6])):
            stanza = self._stanza("authenticate", "auth", "response", "abort", "resume", "starttls", "iq", "authenticate", "auth", "enable")
            steps.append(self._send("raw", self._changed(stanza)))
            if self.random.random() < 0.3:
                steps.append(self._send("raw", stream_header(host)))
        return {"name": f"door of {host}", "steps": mutations.states(self.random, steps)}

    def _at_once(self, installation, inner, person="romeo"):
        """XEP-0388's sign-in with what is to be done along with it."""
        response = base64.b64encode(f"\0{person}\0{people.PASSWORD}".encode()).decode()
        return (f"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{response}</initial-response>"
                f"<user-agent id='{installation}'/>{inner}</authenticate>")

    def lost(self):
        """Sessions that lose their connections, and come back right, wrongly, twice, or when they are to end."""
        bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"
        count = self.random.choice([1, 2, 5])
        steps = [self._sign_in("peer", "juliet", resource="balcony"), self._send("peer", "<presence/>")]
        lessons = []
        for index in range(count):
            who = f"s{index}"
            steps += [
                {"do": "connect", "who": who, "over": self._over()}, {"do": "stream", "who": who},
                self._send(who, self._at_once(INSTALLATIONS[index % 4], bind)),
                {"do": "learn", "who": who, "element": "enabled", "attribute": "id", "as": f"id{index}"},
            ]
            if self.random.random() < 0.7:
                steps.append(self._send(who, self.random.choice(["<presence/>", "<presence><priority>-1</priority></presence>"])))
        steps.append(self._send("peer", "".join(
            f"<message to='{self.random.choice(['{{romeo}}', '{{romeo/}}'])}' type='chat' id='m{number}'><body>{number}</body></message>"
            for number in range(self.random.choice([1, 10, 60])))))
        for index in range(count):
            steps.append({"do": self.random.choice(["cut", "cut", "half close", "stop reading"]), "who": f"s{index}"})
        if self.random.random() < 0.4:
            steps.append({"do": self.random.choice(["kill", "kill", "restart"])})
        for index in range(count):
            h = self.random.choice(["0", "1", "60", "61", "4294967295", self.random.choice(mutations.NUMBERS)])
            resume = f"<resume xmlns='urn:xmpp:sm:3' previd='{{{{id{index}}}}}' h='{h}'/>"
            ways = [
                [self._at_once(INSTALLATIONS[3 - index % 4], resume)], [self._at_once(INSTALLATIONS[index % 4], resume)],
                [self._at_once(INSTALLATIONS[index % 4], "<bind xmlns='urn:xmpp:bind:0'/>")], [self._at_once(INSTALLATIONS[index % 4], bind)],
            ]
            chosen = self.random.sample(ways, self.random.choice([1, 2, 2, 3]))
            racers = [f"r{index}.{number}" for number in range(len(chosen))]
            for racer in racers:
                steps += [{"do": "connect", "who": racer, "over": self._over()}, {"do": "stream", "who": racer}]
            steps.append({"do": "together", "steps": [
                self._send(racer, text[0]) | {"after": self.random.choice([0, 0, 0.3, 0.6, 1, 2, 4, 8])} for racer, text in zip(racers, chosen)]})
            if self.random.random() < 0.5:
                steps.append(self._send(racers[0], self._changed("<a xmlns='urn:xmpp:sm:3' h='3'/>")))
            if self.random.random() < 0.3:
                steps.append({"do": self.random.choice(["cut", "close"]), "who": racers[-1]})
        return {"name": f"lost {count}", "lessons": lessons, "steps": mutations.states(self.random, steps)}

    def priorities(self):
        """Messages to somebody whose sessions come, go, and do not want them."""
        host = self.random.choice([people.STANDARD, people.MESSENGER])
        one, other = self.random.sample(people.of(host), 2)
        steps = [{"do": "contacts", "one": one, "other": other}] if self.random.random() < 0.5 else []
        steps += [self._sign_in("a", one, resource="a"), self._send("a", "<presence/>"), self._sign_in("b", other, resource="b")]
        if self.random.random() < 0.3:
            steps.append(self._sign_in("b2", other, resource="b2"))
        for number in range(self.random.choice([6, 12, 20])):
            who = self.random.choice(["b", "b", "b2"]) if any(step.get("who") == "b2" for step in steps) else "b"
            if self.random.random() < 0.5:
                steps.append(self._send(who, self.random.choice([
                    "<presence/>", "<presence><priority>-1</priority></presence>", "<presence type='unavailable'/>",
                    "<presence><show>away</show><priority>1</priority></presence>", "<inactive xmlns='urn:xmpp:csi:0'/>",
                    "<active xmlns='urn:xmpp:csi:0'/>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"])))  # fmt: skip
            else:
                text = f"<message to='{{{{{other}}}}}' type='chat' id='p{number}'><body>{number}</body></message>"
                steps.append(self._send("a", text if self.random.random() < 0.8 else self._changed(text)))
        return {"name": f"priorities {one} {other}", "steps": mutations.states(self.random, steps) if self.random.random() < 0.5 else steps}

    def stored(self):
        """What is kept for later, and then read: by its owner, by others, after the end."""
        host = self.random.choice([people.STANDARD, people.STANDARD, people.MESSENGER])
        one, other = self.random.sample(people.of(host), 2)
        steps = [self._sign_in("a", one, resource="a")]
        written = [
            f"<message to='{{{{{other}}}}}' type='chat' id='k'><body>kept</body></message>",
            "<iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>A</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard></iq>",
            "<iq type='set' id='x'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='a@b'/></storage></query></iq>",
            f"<presence to='{{{{{other}}}}}' type='subscribe'><status>Hello</status><nick xmlns='http://jabber.org/protocol/nick'>N</nick></presence>",
            f"<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='{{{{{other}}}}}' name='N'><group>G</group></item></query></iq>",
            "<presence><status>Here</status><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>",
            "<iq type='set' id='p'><enable xmlns='urn:xmpp:push:0' jid='push.example' node='n'><x xmlns='jabber:x:data' type='submit'>"
            "<field var='secret'><value>s</value></field></x></enable></iq>",
            f"<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='{{{{{other}}}}}'/></block></iq>",
            "<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'/></iq>",
            "<iq type='set' id='f'><prefs xmlns='urn:xmpp:mam:2' default='always'><always><jid>a@b</jid></always><never><jid>c@d</jid></never></prefs></iq>",
        ]  # fmt: skip
        for _ in range(self.random.choice([2, 5, 10])):
            steps.append(self._send("a", self._changed(self.random.choice(written))))
        if self.random.random() < 0.2:
            steps.append({"do": self.random.choice(["kill", "restart"])})
        steps += [self._sign_in("b", other, resource="b")]
        read = [
            "<presence/>", "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>", "<iq type='set' id='m'><query xmlns='urn:xmpp:mam:2'/></iq>",
            f"<iq type='get' id='v' to='{{{{{one}}}}}'><vCard xmlns='vcard-temp'/></iq>", "<iq type='get' id='w'><vCard xmlns='vcard-temp'/></iq>",
            "<iq type='get' id='x'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>",
            "<iq type='get' id='l'><list xmlns='urn:xmpp:archive'/></iq>", f"<iq type='get' id='t'><retrieve xmlns='urn:xmpp:archive' with='{{{{{one}}}}}'/></iq>",
            f"<presence to='{{{{{one}}}}}' type='subscribed'/>", "<iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>",
            "<iq type='get' id='f'><prefs xmlns='urn:xmpp:mam:2'/></iq>", "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
        ]  # fmt: skip
        for who in self.random.choice([["b"], ["a"], ["b", "a"]]):
            for text in self.random.sample(read, 6):
                steps.append(self._send(who, self._changed(text) if self.random.random() < 0.3 else text))
        return {"name": f"stored {one} {other}", "steps": mutations.states(self.random, steps)}

    def slow(self):
        """Somebody stops reading while much comes for them, and goes on, or never does."""
        host = self.random.choice([people.STANDARD, people.STANDARD, people.MESSENGER])
        reader, *others = self.random.sample(people.of(host), 3)
        steps = [{"do": "contacts", "one": reader, "other": other} for other in others if self.random.random() < 0.5]
        steps += [self._sign_in("r", reader, resource="r"), self._send("r", self.random.choice([
            "<presence/>", "<presence/><enable xmlns='urn:xmpp:sm:3' resume='true'/>", "<presence/><inactive xmlns='urn:xmpp:csi:0'/>"]))]
        if self.random.random() < 0.3:
            steps.append(self._send("r", "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>"))
        senders = [f"s{number}" for number in range(self.random.choice([2, 6, 10]))]
        steps += [self._sign_in(who, self.random.choice(others), resource=who) for who in senders]
        steps.append({"do": "stop reading", "who": "r"})
        size, count = self.random.choice([(200, 400), (14_000, 60), (100_000, 9), (250_000, 4)])
        message = "<message to='{{%s}}' type='chat' id='%%d'><body>{{x*%d}}</body></message>" % (self.random.choice(["r", reader]), size)
        for who in senders:
            steps.append(self._send(who, "".join(message % number for number in range(count))))
        steps.append(self._send("r", self.random.choice(["<presence/>", "<iq type='get' id='q'><query xmlns='jabber:iq:roster'/></iq>", "<r xmlns='urn:xmpp:sm:3'/>"])))
        steps.append({"do": self.random.choice(["read again", "cut", "close", "wait"]), "who": "r", "seconds": 1})
        steps += [self._sign_in("r2", reader, resource=self.random.choice(["r", "r2"])), self._send("r2", "<presence/>")]
        return {"name": f"slow {reader}", "steps": steps}

    def many(self):
        """An account with as many sessions as it may have, and more, that are there or lost."""
        person, over = self._person(), self._over()
        bind = "<bind xmlns='urn:xmpp:bind:0'>%s</bind>" % self.random.choice(["<enable xmlns='urn:xmpp:sm:3' resume='true'/>", ""])
        steps = []
        for number in range(self.random.choice([10, 49, 50, 51, 60])):
            who = f"m{number}"
            if people.host(person) == people.STANDARD and self.random.random() < 0.8:
                steps += [{"do": "connect", "who": who, "over": over}, {"do": "stream", "who": who},
                          self._send(who, self._at_once(f"d4565fa7-4d72-4749-b3d3-{number:012d}", bind, person))]
            else:
                steps.append(self._sign_in(who, person, resource=self.random.choice([None, "pc"])))
            if self.random.random() < 0.5:
                steps.append(self._send(who, "<presence/>"))
            if self.random.random() < 0.8:
                steps.append({"do": "cut", "who": who})
        return {"name": f"many {person}", "steps": steps}

    def crowd(self):
        """Many connections that begin something and do not go on."""
        hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        kinds = [
            ("streams", "", False), ("streams", "\x16", False), ("streams", hello.encode("latin-1").decode("utf-8", "surrogateescape"), False),
            ("streams", "", True), ("streams", stream_header("localhost")[:40], False), ("streams", stream_header("localhost"), True),
            ("streams", stream_header("localhost") + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>biwsbj1yb21lbyxyPWZ5a28=</auth>", False),
            ("streams", stream_header("localhost") + "<a>{{x*9000}}", False), ("streams", stream_header("localhost") + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", False),
            ("secure web", "", False), ("secure web", "", True), ("web", "", False), ("web", "GET / HT", False), ("web", request("GET", "/", "localhost"), False),
            ("web", "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na", False),
            ("web", "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n<body", False), ("web", WebSocket.handshake("localhost"), False),
            ("web", request("POST", "/http-bind", "localhost", [("Content-Type", "text/xml"), ("Content-Length", 190)]) +
             "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost' wait='60' hold='1' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>".ljust(190), False),
        ]  # fmt: skip
        steps = []
        for _ in range(self.random.choice([1, 2])):
            port, text, tls = self.random.choice(kinds)
            steps.append({"do": "crowd", "port": port, "text": text, "tls": tls, "count": self.random.choice([20, 100, 400])})
        return {"name": "crowd", "steps": [*steps, {"do": "wait", "seconds": 1}]}

    def frames(self):
        """WebSocket below the stanzas."""
        steps = [{"do": "connect", "who": "w", "over": "websocket"}]
        if self.random.random() < 0.6:
            steps = [{"do": "sign in", "who": "w", "person": "romeo", "over": "websocket", "resource": "w"}]
        opening = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>"
        for _ in range(self.random.choice([2, 4, 8])):
            text = self.random.choice([opening, self._stanza().replace("<iq", "<iq xmlns='jabber:client'"), "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"])
            kind = self.random.randrange(7)
            if kind == 0:
                steps.append({"do": "frame", "who": "w", "text": self._changed(text)})
            elif kind == 1:
                steps.append({"do": "frame", "who": "w", "text": text, "opcode": self.random.randrange(16), "final": self.random.random() < 0.7,
                              "masked": self.random.random() < 0.8, "reserved": self.random.choice([0, 0, 1, 2, 4, 7])})  # fmt: skip
            elif kind == 2:
                steps.append({"do": "frame", "who": "w", "text": text,
                              "length": self.random.choice([0, 1, 125, 126, 127, 65535, 65536, 262144, 2**31, 2**32, 2**62, 2**63, 2**64 - 1])})  # fmt: skip
            elif kind == 3:
                half = len(text) // 2
                steps += [{"do": "frame", "who": "w", "text": text[:half], "final": False},
                          {"do": "frame", "who": "w", "text": self.random.choice(["", "x", "x" * 125, "x" * 126]), "opcode": self.random.choice([8, 9, 10])},
                          {"do": "frame", "who": "w", "text": text[half:], "opcode": self.random.choice([0, 0, 0, 1])}]  # fmt: skip
            elif kind == 4:
                steps += [{"do": "frame", "who": "w", "text": one, "final": False, "opcode": 1 if index == 0 else 0}
                          for index, one in enumerate(text[:20])]  # fmt: skip
            elif kind == 5:
                steps.append({"do": "bytes", "who": "w", "text": self.mutator.flip(text)})
            else:
                steps.append({"do": "frame", "who": "w", "text": self._changed(text) + self._changed(opening)})
        if self.random.random() < 0.2:
            steps = [{"do": "request", "who": "h", "over": "web", "text": mutations.http(self.random, WebSocket.handshake(people.STANDARD))},
                     {"do": "frame", "who": "h", "text": opening}]
        return {"name": "frames", "steps": mutations.states(self.random, steps)}

    def bodies(self):
        """BOSH below the stanzas: numbers, acknowledgements, waits."""
        steps = [{"do": "connect", "who": "b", "over": "bosh"}, {"do": "stream", "who": "b"}]
        if self.random.random() < 0.6:
            steps = [{"do": "sign in", "who": "b", "person": "romeo", "over": "bosh", "resource": "b"}]
        attributes = [
            "", "", " ack='1'", " ack='%s'" % self.random.choice(mutations.NUMBERS), " pause='%s'" % self.random.choice(mutations.NUMBERS),
            " type='terminate'", " type='error'", " xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'", " newkey='a'", " key='a'", " sid='other'", " sid=''",
            " wait='%s' hold='%s' ver='1.6' to='localhost'" % (self.random.choice(mutations.NUMBERS), self.random.choice(mutations.NUMBERS)),
            " to='unknown.example'", " stream='x'", " condition='a'", " content='text/plain'", " charsets='a'", " from='%s'" % "romeo@localhost",
        ]  # fmt: skip
        for _ in range(self.random.choice([3, 6, 12])):
            text = self.random.choice(["", "", "<presence xmlns='jabber:client'/>", self._stanza("iq", "message", "auth", "authenticate").replace("<iq", "<iq xmlns='jabber:client'", 1)])
            step = {"do": "body", "who": "b", "attributes": self.random.choice(attributes), "text": self._changed(text) if text else ""}
            if self.random.random() < 0.4:
                step["skip"] = self.random.choice([-1000, -2, -1, 0, 1, 2, 3, 10, 2**31, 2**53, 2**63, 2**64])
            steps.append(step)
        if self.random.random() < 0.3:
            first = ("<body xmlns='http://jabber.org/protocol/httpbind' rid='%s' to='localhost' wait='%s' hold='%s' ver='1.6' xmpp:version='1.0' "
                     "xmlns:xmpp='urn:xmpp:xbosh'/>") % tuple(self.random.choice(mutations.NUMBERS + ["1", "5", "60"]) for _ in range(3))
            raw = request("POST", "/http-bind", "localhost", [("Content-Type", "text/xml")], self._changed(first))
            steps.append({"do": "request", "who": "h", "over": "web", "text": mutations.http(self.random, raw) if self.random.random() < 0.5 else raw})
        return {"name": "bodies", "steps": mutations.states(self.random, steps)}

    # Pages

    def _request(self, method, target, host, fields=None, headers=(), body=None, is_valid=False):
        headers = [("Cookie", "visitor={{visitor}}; __Host-visitor={{visitor}}"), *headers]
        if fields is not None:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            body = "&".join(f"{name}={value}" for name, value in fields)
        text = request(method, target, host, headers, body)
        if self.random.random() < 0.3 and not is_valid:
            text = mutations.http(self.random, text)
        step = {"do": "request", "who": self.random.choice(["h", "h", "h", "h2"]), "over": "web", "text": text}
        return step

    def _signed_in(self, host):
        person = self._person(host)
        name = people.PEOPLE[person][2] or people.PEOPLE[person][1]
        steps = [
            self._request("GET", self.random.choice(["/sign-in", "/sign-in?next=/account", "/sign-in?next=//x", "/account"]), host),
            self._request("POST", "/sign-in", host, [
                ("form-key", "{{form-key}}"), ("next", "/account"), ("name", name), ("password", people.PASSWORD.replace(" ", "+"))]),
            self._request("GET", "/account", host),
        ]  # fmt: skip
        return steps

    def pages(self):
        """What people do in their browsers."""
        host = self.random.choice(people.HOSTS)
        steps = self._signed_in(host) if self.random.random() < 0.9 else []
        key = ("form-key", "{{form-key}}")
        contact = self.random.choice(mutations.ADDRESSES)
        photo = "\r\n".join([
            "--b", 'Content-Disposition: form-data; name="form-key"', "", "{{form-key}}", "--b", 'Content-Disposition: form-data; name="action"', "", "set", "--b",
            'Content-Disposition: form-data; name="photo"; filename="x.gif"', "Content-Type: image/gif", "",
            "GIF89a\x01\x00\x01\x00\x00\x00\x00;" + self.random.choice(["", "x" * 60_000, "x" * 70_000]), "--b--", ""])  # fmt: skip
        visits = [
            ("GET", "/", None), ("GET", "/style.css", None), ("GET", "/account", None), ("GET", "/account/photo", None), ("GET", "/account/export.xml", None),
            ("GET", "/account/export.json", None), ("GET", "/account/delete", None), ("GET", "/contacts", None), ("GET", "/chat/", None), ("GET", "{{asset}}", None),
            ("GET", "/device", None), ("GET", "/device?code=ABCD-EFGH", None), ("GET", "/nothing", None), ("GET", "/.well-known/host-meta", None),
            ("GET", "/.well-known/host-meta.json", None), ("GET", "/.well-known/oauth-authorization-server", None), ("GET", "/.well-known/openid-configuration", None),
            ("OPTIONS", "/http-bind", None), ("GET", "/http-bind", None), ("GET", "/xmpp-websocket", None), ("HEAD", "/account", None),
            ("POST", "/account/profile", [key, ("display-name", self.random.choice(mutations.TEXTS)), ("personal-message", self.random.choice(mutations.TEXTS))]),
            ("POST", "/account/history", [key, ("keep", self.random.choice(["on", "off", "delete", ""]))]),
            ("POST", "/account/apps", [key, ("grant", self.random.choice(["{{grant}}", "", "x", *mutations.NUMBERS]))]),
            ("POST", "/account/password", [key, ("current", self.random.choice([people.PASSWORD.replace(" ", "+"), "wrong"])), ("new", people.PASSWORD.replace(" ", "+")), ("again", people.PASSWORD.replace(" ", "+"))]),
            ("POST", "/account/delete", [key, ("password", self.random.choice([people.PASSWORD.replace(" ", "+"), "wrong", "wrong"]))]),
            ("POST", "/contacts/answer", [key, ("contact", contact), ("answer", self.random.choice(["accept", "decline", "x"]))]),
            ("POST", "/contacts/remove", [key, ("contact", contact)]), ("POST", "/device", [key, ("code", "{{user_code}}"), ("decision", "allow")]),
            ("POST", "/sign-out", [key]),
        ]  # fmt: skip
        for _ in range(self.random.choice([4, 8, 16])):
            if self.random.random() < 0.1:
                steps.append(self._request("POST", "/account/photo", host, None, [("Content-Type", "multipart/form-data; boundary=b")], photo))
            else:
                steps.append(self._request(*self._visit(self.random.choice(visits), host)))
        return {"name": f"pages of {host}", "steps": mutations.states(self.random, steps)}

    @staticmethod
    def _visit(visit, host):
        method, target, fields = visit
        return method, target, host, fields

    def apps(self):
        """What apps and devices ask for."""
        host = self.random.choice(people.HOSTS)
        scope = self.random.choice(["", "xmpp", "wl.messenger", "wl.offline_access+xmpp", "wl.offline_access+wl.messenger", "x", ","])
        metadata = self._changed_json(
            '{"redirect_uris":["%s"],"client_name":"Tern","scope":"xmpp wl.messenger wl.offline_access"}' % CALLBACK)
        steps = [self._request("POST", "/oauth/register", host, None, [("Content-Type", "application/json")], metadata)] + self._signed_in(host)
        asked = [("response_type", self.random.choice(["code", "code", "code", "token", "x"])), ("client_id", "{{client_id}}"), ("redirect_uri", CALLBACK), ("scope", scope),
                 ("state", "s"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]  # fmt: skip
        query = "&".join(f"{name}={value}" for name, value in asked)
        client = ("client_id", "{{client_id}}")
        allow = [self._request("GET", f"/oauth/authorize?{query}", host),
                 self._request("POST", "/oauth/authorize", host, [("form-key", "{{form-key}}"), *asked, ("decision", self.random.choice(["allow", "allow", "deny"]))])]
        exchange = self._request("POST", "/oauth/token", host, [
            ("grant_type", "authorization_code"), ("code", "{{code}}"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER), client])  # fmt: skip
        device = [
            self._request("POST", "/oauth/device", host, [client, ("scope", scope)]), self._request("GET", "/device?code={{user_code}}", host),
            self._request("POST", "/device", host, [("form-key", "{{form-key}}"), ("code", "{{user_code}}"), ("decision", "allow")]),
            self._request("POST", "/oauth/token", host, [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "{{device_code}}"), client]),
        ]  # fmt: skip
        later = [
            self._request("POST", "/oauth/token", host, [("grant_type", "refresh_token"), ("refresh_token", "{{refresh_token}}"), client, ("scope", scope)]),
            self._request("POST", "/oauth/introspect", host, [("token", "{{access_token}}"), client]),
            self._request("POST", "/oauth/revoke", host, [("token", self.random.choice(["{{access_token}}", "{{refresh_token}}", ""])), client]),
            self._request("POST", "/oauth/token", host, [("grant_type", self.random.choice(["password", "client_credentials", "", "x"])), client]),
            {"do": "together", "steps": [exchange | {"who": "h"}, exchange | {"who": "h2"}]},
            self._request("GET", "/account", host),
        ]  # fmt: skip
        steps += self.random.choice([allow + [exchange], device, allow + [exchange] + device])
        steps += self.random.sample(later, self.random.choice([1, 3, 5]))
        return {"name": f"apps at {host}", "steps": mutations.states(self.random, steps)}

    def delegated(self):
        """An app that somebody has let in does what it likes with its token; the account stays its owner's."""
        person, host = self.random.choice(["romeo", "juliet", "nurse"]), people.STANDARD

        def ask(*request, **more):
            return self._request(*request, **more, is_valid=True) | {"who": "h"}

        scope = self.random.choice(["xmpp", "wl.messenger", "xmpp+wl.offline_access", "xmpp:client:normal"])
        asked = [("response_type", "code"), ("client_id", "{{client_id}}"), ("redirect_uri", CALLBACK), ("scope", scope),
                 ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]  # fmt: skip
        steps = [
            ask("POST", "/oauth/register", host, None, [("Content-Type", "application/json")],
                '{"redirect_uris":["%s"],"client_name":"Tern"}' % CALLBACK),
            ask("GET", "/sign-in", host),
            ask("POST", "/sign-in", host, [("form-key", "{{form-key}}"), ("name", person), ("password", people.PASSWORD.replace(" ", "+"))]),
            ask("GET", "/account", host),
            ask("POST", "/oauth/authorize", host, [("form-key", "{{form-key}}"), *asked, ("decision", "allow")]),
            ask("POST", "/oauth/token", host, [
                ("grant_type", "authorization_code"), ("code", "{{code}}"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER), ("client_id", "{{client_id}}")]),
            {"do": "sign in", "who": "app", "person": person, "over": self._over(), "resource": "app", "token": "{{access_token}}"},
        ]  # fmt: skip
        wishes = [
            "<iq type='set' id='1'><query xmlns='jabber:iq:register'><username>%s</username><password>mine now, all of it</password></query></iq>" % person,
            "<iq type='set' id='2'><query xmlns='jabber:iq:register'><remove/></query></iq>",
            "<iq type='set' id='3' to='localhost'><command xmlns='http://jabber.org/protocol/commands' node='{{node}}' action='execute'/></iq>",
            "<iq type='get' id='4'><list xmlns='urn:xmpp:cam:0'/></iq>",
        ]  # fmt: skip
        for _ in range(self.random.choice([3, 6, 12])):
            wish = self.random.choice([*wishes, self._stanza("iq")])
            steps.append(self._send("app", self._changed(wish)))
        return {"name": f"delegated by {person}", "keep": [person], "steps": steps}

    def _changed_json(self, text):
        kind = self.random.randrange(6)
        if kind == 0:
            return text.replace(CALLBACK, self.random.choice([
                "http://127.0.0.1/cb", "http://[::1]:0/cb", "javascript:alert(1)", "app.example:/cb", "https://a.example/#f", "", "https://localhost/", "x" * 5000, "//", "https://[/"]))  # fmt: skip
        if kind == 1:
            return self.random.choice(["{}", "[]", "null", "{" * 5000, "[" * 100_000, '{"redirect_uris":1}', '{"client_name":"\\ud800"}', '"', "", "1e999", text + text])
        if kind == 2:
            return text.replace("Tern", self.random.choice(["", "x" * 101, "\\u202e", "<b>", "\\n", "\\u0000"]))
        if kind == 3:
            return self.mutator.flip(text)
        return text
