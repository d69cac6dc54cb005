"""The accounts of a run, made with the command line: most before the server starts, some while it runs."""

import itertools

DOMAIN = "messenger.localhost"
SCOPE = "wl.messenger"


class Account:
    def __init__(self, name, number, late=False, history=False, password=None):
        self.name = name
        self.display_name = name.capitalize()
        self.id = f"00037ffe1234{number:04x}"
        self.jid = f"{self.id}@{DOMAIN}"
        self.account_id = f"{name}@contoso.example"
        self.late = late
        self.history = history
        self.password = password

    def add(self, server):
        server.command(
            "account", "add", "--host", DOMAIN, "--id", self.id, "--account-id", self.account_id,
            "--display-name", self.display_name, "--keep-history", "on" if self.history else "off",
            *(("--password", self.password) if self.password else ("--no-password",)),
        )  # fmt: skip

    def mint(self, server, *scopes):
        options = [option for scope in scopes for option in ("--scope", scope)]
        return server.command("token", "mint", "--quiet", self.jid, *options)


# Each client has people of its own, so that no suite depends on what another has left behind.
MESSENGER = [
    Account("mary", 1, history=True),
    Account("john", 2),
    Account("anna", 3),
    Account("peter", 4),
    Account("clara", 5, late=True),
    Account("david", 6, late=True),
    Account("erika", 7, history=True),
    Account("frank", 8),
    Account("greta", 9, late=True),
    Account("nora", 10, history=True, password="a lantern in the fog"),
    Account("oscar", 11, history=True, password="seven grey herons"),
    Account("paul", 12),
    Account("quinn", 13),
]

CONTACTS = [("anna", "peter"), ("clara", "david"), ("erika", "frank"), ("nora", "paul"), ("oscar", "quinn")]

STANDARD = {
    "romeo": "wherefore art thou",
    "juliet": "by yonder blessed moon",
    "mercutio": "a plague on both your houses",
    "tybalt": "what, drawn, and talk of peace",
    "benvolio": "part, fools, put up your swords",
    "rosaline": "she hath forsworn to love",
    "paris": "younger than she are happy mothers made",
    "balthasar": "i do beseech you sir have patience",
    "montague": "who set this ancient quarrel new abroach",
    "capulet": "tis not hard for men so old as we",
    "escalus": "on pain of torture from those bloody hands",
    "lawrence": "wisely and slow they stumble that run fast",
    "sampson": "gregory on my word we will not carry coals",
    "gregory": "no for then we should be colliers",
    "abram": "do you bite your thumb at us sir",
    "potpan": "we cannot be here and there too",
    "antony": "you are looked for and called for",
    "nurse": "go girl seek happy nights to happy days",
    "petruchio": "he that now is going out of door",
    "peter": "then have at you with my wit",
    "lucio": "and the lively helena",
    "helena": "lucio and the lively",
    "livia": "my fair niece rosaline and",
    "valentine": "mercutio and his brother",
    "martino": "and his wife and daughters",
    "anselmo": "and his beauteous sisters",
    "vitravio": "the lady widow of",
    "placentio": "and his lovely nieces",
    "valentio": "and his cousin tybalt",
}

# Who has programs with windows, and whom those see.
VERONA = ("montague", "capulet", "escalus", "lawrence")
GUESTS = ("martino", "anselmo", "vitravio", "placentio", "valentio")
STANDARD_CONTACTS = [
    ("mercutio", "tybalt"), ("sampson", "gregory"), ("abram", "potpan"), *itertools.combinations(VERONA, 2),
    *itertools.combinations(GUESTS, 2),
]  # fmt: skip


class People:
    def __init__(self):
        self.messenger = {account.name: account for account in MESSENGER}
        self.tokens = {}

    def add_before_start(self, server):
        self._add(server, late=False)
        for name, password in STANDARD.items():
            server.command("account", "add", "--host", "localhost", "--id", name, stdin=password + "\n")
        server.command("account", "add", "--host", "s3.localhost", "--id", "romeo", stdin=STANDARD["romeo"] + "\n")

    def add_while_running(self, server):
        self._add(server, late=True)
        self.tokens["john"]["late token"] = self.messenger["john"].mint(server, SCOPE)
        for one, other in CONTACTS:
            server.command("contact", "add", self.messenger[one].jid, self.messenger[other].jid)
        for one, other in STANDARD_CONTACTS:
            server.command("contact", "add", f"{one}@localhost", f"{other}@localhost")

    def _add(self, server, late):
        for account in MESSENGER:
            if account.late == late:
                account.add(server)
                self.tokens[account.name] = {"token": account.mint(server, SCOPE)}
        if not late:
            self.tokens["mary"]["token without scope"] = self.messenger["mary"].mint(server, "wl.basic")

    def described(self):
        """The accounts as the suites read them."""
        return {
            name: {"jid": account.jid, "account id": account.account_id, "name": account.display_name,
                   "password": account.password}
            | self.tokens[name]
            for name, account in self.messenger.items()
        }
