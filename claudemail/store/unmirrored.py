"""What the mirror has still to write: briefs whose files are not as they should be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple


class Due(NamedTuple):
    """A brief to be written, and the mark by which it is known to be the same when that is done."""

    brief: int
    mark: int


def some(connection: sqlite3.Connection, limit: int) -> list[Due]:
    """Return some of the briefs that are to be written, the oldest first."""
    return [
        Due(*row) for row in connection.execute("SELECT brief, mark FROM unmirrored ORDER BY brief LIMIT ?", (limit,))
    ]


def done(connection: sqlite3.Connection, written: Iterable[Due]) -> None:
    """Note that briefs are written, but for those that have changed since they were looked at."""
    connection.executemany("DELETE FROM unmirrored WHERE brief = ? AND mark = ?", written)


def everything(connection: sqlite3.Connection) -> None:
    """Have all briefs written anew."""
    connection.execute(
        "INSERT INTO unmirrored (brief) SELECT number FROM briefs WHERE true ON CONFLICT DO UPDATE SET mark = mark + 1"
    )


def count(connection: sqlite3.Connection) -> int:
    """Return how many briefs are to be written."""
    (total,) = connection.execute("SELECT count(*) FROM unmirrored").fetchone()
    return int(total)
