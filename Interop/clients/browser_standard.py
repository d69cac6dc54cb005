"""The Messenger in a browser on a host for any client: what a phone has said, before the page was opened and
while its connection was lost."""

from browser_messenger import Browsers, choose, enter_standard, hears, is_sent, lose, say
from person import Person
from scenario import Suite

suite = Suite()


@suite.scenario("the page shows what was said before it was opened, and after a reload")
async def history(stage):
    account, other = (stage.standard["accounts"][name] for name in ("mercutio", "benvolio"))
    phone = Person(account["jid"], stage.standard["address"], stage.certificate, account["password"]).use("PLAIN")
    friend = Person(other["jid"], stage.standard["address"], stage.certificate, other["password"]).use("PLAIN")
    stage.people += [phone, friend]
    for person in (phone, friend):
        await person.sign_in()
        await person.appear()
    phone.send_message(mto=other["jid"], mbody="From my phone", mtype="chat")
    await friend.message(account["jid"], "From my phone")
    page = await enter_standard(stage, "mercutio")
    await phone.sign_out()
    stage.people.remove(phone)
    friend.send_message(mto=account["jid"], mbody="To your page", mtype="chat")
    await choose(page, other["jid"])
    await hears(page, "From my phone")
    await say(page, "From my page")
    await is_sent(page, "From my page")
    await page.open(stage.standard["web"] + "/chat/")
    friend.send_message(mto=account["jid"], mbody="After the reload", mtype="chat")
    await choose(page, other["jid"])
    for text in ("From my phone", "To your page", "From my page", "After the reload"):
        await hears(page, text)
    stage.page, stage.friend = page, friend


@suite.scenario("a lost message is not shown as sent because another device has said the same")
async def same_words(stage):
    account, other = (stage.standard["accounts"][name] for name in ("mercutio", "benvolio"))
    phone = Person(account["jid"], stage.standard["address"], stage.certificate, account["password"]).use("PLAIN")
    stage.people.append(phone)
    await phone.sign_in()
    stage.relay.lost.add("asked")
    try:
        await say(stage.page, "On my way")
        await stage.page.shows("Sending", "#messages .sending .state")
        stage.relay.cut()
        await stage.page.shows("No connection", "#notice")
        phone.send_message(mto=other["jid"], mbody="On my way", mtype="chat")
        await stage.friend.message(account["jid"], "On my way")
    finally:
        stage.relay.mend()
    await stage.page.shows("Perhaps not sent", "#messages .failed .state")


@suite.scenario("a message that has arrived though nobody said so is found in the archive by its id")
async def lost_answer(stage):
    account = stage.standard["accounts"]["mercutio"]
    await lose(stage, stage.page, "answered", "Only the answer is lost")
    await is_sent(stage.page, "Only the answer is lost")
    await stage.friend.message(account["jid"], "Only the answer is lost")


if __name__ == "__main__":
    suite.main(Browsers)
