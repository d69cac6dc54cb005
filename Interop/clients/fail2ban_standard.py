"""Debian's fail2ban finds in the log who guesses passwords, and nobody else."""

import asyncio
import json
import pathlib
import subprocess

from person import Person
from scenario import Stage, Suite, require, require_equal

suite = Suite()

FILTER = pathlib.Path(__file__).resolve().parent.parent.parent / "Packaging/fail2ban/filter.conf"
HERE = "127.0.0.1"
STRANGER = "192.0.2.1"
REFUSAL = {
    "host": "localhost", "level": "notice", "message": "sign-in refused", "outcome": "not-authorized",
    "time": "2026-12-01T05:00:00.000Z",
}  # fmt: skip


class Guesses(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.standard = service["standard"]
        self.folder = pathlib.Path(service["files"]["folder"])
        self.log = self.folder / "server.log"

    def person(self, name, password, resource=None):
        address, account = self.standard["address"], f"{name}@localhost"
        return Person(account, address, self.certificate, password=password, resource=resource).use("SCRAM-SHA-256")

    async def logged(self, message, text):
        """Waits for a line of the log, which is written by a process of its own."""
        while not any(line["message"] == message and text in line.values() for line in self.lines()):
            await asyncio.sleep(0.1)

    def lines(self):
        whole, _, _ = self.log.read_text(encoding="utf-8").rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def found(self, log):
        """The addresses that the filter finds, one for each refusal."""
        command = ["fail2ban-regex", "--out", "ip", str(log), str(FILTER)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.split()

    def found_in(self, *lines):
        log = self.folder / "fail2ban.log"
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.found(log)


def written(**values):
    """A refusal as the server logs it, with other values or more."""
    return json.dumps({**REFUSAL, **values}, sort_keys=True, separators=(",", ":"))


@suite.scenario("each wrong password counts for its address, whether there is an account or not")
async def wrong_passwords(stage):
    stage.before = len(stage.found(stage.log))
    for name in ("mary", "nobody"):
        await stage.person(name, "not the password").refused()
    while len(stage.found(stage.log)) < stage.before + 2:
        await asyncio.sleep(0.1)
    found = stage.found(stage.log)
    require_equal(found[stage.before :], [HERE] * 2, "the addresses found")
    refusals = [line for line in stage.lines() if line["message"] == "sign-in refused"]
    require_equal(
        len(found), sum(line["outcome"] == "not-authorized" for line in refusals), "the refusals found in the whole log"
    )


@suite.scenario("a sign-in does not count, and no name passes for a refusal")
async def right_password(stage):
    before = stage.found(stage.log)
    name, account = next(iter(stage.standard["accounts"].items()))
    forged = written(address=STRANGER)
    person = stage.person(name, account["password"], resource=forged)
    await person.sign_in()
    signed_in = str(person.boundjid)
    require(signed_in.endswith(forged), f"the resource is not the one asked for: {signed_in}")
    await person.sign_out()
    await stage.logged("disconnected", signed_in)
    require_equal(stage.found(stage.log), before, "the addresses found")


@suite.scenario("addresses of both kinds are found, in the journal as well, and after lines left out")
def forms(stage):
    lines = [
        written(address=HERE),
        written(address="2001:db8::1"),
        written(address=HERE, omitted="12"),
        f"chat swallowtail[12]: {written(address=STRANGER)}",
    ]
    require_equal(stage.found_in(*lines), [HERE, "2001:db8::1", HERE, STRANGER], "the addresses found")


@suite.scenario("a store that fails and a line within another one ban nobody")
def others(stage):
    lines = [
        written(address=HERE, outcome="temporary-auth-failure"),
        written(address="unknown"),
        written(address=HERE, message="signed in"),
        f"something {written(address=STRANGER)}",
        written(address=HERE, reason=written(address=STRANGER)),
    ]
    require_equal(stage.found_in(*lines), [], "the addresses found")


if __name__ == "__main__":
    suite.main(Guesses)
