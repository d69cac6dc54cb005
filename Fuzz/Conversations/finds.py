"""What the fuzzer looks for, and what it says when it has found it."""


class Find(Exception):
    """Something that must not be; `kind` groups those that are alike."""

    def __init__(self, kind, detail):
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


# Texts that a log must never hold.
SECRETS = ("tern and plover",)

FORGED = "FORGED"


def log(records, secrets):
    for record in records:
        text = " ".join(str(value) for value in record.values())
        if record.get("level") in ("error", "critical", "raw"):
            raise Find("log", text[:2000])
        for secret in secrets:
            if secret and secret in text:
                raise Find("secret in the log", text[:2000])


def forgeries(heard, own_bare, hosts):
    """Nobody but the server says these things in its name."""
    if heard.name != "message" or heard.attributes.get("type") == "error":
        return
    sender = heard.attributes.get("from", "")
    for _, name, attributes, _, full in heard.children:
        if full in ("urn:xmpp:carbons:2 received", "urn:xmpp:carbons:2 sent") and sender != own_bare:
            raise Find("forged carbon", f"from {sender}")
        if full == "urn:xmpp:sid:0 stanza-id" and attributes.get("id", "").startswith(FORGED):
            if attributes.get("by") == own_bare:
                raise Find("forged stanza-id", f"from {sender}")
        if full == "urn:xmpp:delay delay" and attributes.get("stamp", "").startswith("2001-") and attributes.get("from") in hosts:
            raise Find("forged delay", f"from {sender}")
