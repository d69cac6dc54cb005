"""Makes what has found something shorter, by playing parts of it again on servers of their own."""

import time

import servers
from finds import Find
from run import Run

SECONDS = 180


async def recurs(executable, conversations, kind):
    """Whether the conversations have the same kind of find on a new server."""
    run = Run(executable)
    try:
        await run.begin()
        for conversation in conversations:
            await run.play(conversation)
        await run.look_closer()
        await run.finish()
    except Find as find:
        return find.kind == kind
    except servers.Failure:
        return kind == "server"
    finally:
        run.clear()
    return False


async def reduced(executable, history, kind, tell):
    """The shortest that was found in the time: fewer conversations, then fewer steps of the last one. None if it does not
    happen again."""
    end = time.monotonic() + SECONDS
    for count in (1, 3, 10, 40):
        chosen = history[-count:]
        tell(f"playing the last {len(chosen)} again")
        if await recurs(executable, chosen, kind):
            break
        if time.monotonic() > end or count >= len(history):
            return None
    else:
        return None
    chosen = await _without(executable, chosen, kind, end)
    last = chosen[-1]
    steps = last["steps"][: last.get("played", len(last["steps"]))]
    if not await recurs(executable, [*chosen[:-1], last | {"steps": steps}], kind):
        steps = last["steps"]
    size = max(len(steps) // 2, 1)
    while time.monotonic() < end:
        place = 0
        while place < len(steps) and time.monotonic() < end:
            fewer = steps[:place] + steps[place + size :]
            if fewer and await recurs(executable, [*chosen[:-1], last | {"steps": fewer}], kind):
                steps = fewer
            else:
                place += size
        if size == 1:
            break
        size //= 2
    return [*chosen[:-1], last | {"steps": steps}]


async def _without(executable, chosen, kind, end):
    """The last conversation with as few of those before it as it needs."""
    kept = list(chosen)
    for conversation in chosen[:-1]:
        if time.monotonic() > end:
            break
        fewer = [one for one in kept if one is not conversation]
        if await recurs(executable, fewer, kind):
            kept = fewer
    return kept
