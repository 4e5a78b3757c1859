"""Stars: what somebody wants to find again. Nothing starred is archived."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence


def toggle(connection: sqlite3.Connection, name: str, number: int, now: int) -> bool:
    """Star a brief in somebody's name, or take the star away; return whether it is starred now."""
    taken = connection.execute("DELETE FROM stars WHERE name = ? AND brief = ?", (name, number))
    if taken.rowcount:
        return False
    connection.execute("INSERT INTO stars (name, brief, at) VALUES (?, ?, ?)", (name, number, now))
    return True


def starred(connection: sqlite3.Connection, numbers: Sequence[int], names: Sequence[str] | None) -> set[int]:
    """Return which of these briefs one of these names (None: anyone) has starred."""
    if not numbers:
        return set()
    whose = "" if names is None else f" AND name IN ({', '.join('?' * len(names))})"
    rows = connection.execute(
        f"SELECT DISTINCT brief FROM stars WHERE brief IN ({', '.join('?' * len(numbers))}){whose}",
        (*numbers, *(names or ())),
    )
    return {row["brief"] for row in rows}


def of(
    connection: sqlite3.Connection,
    names: Sequence[str] | None,
    before: int | None = None,
    after: int | None = None,
) -> Iterator[int]:
    """Return the briefs that these names (None: anyone) have starred, each once: newest first, or oldest first with `after`."""
    whose = "" if names is None else f" AND name IN ({', '.join('?' * len(names))})"
    beyond, order = ("<", "DESC") if after is None else (">", "ASC")
    edge = after if after is not None else before if before is not None else 2**62
    rows = connection.execute(
        f"SELECT DISTINCT brief FROM stars WHERE brief {beyond} ?{whose} ORDER BY brief {order}", (edge, *(names or ()))
    )
    return (row["brief"] for row in rows)


def count(connection: sqlite3.Connection) -> int:
    """Return how many briefs of this node are starred."""
    (total,) = connection.execute("SELECT count(DISTINCT brief) FROM stars").fetchone()
    return int(total)


def holders(connection: sqlite3.Connection, number: int) -> list[str]:
    """Return who has starred a brief."""
    return [
        row["name"] for row in connection.execute("SELECT name FROM stars WHERE brief = ? ORDER BY name", (number,))
    ]
