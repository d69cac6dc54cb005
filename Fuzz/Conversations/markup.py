"""XML as text with as much structure as mutations need: what is not well-formed stays as it is."""

import re
import sys

# Elements are nested as deep as a mutation likes.
sys.setrecursionlimit(20_000)

TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[^\s<>/='\"!?&]+)(?P<attributes>(?:\s+[^\s=<>/'\"]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(?P<empty>/?)>")
ATTRIBUTE = re.compile(r"([^\s=<>/'\"]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


class Node:
    """An element; attributes and texts are as they were written, references and all."""

    def __init__(self, name, attributes=(), children=(), is_closed=True):
        self.name = name
        self.attributes = [list(attribute) for attribute in attributes]
        self.children = list(children)
        # False: its end tag never came, as that of a stream.
        self.is_closed = is_closed

    @property
    def local(self):
        return self.name.rpartition(":")[2]

    def get(self, name):
        return next((value for key, value in self.attributes if key == name), None)

    def put(self, name, value):
        for attribute in self.attributes:
            if attribute[0] == name:
                attribute[1] = value
                return
        self.attributes.append([name, value])

    @property
    def elements(self):
        return [child for child in self.children if isinstance(child, Node)]

    def all(self):
        yield self
        for child in self.elements:
            yield from child.all()

    def copy(self):
        children = [child if isinstance(child, str) else child.copy() for child in self.children]
        return Node(self.name, self.attributes, children, self.is_closed)

    def inner(self):
        return "".join(str(child) for child in self.children)

    def __str__(self):
        if self.name is None:
            return self.inner()
        head = "<" + self.name + "".join(f" {name}={_quoted(value)}" for name, value in self.attributes)
        if not self.is_closed:
            return head + ">" + self.inner()
        return head + (f">{self.inner()}</{self.name}>" if self.children else "/>")


def _quoted(value):
    return f"'{value}'" if "'" not in value else f'"{value}"'


def parse(text):
    """A node without a name whose children are what the text holds."""
    root = Node(None)
    stack = [root]
    position = 0
    for match in TAG.finditer(text):
        if match.start() > position:
            stack[-1].children.append(text[position : match.start()])
        position = match.end()
        if match["close"]:
            if len(stack) > 1 and stack[-1].name == match["name"]:
                stack.pop().is_closed = True
            else:
                stack[-1].children.append(match[0])
            continue
        attributes = [
            (name, double if double else single) for name, double, single in ATTRIBUTE.findall(match["attributes"])]
        node = Node(match["name"], attributes, is_closed=bool(match["empty"]))
        stack[-1].children.append(node)
        if not match["empty"]:
            stack.append(node)
    if position < len(text):
        stack[-1].children.append(text[position:])
    return root
