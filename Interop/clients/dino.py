"""Dino, as a person uses it."""

from desktop import Screen


class Dino(Screen):
    def __init__(self, folder, pictures):
        super().__init__("dino", folder, pictures, gtk4=True)

    async def sign_in(self, jid, password):
        """Adds the account with the assistant that the welcome offers."""
        self.open("dino-im")
        await self.press("^Set up account$", "button")
        for question, answer in (("^JID$", jid), ("^Password$", password)):
            await self.click("GtkEntry", "text box", after=question)
            self.type(answer)
            await self.press("GtkButton", "button", after=question)
        await self.press("^Finish$", "button")
        await self.hides("^All set up!$")
        self.fill_screen("^Dino$")

    async def open_chat(self, jid):
        await self.shows("You have no open chats")
        self.keys("ctrl+t")
        await self.click(f"^{jid}$", "label", after="^GtkFrame$")
        await self.press("^Start$", "button")
        await self.shows("Send a file")

    async def say(self, text):
        await self.click("GtkTextView", "text box")
        self.type(text)
        self.keys("Return")

    async def hears(self, text):
        await self.shows(text, "label", after="^DinoUiConversationSummaryConversationView$")
