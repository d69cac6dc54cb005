"""The protocol scripts of the tests as a source of valid conversations: what clients send there, in that order."""

import re

import people
from markup import parse

STATEMENT = re.compile(r"(\S+) (sends|receives)(?: raw| text| in any order)?(?:\s+(.*))?$", re.S)
CLIENT = re.compile(r"client ((\w+)(?:/(\S+))?)( online)?(?: at \w+)?$")
CONNECTION = re.compile(r"connection (\S+)(?:( direct)?(?: to)? (\S+?))?(?: as (\w+))?(?: at \w+)?$")
VARIABLE = re.compile(r"\{\{([^{}*]+)\}\}")
ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\0": "\0"}


class Script:
    """What the clients of a script do, and where they learn what they say later."""

    def __init__(self, name, text):
        self.name = name
        self.steps = []
        # (element, attribute or None for the text, variable)
        self.lessons = []
        for statement in self._statements(text):
            self._read(statement)

    @staticmethod
    def _statements(text):
        statement = None
        for line in text.splitlines():
            if line.startswith((" ", "\t")):
                if statement is not None:
                    statement += "\n" + line
                continue
            if statement is not None:
                yield statement
            statement = None if not line or line.startswith("#") else line.rstrip()
        if statement is not None:
            yield statement

    def _read(self, statement):
        if match := STATEMENT.match(statement):
            who, verb, text = match.groups()
            if verb == "sends":
                text = self._unescape(text or "") if f"{who} sends raw" in statement else (text or "").strip()
                self.steps.append({"do": "send", "who": who, "text": text})
            else:
                self._learn(text or "")
        elif match := CLIENT.match(statement):
            who, person, resource, online = match.groups()
            if person in people.PEOPLE:
                self.steps.append({"do": "sign in", "who": who, "person": person, "resource": resource})
                if online:
                    self.steps.append({"do": "send", "who": who, "text": "<iq type='get' id='r0'><query xmlns='jabber:iq:roster'/></iq>"})
                    self.steps.append({"do": "send", "who": who, "text": "<presence/>"})
        elif match := CONNECTION.match(statement):
            who, _, domain, person = match.groups()
            if person in people.PEOPLE:
                self.steps.append({"do": "sign in", "who": who, "person": person, "bind": False})
            else:
                self.steps.append({"do": "connect", "who": who})
                if domain:
                    self.steps.append({"do": "stream", "who": who, "to": domain})
        elif match := re.match(r"(\S+) (closes|hangs up)$", statement):
            self.steps.append({"do": "close" if match[2] == "closes" else "cut", "who": match[1]})
        elif match := re.match(r"contacts (\w+) (\w+)$", statement):
            if match[1] in people.PEOPLE and match[2] in people.PEOPLE:
                self.steps.append({"do": "contacts", "one": match[1], "other": match[2]})
        elif statement == "server restarts":
            self.steps.append({"do": "restart"})
        elif statement == "server dies":
            self.steps.append({"do": "kill"})

    @staticmethod
    def _unescape(text):
        return re.sub(r"\\[nrt0]", lambda escape: ESCAPES[escape[0]], text)

    def _learn(self, text):
        root = parse(text)
        for node in root.all():
            for name, value in node.attributes:
                if match := VARIABLE.fullmatch(value):
                    self.lessons.append((node.local, name, match[1]))
            if len(node.children) == 1 and isinstance(node.children[0], str):
                if match := VARIABLE.fullmatch(node.children[0].strip()):
                    self.lessons.append((node.local, None, match[1]))


def read_all(folder):
    return [Script(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.xmpp"))]


def stanzas(scripts):
    """Every element that a client sends in any script, once, as (name of the element, text)."""
    found = {}
    for script in scripts:
        for step in script.steps:
            if step["do"] != "send":
                continue
            for node in parse(step["text"]).children:
                if not isinstance(node, str) and node.is_closed:
                    found[str(node)] = node.local
    return [(name, text) for text, name in found.items()]
