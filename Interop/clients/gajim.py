"""Gajim, as a person uses it."""

from desktop import Screen

# What is before the open chat, from the top of the window.
CHAT = "^Edit workspace"


class Gajim(Screen):
    def __init__(self, folder, pictures):
        super().__init__("gajim", folder, pictures)

    async def sign_in(self, jid, password):
        """Adds the account with the assistant that opens at the first start."""
        self.open("gajim")
        await self.click("Your XMPP address", "text")
        self.type(jid)
        await self.click("Your password", "password text")
        self.type(password)
        await self.click("^Log In$", "push button")
        await self.click("^Connect$", "push button")
        # There is no keyring that would know it.
        await self.click("", "password text", after=["Password Required"])
        self.type(password)
        await self.click("^Login$", "push button")
        await self.hides("Password Required")
        self.fill_screen("^Gajim$")

    async def open_chat(self, jid):
        await self._search(jid)
        await self.shows("Start New Chat", "label")
        await self.hides("Note to myself", "label")
        self.keys("Return")
        await self.hides("Start a new chat")
        await self.shows("Choose encryption", after=[CHAT])

    async def knows_room(self, name):
        """Bookmarks are among what it proposes when one looks for whom to talk to."""
        await self._search(name)
        await self.shows(f"^{name}$", "label")
        self.picture("bookmarks")
        # The first ends the search.
        self.keys("Escape", "Escape")
        await self.hides("Start a new chat")

    # Rooms

    async def create_room(self, name):
        """Creates a room that all may find and enter; its address is made of its name."""
        await self.choose("Gajim", "Create Group Chat")
        await self.click("", "toggle button", after=["^Create Group Chat$", "Advanced Settings"])
        await self.click("^Public$", "radio button")
        # From the bottom: address, description, name.
        [part for part in self.read() if part.role == "text"][2].click()
        self.type(name)
        await self.click("^Create$", "push button")
        await self.hears("A new group chat has been created")

    async def _search(self, text):
        await self.choose("Gajim", "Start / Join Chat")
        await self.click("^Search$", "text", after=["Start a new chat"])
        self.type(text)

    async def choose(self, menu, item):
        await self.click(f"^{menu}$", "menu")
        await self.click(f"^{item}", "menu item")

    async def say(self, text):
        await self.click("^$", "text", after=["Format your message"])
        self.type(text)
        self.keys("Return")

    async def hears(self, text):
        await self.shows(text, "label", after=[CHAT])

    # Encryption

    async def encrypt(self):
        await self.click("Choose encryption")
        await self.click("^OMEMO$", "radio button")
        self.keys("Escape")
        await self.hides("^OpenPGP$", "radio button")

    async def shows_as_encrypted(self, text):
        await self.shows(r"^Encrypted \(OMEMO\)", "icon", after=[CHAT, text])

    # Profile

    async def publish_profile(self, picture, nickname):
        await self.choose("Accounts", "Profile")
        await self.click("^Edit$", "push button")
        await self.click("Change your profile picture", "push button")
        await self._choose_file(picture)
        await self.click("^Update$", "push button")
        await self.click("Enter your nickname", "text")
        self.keys("ctrl+a")
        self.type(nickname)
        await self.click("^Save$", "push button")
        await self.shows("^Edit$", "push button")
        self.keys("Escape")
        await self.hides("Enter your nickname")

    async def _choose_file(self, path):
        await self.click(f"^{path.name}$", "table cell", after=["^File Chooser Widget$"])
        await self.press("^Open$", "push button")
        await self.hides("^File Chooser Widget$")

    async def send_file(self, path):
        await self.click("Send File", "push button")
        await self.click("Add Files", "push button")
        await self._choose_file(path)
        await self.click("Send Files", "push button")

    # The server

    async def missing_features(self):
        """What the page about the server's features marks with a red cross."""
        await self.choose("Accounts", "Server Info")
        await self.click("^Features$", "page tab")
        self.fill_screen("^Server Info$")
        await self.shows("0402: Bookmarks Compat PEP", "label")
        self.picture("features")
        parts = [part for part in self.read() if part.role in ("label", "icon")]
        crosses = [label.name for label, icon in zip(parts, parts[1:]) if (icon.role, icon.name) == ("icon", "Close")]
        self.keys("Escape")
        await self.hides("^Features$", "page tab")
        return crosses
