"""Pace: how often something may happen."""

from __future__ import annotations

import asyncio


class Bucket:
    """Tokens that fill up at a rate, to a most; each thing that happens takes one."""

    def __init__(self, rate: float, most: float) -> None:
        self._rate = rate
        self._most = most
        self._tokens = most
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Take a token at a time (seconds, of a clock that is never set); return whether there was one."""
        if self._at is not None:
            self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Pace:
    """Lets things happen at most at a rate, one after the other, but for a burst."""

    def __init__(self, rate: float, *, burst: int) -> None:
        self._step_s = 1 / rate
        self._burst_s = burst / rate
        self._next = 0.0

    async def turn(self, most_s: float) -> bool:
        """Return when it is one's turn; False, at once, if that would take longer than `most_s` seconds."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next + self._step_s, now - self._burst_s)
        wait_s = self._next - now
        if wait_s > most_s:
            self._next -= self._step_s
            return False
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return True
