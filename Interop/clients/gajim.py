"""Gajim, as a person uses it."""

from desktop import Screen


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
        await self.shows("Password Required")
        await self.click("", "password text")
        self.type(password)
        await self.click("^Login$", "push button")
        await self.hides("Password Required")
        self.fill_screen("^Gajim$")

    async def open_chat(self, jid):
        await self.click("Start Chat", "push button")
        await self.shows("Start a new chat")
        self.type(jid)
        await self.shows("Start New Chat")
        self.keys("Return")
        await self.hides("Start a new chat")
        await self.shows("Choose encryption")

    async def say(self, text):
        await self.click("^$", "text", after="Format your message")
        self.type(text)
        self.keys("Return")

    async def hears(self, text):
        await self.shows(text, "label", after="^There is no more history$")
