"""Who takes part: the accounts of the protocol scripts, with the same names and the same password."""

PASSWORD = "tern and plover"

STANDARD = "localhost"
MESSENGER = "messenger.localhost"
HOSTS = (STANDARD, MESSENGER)

# name: (host, first part of the address, account id)
PEOPLE = {
    "romeo": (STANDARD, "romeo", None),
    "juliet": (STANDARD, "juliet", None),
    "nurse": (STANDARD, "nurse", None),
    "mary": (MESSENGER, "00037ffe12345678", "mary@contoso.example"),
    "tom": (MESSENGER, "0003aaaa00000001", "tom@contoso.example"),
    "ann": (MESSENGER, "0003aaaa00000002", "ann@contoso.example"),
}
# Those whose clients only watch: nobody else touches their accounts.
WATCHERS = {
    "watch": (STANDARD, "watch", None),
    "watchword": (STANDARD, "watchword", None),
    "watchman": (MESSENGER, "0003bbbb00000001", "watchman@contoso.example"),
}


def host(name):
    return (PEOPLE | WATCHERS)[name][0]


def address(name):
    """The bare JID."""
    domain, local, _ = (PEOPLE | WATCHERS)[name]
    return f"{local}@{domain}"


def of(domain):
    return [name for name, (its, _, _) in PEOPLE.items() if its == domain]
