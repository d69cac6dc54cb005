"""Programs that people use at home, each on a screen or in a terminal of its own: typed and clicked at, and read.

Montague has Gajim, Capulet Dino, Escalus Profanity, Lawrence Poezio. Nothing about the server is told to them but addresses
and passwords. What they showed is kept in .build/interop/pictures/desktop: windows as pictures, terminals as texts.
"""

import asyncio
import re

from dino import Dino
from gajim import Gajim
from homes import FACES, PHOTOGRAPHS, Evening, Homes
from scenario import require, require_equal

suite = Evening(limit=150)
scenario = suite.captured

MONTAGUE, CAPULET, ESCALUS, LAWRENCE = (f"{name}@localhost" for name in ("montague", "capulet", "escalus", "lawrence"))


@scenario("signed-in", "Gajim, Dino, Profanity and Poezio find the server, trust it and sign in")
async def sign_in(stage):
    stage.open_door()
    stage.profanity, stage.poezio, stage.gajim, stage.dino = await asyncio.gather(
        stage.open_profanity("profanity", ESCALUS), stage.open_poezio(LAWRENCE, "Friar Lawrence"),
        stage.open(Gajim, MONTAGUE), stage.open(Dino, CAPULET))  # fmt: skip


@scenario("chat", "they chat both ways")
async def chat(stage):
    gajim, dino = stage.gajim, stage.dino
    await asyncio.gather(gajim.open_chat(CAPULET), dino.open_chat(MONTAGUE))
    await gajim.say("What noise is this?")
    await dino.hears("What noise is this")
    await dino.say("My sword, I say!")
    await gajim.hears("My sword, I say!")
    await stage.poezio.order(f"/message {ESCALUS} Hold thy desperate hand")
    await stage.profanity.shows("chat message: lawrence@localhost")
    stage.profanity.enter(f"/msg {LAWRENCE} Where be these enemies?")
    await stage.profanity.shows("Hold thy desperate hand")
    await stage.poezio.shows("Where be these enemies")


@scenario("avatars", "each sees the avatars that the others set")
async def avatars(stage):
    gajim, dino = stage.gajim, stage.dino
    await gajim.publish_profile(gajim.home / "face.png", "Old Montague")
    await dino.publish_profile(dino.home / "face.png")
    stage.profanity.enter("/win 1")
    stage.profanity.enter(f"/avatar set {stage.folder / 'profanity/face.png'}")
    await stage.profanity.shows("Avatar updated successfully")
    await gajim.paints(FACES["dino"], 500)
    await dino.paints(FACES["gajim"], 500)
    for jid in (MONTAGUE, CAPULET):
        stage.profanity.enter(f"/avatar get {jid}")
        await stage.profanity.shows(f"Avatar saved as .*{jid.partition('@')[0]}")
    for jid in (MONTAGUE, CAPULET, ESCALUS):
        await stage.poezio.fetches_avatar(stage.folder / "poezio", jid)


@scenario("nicknames", "nicknames that are published are shown by contacts")
async def nicknames(stage):
    await stage.poezio.order("/win 0")
    await stage.poezio.shows(r"\] Old Montague")
    await stage.gajim.open_chat(LAWRENCE)
    await stage.gajim.hears("^Friar Lawrence$")
    await stage.gajim.open_chat(CAPULET)


@scenario("omemo", "OMEMO works between Gajim and Dino, with trust at the first use")
async def omemo(stage):
    gajim, dino = stage.gajim, stage.dino
    await dino.encrypt()
    await dino.say("Flourishes his blade in spite of me")
    await gajim.hears("Flourishes his blade in spite of me")
    await gajim.shows_as_encrypted("Flourishes his blade in spite of me")
    await gajim.encrypt()
    await gajim.say("Hold me not, let me go")
    await dino.hears("Hold me not, let me go")
    await dino.shows_as_encrypted("Hold me not, let me go")


@scenario("omemo-profanity", "so does it between Profanity and Gajim")
async def omemo_profanity(stage):
    desk, gajim = stage.profanity, stage.gajim
    desk.enter("/omemo gen")
    await desk.shows("OMEMO crytographic materials generated")
    desk.enter(f"/omemo start {MONTAGUE}")
    await desk.shows(r"\[OMEMO\]")

    def knows_key():
        desk.enter("/omemo fingerprint")
        return re.search(r"fingerprint: [0-9a-f]{8}", desk.screen())

    await desk.until(knows_key, "a fingerprint")
    desk.enter("Rebellious subjects, enemies to peace")
    await gajim.open_chat(ESCALUS)
    await gajim.hears("Rebellious subjects, enemies to peace")
    await gajim.shows_as_encrypted("Rebellious subjects, enemies to peace")
    await gajim.paints(FACES["profanity"], 500)
    await gajim.encrypt()
    await gajim.say("What, ho! You men, you beasts")
    await desk.shows(r"~ montague.*: What, ho! You men, you beasts")


@scenario("features", "Gajim's page about the server has no red row but security labels")
async def features(stage):
    require_equal(await stage.gajim.missing_features(), ["XEP-0258: Security Labels in XMPP"], "red rows")


@scenario("photographs", "photographs go both ways, sealed and open, and are shown")
async def photographs(stage):
    desk, gajim, dino = stage.profanity, stage.gajim, stage.dino
    desk.enter("/omemo end")
    await desk.shows(r"\[unencrypted\]")
    desk.enter(f"/sendfile {stage.folder / 'profanity/photograph.png'}")
    await gajim.paints(PHOTOGRAPHS["profanity"], 10_000)
    await gajim.open_chat(CAPULET)
    await gajim.send_file(gajim.home / "photograph.png")
    await dino.paints(PHOTOGRAPHS["gajim"], 10_000)
    await dino.send_file(dino.home / "photograph.png")
    await gajim.paints(PHOTOGRAPHS["dino"], 10_000)


@scenario("bookmarks", "Profanity's bookmarks are shown by Gajim and Dino; what Dino removes is gone for Profanity")
async def bookmarks(stage):
    study, cellar = await asyncio.gather(stage.open_profanity("study", MONTAGUE), stage.open_profanity("cellar", CAPULET))
    study.enter("/bookmark add garden@rooms.localhost nick montague autojoin off")
    await study.shows("Bookmark added for garden@rooms.localhost")
    await stage.gajim.knows_room("garden")
    for room in ("grove", "orchard"):
        cellar.enter(f"/bookmark add {room}@rooms.localhost nick capulet autojoin off")
        await cellar.shows(f"Bookmark added for {room}@rooms.localhost")
    await stage.dino.forgets_room("orchard")
    attic = await stage.open_profanity("attic", CAPULET)

    def lists_rest():
        attic.enter("/bookmark list")
        return "grove@rooms.localhost" in attic.screen()

    await attic.until(lists_rest, "the bookmark that is left")
    require("orchard" not in attic.screen(), "Profanity still lists what Dino has removed")


if __name__ == "__main__":
    suite.main(lambda service: Homes("desktop", service))
