"""What the server writes, read with a parser that nobody here wrote: it must be well-formed, and its stanzas no larger than
what they answer allows."""

from xml.parsers import expat

# No namespace can hold it.
SEPARATOR = "\x0c"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
DEEPEST_KEPT = 6


class Malformed(Exception):
    """The server has written what is not well-formed."""


class Heard:
    """A child of a stream: its name, attributes, and what is in it as (depth, name, attributes, [text])."""

    def __init__(self, name, attributes, start):
        self.namespace, _, self.name = name.rpartition(SEPARATOR)
        self.attributes = attributes
        self.inside = []
        self.start = start
        self.size = 0

    @property
    def children(self):
        return [entry for entry in self.inside if entry[0] == 1]


class Hearing:
    """Reads one stream, or documents one after the other."""

    def __init__(self, stanza_depth):
        self.stanza_depth = stanza_depth
        self.heard = []
        self.reset()

    def reset(self):
        self._parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.buffer_text = True
        self._depth = 0
        self._current = None
        self._open = []
        self._restarts = False

    def feed(self, data):
        """Reads on in a stream, which begins anew behind a success or where another declaration comes."""
        for index, piece in enumerate(data.split(b"<?xml ")):
            if index:
                self.reset()
                piece = b"<?xml " + piece
            elif self._restarts and piece.strip():
                self.reset()
            self._parse(piece, False)

    def document(self, data):
        self.reset()
        self._parse(data, True)

    def _parse(self, data, is_final):
        try:
            self._parser.Parse(data, is_final)
        except expat.ExpatError as error:
            raise Malformed(f"{error}: {data[:300]!r} … {data[-300:]!r}") from None

    def _start(self, name, attributes):
        depth = self._depth - self.stanza_depth
        if depth == 0:
            self._current = Heard(name, attributes, self._parser.CurrentByteIndex)
        elif depth > 0:
            entry = (depth, name.rpartition(SEPARATOR)[2], attributes, [], name.replace(SEPARATOR, " "))
            if depth <= DEEPEST_KEPT and len(self._current.inside) < 500:
                self._current.inside.append(entry)
            self._open.append(entry)
        self._depth += 1

    def _text(self, text):
        if self._open:
            self._open[-1][3].append(text)
        elif self._current is not None:
            self._current.inside.append((0, "", {}, [text], ""))

    def _end(self, name):
        self._depth -= 1
        if self._open:
            self._open.pop()
        if self._depth == self.stanza_depth and self._current is not None:
            self._current.size = self._parser.CurrentByteIndex - self._current.start
            self.heard.append(self._current)
            self._current = None
            if name == SASL + SEPARATOR + "success":
                self._restarts = True

    def take(self):
        heard, self.heard = self.heard, []
        return heard
