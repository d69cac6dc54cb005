"""Changes to valid XML that know its grammar. Each takes a `random.Random`; the same one makes the same changes."""

from finds import FORGED
from markup import Node, parse

ADDRESSES = [
    "{{romeo}}", "{{juliet}}", "{{mary}}", "{{tom}}", "{{me}}", "{{romeo/pc}}", "{{mary/pc}}", "{{juliet/balcony}}",
    "localhost", "messenger.localhost", "localhost/x", "nobody@localhost", "nobody@messenger.localhost", "a@unknown.example",
    "unknown.example", "@localhost", "romeo@", "romeo@@localhost", "romeo@localhost/", "/pc", "", " ", "ROMEO@LOCALHOST",
    "romeo@localhost/pc/x@y", "rom\u00e9o@localhost", "\uff52omeo@localhost", "romeo@localhost.", "romeo@xn--a", "a b@localhost",
    "{{a*1023}}@localhost", "{{a*1024}}@localhost", "romeo@localhost/{{r*1023}}", "romeo@localhost/{{r*1024}}", "\u202e@localhost",
    "a\\20b@localhost", "mary@contoso.example", "[::1]", "romeo@[::1]", "{{romeo}}/\u0130", "\ufb01@localhost", "e\u0301@localhost",
]  # fmt: skip
NUMBERS = [
    "0", "-0", "+0", "1", "-1", "00", "", " ", " 5 ", "5 5", "0x10", "1e3", "1.5", "NaN", "Infinity", "127", "128", "-128", "-129",
    "255", "256", "32767", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967295", "4294967296",
    "9007199254740992", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
    "18446744073709551616", "99999999999999999999999999", "\u0665", "\uff15", "{{9*1000}}",
]  # fmt: skip
TIMES = [
    "2012-04-26T10:00:00Z", "0001-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-14:00", "-0001-01-01T00:00:00Z", "2012-02-30T10:00:00Z", "2012-04-26T24:00:00Z", "2012-04-26T10:00:60Z",
    "2012-04-26", "10:00:00Z", "2012-04-26T10:00:00", "2012-04-26T10:00:00+99:99", "99999999999-01-01T00:00:00Z", "garbage", "",
    "1969-12-31T23:59:59Z", "2038-01-19T03:14:08Z", "292277026596-12-04T15:30:08Z", "2012-04-26T10:00:00.{{9*300}}Z",
]  # fmt: skip
TYPES = ["get", "set", "result", "error", "chat", "normal", "headline", "groupchat", "subscribe", "subscribed", "unsubscribe",
         "unsubscribed", "unavailable", "probe", "submit", "form", "cancel", "", "x", "both", "to", "from", "remove", "none"]  # fmt: skip
TEXTS = [
    "", " ", "\n\t ", "a", "on", "off", "true", "false", "1", "\u00e9\u4e2d\U0001f600", "\u200b", "\ufeff", "\u202e", "&lt;&amp;&gt;&quot;&apos;",
    "&#x10FFFF;", "&#9;&#10;&#13;", "<![CDATA[<a>&]]>", "<![CDATA[]]>", "]]&gt;", "%00", "../../etc/passwd", "' OR 1=1 --", "\"*\" OR", "NEAR(a b)",
    "a* AND (b", "{{w *300}}", "{{x*5000}}", "=?", "AAAA", "====", "{{A*4096}}", "\U000e0001",
]  # fmt: skip
ILL_FORMED = [
    "<", "&", "&unknown;", "&#0;", "&#xD800;", "&#x110000;", "<!-- c -->", "<?pi x?>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "]]>", "<a", "</a>",
    "<a b=c/>", "<a b='1' b='2'/>", "<p:a/>", "<a xmlns:p=''/>", "<a xmlns:xml='urn:x'/>", "<a xmlns:xmlns='urn:x'/>", "<1/>", "<a:b:c/>", "\x00",
    "\x01", "\udcff", "\udcc0\udc80", "\udced\udca0\udc80", "\udcf4\udc90\udc80\udc80", "\ufffe", "<a '/>", "<?xml version='1.0'?>", "</stream:stream>",
    "<stream:stream>",
]  # fmt: skip
NAMESPACES = [
    "", "urn:x", "jabber:client", "jabber:server", "http://etherx.jabber.org/streams", "urn:xmpp:sm:3", "urn:xmpp:mam:2", "jabber:iq:roster",
    "vcard-temp", "urn:xmpp:carbons:2", "urn:xmpp:sid:0", "urn:xmpp:delay", "urn:ietf:params:xml:ns:xmpp-sasl", "urn:xmpp:sasl:2",
    "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/", "jabber:x:data", "urn:xmpp:archive", "urn:&amp;", "jabber:client&#x20;",
]  # fmt: skip
FORGERIES = [
    f"<stanza-id xmlns='urn:xmpp:sid:0' by='{{{{to}}}}' id='{FORGED}'/>",
    "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'/>",
    "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
    f"from='boss@localhost/x' to='{{{{to}}}}' type='chat'><body>{FORGED}</body></message></forwarded></received>",
    "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' "
    f"from='{{{{to}}}}' to='boss@localhost/x' type='chat'><body>{FORGED}</body></message></forwarded></sent>",
]  # fmt: skip
# The standing limits of streams and parsers; sizes are tried about them.
STANZA_SIZES = (10_000, 15_000, 65_536, 262_144)
PADDING = ("x", "&quot;", "\"", "&amp;", "\n", "&#x9;", "\u00e9", "&lt;", " ", "\U0001f600")


class Mutator:
    def __init__(self, random, vocabulary):
        self.random = random
        # Elements that clients send, to be put into others.
        self.vocabulary = vocabulary
        # Each with how often it is chosen.
        self.structural = [
            (self.change_value, 10), (self.remove_attribute, 4), (self.add_attribute, 4), (self.change_text, 8), (self.rename, 2),
            (self.change_namespace, 5), (self.prefix, 4), (self.wrap, 2), (self.repeat, 4), (self.repeat_often, 1), (self.remove, 5),
            (self.shuffle, 3), (self.graft, 5), (self.pad, 2), (self.many_attributes, 2), (self.many_namespaces, 2), (self.long_namespace, 3),
            (self.forge, 4), (self.refer, 2), (self.address, 6),
        ]  # fmt: skip
        self.textual = [
            (self.insert_ill_formed, 4), (self.truncate, 3), (self.flip, 3), (self.copy_piece, 2), (self.delete_piece, 2)]

    def _choose(self, choices):
        return self.random.choices([choice for choice, _ in choices], [weight for _, weight in choices])[0]

    def mutate(self, text, strength=1):
        """The text with some changes; mostly it stays well-formed."""
        root = parse(text)
        if not root.elements:
            return text if self.random.random() < 0.5 else self._choose(self.textual)(text)
        for _ in range(strength):
            # Changes of names and values come about in elements far inside as often as outside.
            top = self.random.choice(root.elements)
            node = self.random.choice(list(top.all()))
            self._choose(self.structural)(top, node)
        text = root.inner()
        if self.random.random() < 0.08:
            text = self._choose(self.textual)(text)
        return text

    # Values

    def _value_for(self, name, value):
        chance = self.random.random()
        if chance < 0.1:
            return self.random.choice(TEXTS)
        if name in ("to", "from", "jid", "with", "by", "node") or "@" in value:
            return self.random.choice(ADDRESSES)
        if name in ("type", "subscription", "ask", "default", "otr", "save", "method", "use"):
            return self.random.choice(TYPES)
        if name in ("start", "end", "stamp", "utc", "since", "before", "after"):
            return self.random.choice(TIMES)
        if value.strip("-").isdigit() or name in ("h", "max", "rid", "count", "ver", "secs", "index"):
            return self.random.choice(NUMBERS)
        return self.random.choice(self.random.choice([TEXTS, NUMBERS, TIMES, ADDRESSES, TYPES]))

    def change_value(self, top, node):
        if not node.attributes:
            return self.change_text(top, node)
        attribute = self.random.choice(node.attributes)
        attribute[1] = _attribute_safe(self._value_for(*attribute))

    def address(self, top, node):
        top.put(self.random.choice(["to", "to", "to", "from"]), _attribute_safe(self.random.choice(ADDRESSES)))

    def remove_attribute(self, top, node):
        if node.attributes:
            node.attributes.pop(self.random.randrange(len(node.attributes)))

    def add_attribute(self, top, node):
        name = self.random.choice(["to", "from", "type", "id", "xml:lang", "xmlns", "node", "jid", "max", "ver", "xml:space", "resume", "h"])
        if node.get(name) is None:
            node.attributes.append([name, _attribute_safe(self._value_for(name, ""))])

    def change_text(self, top, node):
        value = node.inner() if not node.elements else ""
        node.children = [child for child in node.children if isinstance(child, Node)]
        hint = node.local if node.local in ("start", "end", "with", "max", "before", "after", "jid") else "value"
        node.children.append(self._value_for(hint, value))

    # Names

    def rename(self, top, node):
        node.name = self.random.choice([
            "message", "presence", "iq", "query", "body", "x", "item", "set", "error", "bind", "a", "stream:error", "ns:a", "A", "\u00e9", "{{n*2000}}"])

    def change_namespace(self, top, node):
        node.put("xmlns", self.random.choice(NAMESPACES))

    def prefix(self, top, node):
        """The same name, said with a prefix that is declared here or further out."""
        if node is top and self.random.random() < 0.7 and node.get("xmlns") is None:
            node.attributes.append(["xmlns", "jabber:client"])
        namespace = node.get("xmlns")
        if namespace is None or ":" in node.name:
            return
        node.attributes = [attribute for attribute in node.attributes if attribute[0] != "xmlns"]
        prefix = self.random.choice("pcs")
        (top if self.random.random() < 0.5 else node).put("xmlns:" + prefix, namespace)
        self._qualify(node, prefix)

    def _qualify(self, node, prefix):
        node.name = f"{prefix}:{node.name}"
        for child in node.elements:
            if ":" not in child.name and child.get("xmlns") is None:
                self._qualify(child, prefix)

    # Structure

    def wrap(self, top, node):
        depth = self.random.choice([1, 2, 10, 58, 60, 61, 62, 63, 64, 65, 66, 200])
        for _ in range(depth):
            node.children = [Node(self.random.choice(["a", "b", node.name]), (), node.children)]

    def _parent(self, top, node):
        return next((parent for parent in top.all() if node in parent.elements), None)

    def repeat(self, top, node, times=None):
        parent = self._parent(top, node)
        if parent is not None:
            parent.children += [node.copy() for _ in range(times or self.random.choice([1, 1, 2, 3]))]

    def repeat_often(self, top, node):
        size = max(len(str(node)), 1)
        self.repeat(top, node, min(self.random.choice([30, 100, 1000, 5000]), 300_000 // size))

    def remove(self, top, node):
        parent = self._parent(top, node)
        if parent is not None:
            parent.children.remove(node)

    def shuffle(self, top, node):
        self.random.shuffle(node.children)
        self.random.shuffle(node.attributes)

    def graft(self, top, node):
        """Something that belongs into another stanza."""
        donor = self.random.choice(list(parse(self.random.choice(self.vocabulary)[1]).elements[0].all())).copy()
        place = self.random.choice([top, node])
        place.children.insert(self.random.randrange(len(place.children) + 1), donor)

    def forge(self, top, node):
        to = top.get("to") or "{{me}}"
        top.children.insert(0, self.random.choice(FORGERIES).replace("{{to}}", to.partition("/")[0]))

    # Sizes

    def pad(self, top, node):
        padding = self.random.choice(PADDING)
        size = self.random.choice([100, 1023, 1024, 3000] + [size - len(str(top)) + self.random.randrange(-9, 9) for size in STANZA_SIZES])
        width = len(padding.encode())
        padding = "{{%s*%d}}" % (padding, max(size // width, 1))
        if self.random.random() < 0.3 and "\"" not in padding:
            node.put(self.random.choice(["id", "to", "x"]), padding)
        else:
            node.children.append(padding)

    def many_attributes(self, top, node):
        count = self.random.choice([60, 63, 64, 65, 66, 70, 126, 127, 128, 129, 500])
        if self.random.random() < 0.6:
            top.put("xmlns:q", self.random.choice(["urn:q", "urn:x", "jabber:client"]))
            node.children.append(Node("x", [["xmlns", "urn:x"]] + [[f"q:a{index}", "1"] for index in range(count)]))
        else:
            node.attributes += [[f"a{index}", "1"] for index in range(count)]

    def many_namespaces(self, top, node):
        count = self.random.choice([60, 61, 62, 63, 64, 65, 66, 200])
        node.attributes += [[f"xmlns:n{index}", f"urn:{index % self.random.choice([1, 7, 1000])}"] for index in range(count)]

    def long_namespace(self, top, node):
        """A long name, and many that bear it."""
        padding = self.random.choice(["\"", "x", "&amp;", "&#x41;", "\u00e9"])
        length = self.random.choice([100, 1000, 1024, 1025, 5000, 30_000, 100_000])
        count = self.random.choice([1, 500, 1400, 7000])
        declared = "{{%s*%d}}" % (padding, max(1, length // len(padding)))
        if self.random.random() < 0.8:
            if self.random.random() < 0.5:
                self.prefix(top, top)
            top.attributes.append(["xmlns:l", "urn:" + declared])
            shape = self.random.choice(["<l:x/>", "<x l:a='1'/>", "<l:x l:a='1'/>"])
            node.children.append("{{%s*%d}}" % (shape, count))
        else:
            node.put("xmlns", "urn:" + declared)
            node.children.append("{{<x xmlns='urn:%s'/>*%d}}" % (self.random.choice(["y", ""]), count))

    def refer(self, top, node):
        """Some characters by their numbers."""
        def referred(text):
            if "{{" in text or "&" in text or "<" in text:
                return text
            return "".join(f"&#x{ord(one):x};" if self.random.random() < 0.3 else one for one in text)

        for attribute in node.attributes:
            attribute[1] = referred(attribute[1])
        node.children = [referred(child) if isinstance(child, str) else child for child in node.children]

    # Text

    def _place(self, text):
        return self.random.randrange(len(text) + 1)

    def insert_ill_formed(self, text):
        place = self._place(text)
        return text[:place] + self.random.choice(ILL_FORMED) + text[place:]

    def truncate(self, text):
        return text[: self._place(text)]

    def flip(self, text):
        if not text:
            return text
        place = self.random.randrange(len(text))
        return text[:place] + chr(self.random.choice([ord(text[place]) ^ 1, ord(text[place]) ^ 0x20, self.random.randrange(1, 128)])) + text[place + 1 :]

    def copy_piece(self, text):
        one, other = sorted((self._place(text), self._place(text)))
        place = self._place(text)
        return text[:place] + text[one : min(other, one + 500)] + text[place:]

    def delete_piece(self, text):
        place = self._place(text)
        return text[:place] + text[place + self.random.choice([1, 1, 2, 4, 16, 64]) :]


def _attribute_safe(value):
    """Texts of content in an attribute, where elements and sections cannot be."""
    return value.replace("<", "&lt;") if "<" in value else value


def http(random, text):
    """A request with a change that its grammar knows: what proxies and clients of old send, or attackers."""
    head, blank, body = text.partition("\r\n\r\n")
    lines = head.split("\r\n")
    kind = random.randrange(16)
    method, _, rest = lines[0].partition(" ")
    if kind == 0:
        lines[0] = random.choice(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "get", "X" * 300]) + " " + rest
    elif kind == 1:
        lines.insert(1 + random.randrange(len(lines)), random.choice([
            "Upgrade: websocket\r\nConnection: Upgrade", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
            "Expect: 100-continue", "Connection: close", "Connection: keep-alive, x", "Transfer-Encoding: gzip", "X-Forwarded-For: 1.2.3.4, ::1",
            "Range: bytes=0-0,5-", "If-None-Match: *", "Accept-Encoding: gzip;q=x", "Cookie: visitor=" + "a" * 32, "Cookie: ;;=;a", "Host: other",
            "Authorization: Basic  AAAA", "Authorization: Basic bm9ib2R5Om5vdGhpbmc=", "Authorization: Bearer {{access_token}}", "Authorization: ",
            "Content-Type: text/plain ; charset = x", "Content-Type: multipart/form-data; boundary=", "A" * 9000 + ": x", "A: " + "x" * 70000, "Origin: null",
            "Accept-Language: " + "a," * 3000, "If-Modified-Since: Thu, 99 Foo 9999 99:99:99 GMT"]))  # fmt: skip
    elif kind == 2:
        lines = [line for line in lines if not line.startswith(random.choice(["Host", "Content", "Cookie", "Connection"]))] or lines
    elif kind == 3:
        size = random.choice(["0", "1", "-1", "+5", "99999999999999999999", "5, 5", "0x5", "", " ", "1048576"])
        lines = [f"Content-Length: {size}" if line.startswith("Content-Length") else line for line in lines]
    elif kind == 4 and body:
        lines = ["Transfer-Encoding: chunked" if line.startswith("Content-Length") else line for line in lines]
        pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
        body = "".join(f"{len(piece.encode('utf-8', 'surrogateescape')):x}{random.choice(['', '', ';a=b', ' '])}\r\n{piece}\r\n" for piece in pieces)
        body += random.choice(["0\r\n\r\n", "0\r\nTrailer: x\r\n\r\n", "zz\r\n", "", "ffffffffffffffff\r\n", "-1\r\n\r\n", "0"])
    elif kind == 5 and body:
        parts = body.split("&")
        body = "&".join(parts + [random.choice(parts)] * random.choice([1, 1, 100]))
    elif kind == 6 and "=" in body:
        parts = body.split("&")
        place = random.randrange(len(parts))
        name = parts[place].partition("=")[0]
        parts[place] = random.choice([name, name + "=", name + "=%", name + "=%zz", name + "=%00", name + "=%ff%fe", "=" + name, name + "=" + "x" * 9000, name + "=+", ""])
        body = "&".join(parts)
    elif kind == 7 and "?" in lines[0]:
        target, _, query = rest.partition("?")
        parts = query.partition(" ")[0].split("&")
        random.shuffle(parts)
        place = random.randrange(len(parts))
        parts[place] = random.choice([parts[place].partition("=")[0] + "=", parts[place].partition("=")[0], parts[place] + "&" + parts[place], "", parts[place] + "%0d%0aX: y"])
        lines[0] = f"{method} {target}?{'&'.join(parts)} HTTP/1.1"
    elif kind == 8:
        target, _, version = rest.rpartition(" ")
        other = random.choice([
            target + "/", target + "/..", "/" + target, target + "%2e%2e", "*", "http://x/", target + "?" * 5, target + "#a", "/" + "a" * 9000,
            "/%", "/%00", "/\u00e9", target.upper(), ""])  # fmt: skip
        lines[0] = f"{method} {other} {version}"
    elif kind == 9:
        lines[0] = lines[0].replace("HTTP/1.1", random.choice(["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1.1", "", "HTTP/9999999999.1", "http/1.1"]))
    elif kind == 10:
        lines.append(random.choice(["No colon", ": no name", "A b: c", " folded", "A:\x00", "A: \x7f", "\x00: b", "A: \udcff", "A" * 100 + ":" + " " * 3000]))
    elif kind == 11:
        return text + text
    elif kind == 12:
        return text[: random.randrange(len(text) + 1)]
    elif kind == 13:
        place = random.randrange(len(text) + 1)
        return text[:place] + random.choice(["\r", "\n", "\x00", "\udcff", " ", "\r\n\r\n", "%", "\t"]) + text[place:]
    elif kind == 14:
        return text + random.choice(["\x00\x01\r\n\r\n", "GET / HTTP/1.1\r\n", "\r\n" * 5, "x" * 10_000])
    elif kind == 15 and body:
        place = random.randrange(len(body) + 1)
        body = body[:place] + random.choice(["\x00", "\udcff", "{{x*70000}}", "&", "=", "--", "\r\n--b--\r\n", "%"]) + body[place:]
    return "\r\n".join(lines) + blank + body


def states(random, steps):
    """Steps that are left out, doubled, swapped, done at once, cut short, or come when the server is another one."""
    steps = [dict(step) for step in steps]
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        if not steps:
            break
        place = random.randrange(len(steps))
        who = steps[place].get("who")
        kind = random.randrange(11)
        if kind == 0:
            steps.pop(place)
        elif kind == 1:
            steps[place:place] = [dict(steps[place])] * random.choice([1, 1, 2, 5])
        elif kind == 2 and place:
            steps[place - 1], steps[place] = steps[place], steps[place - 1]
        elif kind in (3, 4) and len(steps) > place + 1:
            size = random.choice([2, 2, 3])
            together = [step | {"after": random.choice([0, 0, 0.5, 1, 3])} for step in steps[place : place + size]]
            if not any(step["do"] in ("restart", "kill", "together", "contacts") for step in together):
                steps[place : place + size] = [{"do": "together", "steps": together}]
        elif kind == 5 and who:
            steps.insert(place + 1, {"do": random.choice(["cut", "cut", "close", "half close"]), "who": who})
        elif kind == 6 and who:
            steps.insert(place, {"do": "stop reading", "who": who})
            steps.insert(random.randrange(place + 1, len(steps) + 1), {"do": "read again", "who": who})
        elif kind == 7 and random.random() < 0.25:
            steps.insert(place, {"do": random.choice(["kill", "restart"])})
        elif kind == 8 and who:
            show = random.choice([
                "<presence><priority>-1</priority></presence>", "<presence type='unavailable'/>", "<presence/>", "<presence><priority>5</priority></presence>",
                "<inactive xmlns='urn:xmpp:csi:0'/>", "<active xmlns='urn:xmpp:csi:0'/>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
                "<r xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='0'/>", "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>"])  # fmt: skip
            for _ in range(random.choice([1, 1, 2, 3])):
                steps.insert(place, {"do": "send", "who": who, "text": show})
        elif kind == 9 and who:
            signs = [step for step in steps if step["do"] == "sign in"]
            if signs:
                steps.insert(place, dict(random.choice(signs)))
        elif kind == 10 and steps[place]["do"] == "send":
            steps[place]["pieces"] = random.choice([1, 2, 7, 100, 1000])
    return steps
