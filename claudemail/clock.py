"""Time: a wall clock that tests can set, and the hybrid logical clock that orders changes across nodes.

A stamp is a string that sorts by time: milliseconds, a counter, the node. Each node's stamps only ever grow, even when
its wall clock is set back, and grow past every stamp it has seen (Kulkarni et al., "Logical Physical Clocks", 2014).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

MAX_AHEAD_MS = 3_600_000
"""A stamp further ahead of our wall clock than this does not move ours: one node with a wild clock must not take the
whole fleet into the future with it."""

_COUNTER_LIMIT = 99_999

WallClock = Callable[[], int]
"""Returns Unix time in milliseconds."""


def wall_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def day_of(at_ms: int) -> date:
    """Return the day of a moment (Unix milliseconds) in the local time zone."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().date()


def iso(at_ms: int) -> str:
    """Return a moment (Unix milliseconds) as `2026-03-24T14:02:11.123Z`; `iso_ms` reads it back."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def iso_ms(text: str) -> int:
    """Return the Unix milliseconds of a moment in ISO 8601; raise ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


class HybridClock:
    """One node's hybrid logical clock. Not thread-safe: it is advanced inside the store's write transaction."""

    def __init__(self, node: str, wall: WallClock = wall_ms) -> None:
        self._node = node
        self._wall = wall
        self._ms = 0
        self._counter = 0

    def stamp(self) -> str:
        """Return a new stamp, later than every one returned or observed before."""
        now = self._wall()
        if now > self._ms:
            self._ms, self._counter = now, 0
        elif self._counter < _COUNTER_LIMIT:
            self._counter += 1
        else:
            self._ms, self._counter = self._ms + 1, 0
        return f"{self._ms:014d}-{self._counter:05d}-{self._node}"

    def beyond(self, stamp: str, other: str) -> str:
        """Return `stamp`, or one that is later than `other` where that lies too far ahead to be believed.

        A change must win over what its author saw. Where that has a stamp from the far future, one stamp follows it there,
        and the clock does not.
        """
        if stamp[:20] > other[:20]:
            return stamp
        ms, counter = stamp_ms(other), int(other[15:20]) + 1
        if counter > _COUNTER_LIMIT:
            ms, counter = ms + 1, 0
        return f"{ms:014d}-{counter:05d}-{self._node}"

    def observe(self, stamp: str) -> None:
        """Move past `stamp`, another node's or a stored one of our own, unless it lies too far ahead to be believed."""
        ms, counter = stamp_ms(stamp), int(stamp[15:20])
        own = stamp[21:] == self._node
        if not own and ms > self._wall() + MAX_AHEAD_MS:
            return
        if (ms, counter) > (self._ms, self._counter):
            self._ms, self._counter = ms, counter


def stamp_ms(stamp: str) -> int:
    """Return the milliseconds within a stamp."""
    return int(stamp[:14])
