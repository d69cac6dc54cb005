"""Profanity in a terminal, with a home of its own."""

SETTINGS = """\
[connection]
tls.certpath={authorities}
reconnect=1

[ui]
splash=false
wrap=false
roster=false

[omemo]
trustmode=blind
"""

ACCOUNT = """\
[{name}]
enabled=true
jid={jid}
resource={resource}
tls.policy=force
password={password}
"""


def command(home, authorities, jid, password, resource, address=None):
    """Prepares the home, and returns the command that starts it there; without an address it finds the server by itself."""
    for kind in ("config", "data"):
        (home / kind / "profanity").mkdir(parents=True)
    (home / "config/profanity/profrc").write_text(SETTINGS.format(authorities=authorities))
    name = jid.partition("@")[0]
    account = ACCOUNT.format(name=name, jid=jid, resource=resource, password=password)
    if address:
        account += "server={}\nport={}\n".format(*address)
    (home / "data/profanity/accounts").write_text(account)
    return [
        "env", f"HOME={home}", f"XDG_CONFIG_HOME={home}/config", f"XDG_DATA_HOME={home}/data", "LANG=C.UTF-8",
        "profanity", "--account", name, "--log", "DEBUG",
    ]  # fmt: skip
