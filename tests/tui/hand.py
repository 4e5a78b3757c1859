"""The hand that presses keys for the console's tests, and looks up once the console has come to rest."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

from textual.events import Key
from textual.keys import _character_to_key, key_to_character
from textual.pilot import Pilot

_GLANCE_S = 0.003
_AT_REST_S = 0.0005
"""How long this process may have been at work in a glance that counts as rest: the glance itself costs half of that."""
_BETWEEN_KEYS = 2
"""Glances of rest before the next key."""
_A_FRAME = 7
"""Glances of rest before the screen is looked at: Textual lays out and draws in up to 60 frames a second."""
_LONGEST_S = 1.0
_TASKS = Path("/proc/self/task")


class Hand(Pilot[None]):
    """A pilot that waits for rest by short glances.

    Textual's own looks once in 20 ms, three times a key, at how much the process has worked: most of a suite's time goes by in
    that, and a busy machine, on which a thread did not get to work, looks like rest.
    """

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, each when the one before is dealt with."""
        await self._wait_for_screen()  # what was put into a field has come to be before the key
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 else key
            self.app.post_message(Key(name, key if len(key) == 1 else key_to_character(key)))
            await self._wait_for_screen()
            await _rest(_BETWEEN_KEYS)
        await self.pause()

    async def pause(self, delay: float | None = None) -> None:
        """Wait until all messages are dealt with and all threads are at rest, or for a time in seconds."""
        await self._wait_for_screen()
        await (_rest(_A_FRAME) if delay is None else asyncio.sleep(delay))
        await self._wait_for_screen()
        self.app.screen._on_timer_update()


async def _rest(glances: int) -> None:
    end = time.monotonic() + _LONGEST_S
    calm = 0
    while calm < glances and time.monotonic() < end:
        before = time.process_time()
        await asyncio.sleep(_GLANCE_S)
        worked = time.process_time() - before
        calm = calm + 1 if worked < _AT_REST_S and _others_sleep() else 0


def _others_sleep() -> bool:
    """Whether no other thread of this process is at work, waits for a processor, or for a disk (proc(5): state `S` is sleep)."""
    mine = str(threading.get_native_id())
    for task in _TASKS.iterdir() if _TASKS.exists() else ():
        try:
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        if task.name != mine and state != "S":
            return False
    return True
