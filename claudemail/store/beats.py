"""Beats: when each node was heard of, and who was there and at work then, kept by slots of time for a while."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from claudemail.model.roster import Presence

KEPT = 60
"""How many slots of a node are kept."""
_MOST_NAMES = 500
_Names = dict[str, list[int]]


class Beat(NamedTuple):
    """What was heard of a node within one slot."""

    slot: int
    """When the slot began, Unix milliseconds."""
    worked: dict[str, int]
    """For each name that was there: how many beats told that it had worked since the one before."""


def note(connection: sqlite3.Connection, node: str, roster: Iterable[Presence], *, slot_ms: int, now: int) -> None:
    """Note that a node was heard of, and who it says is there."""
    slot = now - now % slot_ms
    connection.execute(
        "DELETE FROM beats WHERE node = ? AND (slot > ? OR slot <= ?)", (node, slot, slot - KEPT * slot_ms)
    )
    row = connection.execute(
        "SELECT slot, names FROM beats WHERE node = ? ORDER BY slot DESC LIMIT 1", (node,)
    ).fetchone()
    before: _Names = {} if row is None else json.loads(row["names"])
    names = before if row is not None and row["slot"] == slot else {}
    for presence in [one for one in roster if one.live][:_MOST_NAMES]:
        last = presence.active_at or 0
        known = before.get(presence.name)
        count = names[presence.name][0] if presence.name in names else 0
        names[presence.name] = [count + (known is not None and last > known[1]), last]
    connection.execute(
        "INSERT INTO beats VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET names = ?3",
        (node, slot, json.dumps(names, separators=(",", ":"))),
    )


def between(connection: sqlite3.Connection, first: int, end: int) -> dict[str, list[Beat]]:
    """Return what was heard of each node in the slots from `first` to before `end` (Unix milliseconds), oldest first."""
    found: dict[str, list[Beat]] = {}
    query = "SELECT node, slot, names FROM beats WHERE slot >= ? AND slot < ? ORDER BY slot"
    for row in connection.execute(query, (first, end)):
        worked = {name: count for name, (count, _) in json.loads(row["names"]).items()}
        found.setdefault(row["node"], []).append(Beat(row["slot"], worked))
    return found
