"""How the console tells time: ages that change once a minute, and local dates."""

from __future__ import annotations

from datetime import UTC, datetime

from claudemail.text import ago

_MINUTE_MS = 60_000


def to_minute(now_ms: int) -> int:
    """Return the start of this minute. Ages are counted to it, so that they all change at once and no more often."""
    return now_ms - now_ms % _MINUTE_MS


def age(then_ms: int, now_ms: int) -> str:
    """Return how long ago `then_ms` was, in one unit: `now`, `4m`, `9h`, `12d`."""
    return "now" if now_ms - then_ms < _MINUTE_MS else ago(then_ms, now_ms)


def local(at_ms: int, now_ms: int) -> str:
    """Return a date and time in the local time zone, with the year where it is not this one."""
    moment, today = _local(at_ms), _local(now_ms)
    year = "" if moment.year == today.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year} {moment:%H:%M}"


def local_time(at_ms: int) -> str:
    """Return a time of day in the local time zone, to the second."""
    return f"{_local(at_ms):%H:%M:%S}"


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone()
