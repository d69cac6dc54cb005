"""A suite is a list of named scenarios that are run in order on one stage.

Each scenario prints one line that Interop/run reads: `ok NAME` or `not ok NAME: REASON`.
"""

import asyncio
import inspect
import json
import sys
import time
import traceback


class Unexpected(Exception):
    """The server did something else than the scenario asks for."""


def require(condition, complaint):
    if not condition:
        raise Unexpected(complaint)


def require_equal(found, wanted, what):
    require(found == wanted, f"{what}: wanted {wanted!r}, found {found!r}")


class Stage:
    """What the scenarios of a suite share; later ones use what earlier ones have put here."""

    def __getattr__(self, name):
        raise Unexpected(f"an earlier scenario left no {name}")

    async def replace_server(self):
        """Has Interop/run kill the server and start it again; returns when it listens."""
        print("kill the server", flush=True)
        require_equal(await asyncio.to_thread(sys.stdin.readline), "started\n", "answer to the wish for another server")

    async def close(self):
        """Called after the last scenario."""


class Suite:
    def __init__(self, limit=90):
        self.limit = limit
        self.scenarios = []

    def scenario(self, name):
        def register(function):
            self.scenarios.append((name, function))
            return function

        return register

    def main(self, stage_type):
        """Runs every scenario against the service that the JSON file of the command line describes."""
        with open(sys.argv[1], encoding="utf-8") as file:
            stage = stage_type(json.load(file))
        failed = asyncio.run(self._run(stage))
        sys.exit(1 if failed else 0)

    async def _run(self, stage):
        failed = 0
        for name, function in self.scenarios:
            started = time.monotonic()
            complaint = await self._complaint(function, stage)
            if complaint is None:
                print(f"ok {name} ({time.monotonic() - started:.2f} s)", flush=True)
            else:
                failed += 1
                print(f"not ok {name}: {complaint}", flush=True)
        await stage.close()
        return failed

    async def _complaint(self, function, stage):
        try:
            outcome = function(stage)
            if inspect.isawaitable(outcome):
                await asyncio.wait_for(outcome, self.limit)
            return None
        except Unexpected as error:
            return str(error)
        except asyncio.TimeoutError:
            traceback.print_exc(file=sys.stderr)
            return f"not finished after {self.limit} s"
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            return f"{type(error).__name__}: {error}"
