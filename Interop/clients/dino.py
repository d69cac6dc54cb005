"""Dino, as a person uses it."""

from desktop import WAIT, Screen

# What is before the messages of the open chat, from the top of the window.
CHAT = "^DinoUiConversationSummaryConversationView$"


class Dino(Screen):
    def __init__(self, folder, pictures):
        super().__init__("dino", folder, pictures, gtk4=True)
        self.program = None

    async def sign_in(self, jid, password):
        """Adds the account with the assistant that the welcome offers."""
        self.program = self.open("dino-im")
        await self.press("^Set up account$", "button")
        for question, answer in (("^JID$", jid), ("^Password$", password)):
            await self.click("GtkEntry", "text box", after=[question])
            self.type(answer)
            await self.press("GtkButton", "button", after=[question])
        await self.press("^Finish$", "button")
        await self.hides("^All set up!$")
        self.fill_screen("^Dino$")

    async def returns(self, chat):
        """Is closed and opened again, with the chat: this version needs minutes to notice that TLS has ended without a word."""
        self.program.terminate()
        self.program.wait(WAIT)
        self.program = self.start("dino-im")
        await self.click(f"^{chat}$", "label")
        self.fill_screen("^Dino$")

    async def open_chat(self, jid):
        await self.shows("You have no open chats")
        self.keys("ctrl+t")
        await self.click(f"^{jid}$", "label", after=["^Start Conversation$", "^GtkFrame$"])
        await self.press("^Start$", "button")
        await self.shows("Send a file")

    async def say(self, text):
        await self.click("GtkTextView", "text box")
        self.type(text)
        self.keys("Return")

    async def hears(self, text):
        await self.shows(text, "label", after=[CHAT])

    # Encryption

    async def encrypt(self):
        # The last menu of the window, with a lock as its picture.
        self._menus()[-1].press()
        await self.press("^OMEMO$", "menu item")
        await self.hides("^OMEMO$", "menu item")

    async def shows_as_encrypted(self, text):
        """Between who says it and what is said there is a lock, and the mark of what has been received."""

        def look():
            roles = []
            for part in self.read():
                if part.role == "label" and part.says(text) and roles[-2:] == ["image", "image"]:
                    return True
                roles.append(part.role)
            return False

        await self.until(look, f"a lock with {text!r}")

    # Profile

    async def publish_profile(self, picture):
        """It knows no nicknames."""
        # The second menu; each is there twice, one inside the other.
        self._menus()[3].press()
        await self.press("^Accounts$", "menu item")
        await self.press("GtkButton", "button", after=["^Accounts$"])
        await self._choose_file(picture)
        await self.press("^Close$", "button", after=["Local alias"])
        await self.hides("Local alias")

    async def _choose_file(self, path):
        chooser = await self.shows("^GtkFileChooserWidget$")
        chooser.click()
        self.keys("ctrl+l")
        await self.shows("GtkFileChooserEntry", "text box")
        self.type(str(path))
        await self.press("^Select Select$", "button")
        await self.hides("^GtkFileChooserWidget$")

    def _menus(self):
        return [part for part in self.read() if part.role == "button" and part.name.startswith("GtkMenuButton")]

    async def send_file(self, path):
        await self.press("Send a file", "button")
        await self._choose_file(path)
        await self.press("^Send$", "button")

    # Rooms

    async def enter_room(self, room, nickname):
        self.keys("ctrl+g")
        await self.click("GtkEntry", "text box", after=["^Join Channel$"])
        self.type(room)
        await self.click(f"^{room}$", "label", after=["^GtkFrame$"])
        await self.press("^Next$", "button")
        await self.click("GtkEntry", "text box", after=["^Nick$"])
        self.type(nickname)
        await self.press("^Join$", "button")
        await self.shows("Send a file")

    # Bookmarks

    async def forgets_room(self, name):
        """Its list of rooms shows the bookmark, and removes it."""
        self.keys("ctrl+g")
        await self.click(f"^{name}$", "label")
        self.picture("bookmarks")
        await self.press("GtkButton", "button", after=[f"^{name}$", "GtkButton"])
        await self.hides(f"^{name}$", "label")
        await self.press("^Cancel$", "button")
        await self.hides("^Join Channel$")
