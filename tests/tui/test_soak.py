"""A console that is open all day: memory does not grow while mail comes, actions change and somebody works."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from claudemail.model.action import ActionStatus
from claudemail.model.views import ActionView
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate
from tests.tui.board import make
from tests.tui.conftest import WIDE, Clock, Console, Seen, Send
from tests.tui.fleet import claim, hear

EVERY_S = 0.05
"""How long between two briefs."""
WARM_UP = 60
"""So many briefs, and half as many as are counted, come first: caches of the library fill up for some minutes."""
MOST_GROWTH_MB = 10
KEYS = ("j", "j", "k", "2", "l", "j", "h", "3", "j", "j", "4", "j", "5", "j", "k", "1", "G", "g", "tab", "j", "tab")
BODY = "Some **words** about it.\n\n- one\n- two\n"


class Day:
    """What goes on while a console is open."""

    def __init__(self, office: Office, send: Send, clock: Clock, actions: Sequence[ActionView]) -> None:
        self.sent = 0
        self._office = office
        self._send = send
        self._clock = clock
        self._actions = actions
        self._keys = itertools.cycle(KEYS)

    async def pass_by(self, seen: Seen, briefs: int) -> None:
        """Have so many briefs come, and an action changed with each, while keys are pressed."""
        hands = asyncio.create_task(self._work(seen))
        try:
            for _ in range(briefs):
                await asyncio.gather(self._happen(), asyncio.sleep(EVERY_S))
        finally:
            hands.cancel()
            await asyncio.wait([hands])

    async def _happen(self) -> None:
        await self._send("alpha", "operator", f"brief {self.sent}", BODY)
        action = self._actions[self.sent % len(self._actions)]
        status = list(ActionStatus)[self.sent // len(self._actions) % len(ActionStatus)]
        await self._office.update_action(self._office.operator(), action.id, ActionUpdate(status=status))
        if self.sent % 20 == 0:
            await hear(self._office, self._clock)
        self.sent += 1
        self._clock.now += 1_000

    async def _work(self, seen: Seen) -> None:
        while True:
            await seen.pilot.press(next(self._keys))


@pytest.mark.parametrize("briefs", [100, pytest.param(12_000, marks=pytest.mark.soak)])
async def test_memory_stays(office: Office, console: Console, send: Send, clock: Clock, briefs: int) -> None:
    """Once everything has been seen, what is resident grows by little; what came last is shown to the end."""
    await claim(office, "alpha")
    day = Day(office, send, clock, await make(office, *(f"action {number}" for number in range(40)), assignee="me"))
    async with console(office, WIDE) as seen:
        await day.pass_by(seen, WARM_UP + briefs // 2)
        before = _resident_mb()
        await day.pass_by(seen, briefs)
        grown = _resident_mb() - before
        print(f"{before:.1f} MB when warm, {grown:+.1f} MB after {briefs} briefs more")  # noqa: T201 - for whoever runs it long
        assert grown < MOST_GROWTH_MB
        await seen.press("1", "escape", "g")  # to the list, wherever the keys were
        await seen.until(lambda: seen.title == f"brief {day.sent - 1}")


def _resident_mb() -> float:
    """Return how much of this process is in memory, in megabytes, without what nobody holds any more."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
