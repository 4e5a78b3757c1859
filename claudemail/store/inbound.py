"""What has come in from each peer: how far its lane goes, and which parcels are known."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_DAY_MS = 86_400_000


class Known(NamedTuple):
    """A parcel that came before: taken in, or refused with a code and a reason."""

    refused: str | None
    reason: str | None


def have(connection: sqlite3.Connection, origin: str, epoch: str) -> int:
    """Return the number up to which a lane has come in without a gap; 0 for a new epoch."""
    row = connection.execute("SELECT have FROM inbound WHERE origin = ? AND epoch = ?", (origin, epoch)).fetchone()
    return 0 if row is None else row["have"]


def progress(connection: sqlite3.Connection, origin: str, most: int) -> dict[str, int]:
    """Return how far a lane has come in, for its latest epochs."""
    rows = connection.execute(
        "SELECT epoch, have FROM inbound WHERE origin = ? ORDER BY at DESC LIMIT ?", (origin, most)
    )
    return {row["epoch"]: row["have"] for row in rows}


def advance(connection: sqlite3.Connection, origin: str, epoch: str, seq: int, now: int) -> None:
    """Note that a lane has come in up to `seq`.

    The epoch is the latest then, also where the clock was set back: `at` is the time, or just after that of all others. One
    that were missing from the latest would seem to be lost, and all of it be sent anew in another, without an end.
    """
    connection.execute(
        "INSERT INTO inbound (origin, epoch, have, at) VALUES (?1, ?2, ?3,"
        " max(?4, coalesce((SELECT max(at) + 1 FROM inbound WHERE origin = ?1 AND epoch <> ?2), 0)))"
        " ON CONFLICT DO UPDATE SET have = max(have, excluded.have), at = excluded.at",
        (origin, epoch, seq, now),
    )


def brought_today(connection: sqlite3.Connection, origin: str, size: int, now: int) -> int:
    """Count bytes that a peer brings; return how many it has brought in this day, with these."""
    key, day = f"brought:{origin}", str(now // _DAY_MS)
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    counted_on, _, before = row["value"].partition(" ") if row else ("", "", "0")
    total = size + (int(before) if counted_on == day else 0)
    connection.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", (key, f"{day} {total}"))
    return total


def known(connection: sqlite3.Connection, origin: str, ids: Sequence[str]) -> dict[str, Known]:
    """Return what became of those of a peer's parcels that came before."""
    rows = connection.execute(
        f"SELECT id, refused, reason FROM received WHERE origin = ? AND id IN ({', '.join('?' * len(ids))})",
        (origin, *ids),
    )
    return {row["id"]: Known(row["refused"], row["reason"]) for row in rows}


def note(connection: sqlite3.Connection, origin: str, new: Mapping[str, Known], now: int) -> None:
    """Remember parcels by their ids."""
    connection.executemany(
        "INSERT INTO received (id, origin, at, refused, reason) VALUES (?, ?, ?, ?, ?)",
        [(id, origin, now, one.refused, one.reason) for id, one in new.items()],
    )
