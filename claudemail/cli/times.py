"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def when(then_ms: int, now_ms: int) -> str:
    """Return a time in the local zone, as `14:03` when it is today, else with its date."""
    then, now = (datetime.fromtimestamp(ms / 1000, UTC).astimezone() for ms in (then_ms, now_ms))
    return then.strftime("%H:%M" if then.date() == now.date() else "%Y-%m-%d %H:%M")
