"""What other nodes told of nodes and keys, and the config file should say but cannot: kept until it does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple


class Unwritten(NamedTuple):
    """One thing that the config file should say."""

    kind: str
    """The kind of parcel that told it."""
    node: str
    """Whom it is about."""
    origin: str
    """Who told it."""
    body: dict[str, Any]
    why: str
    """Why it is not in the file."""
    at: int


def keep(
    connection: sqlite3.Connection, kind: str, node: str, origin: str, body: Mapping[str, Any], why: str, now: int
) -> bool:
    """Keep what could not be written; the latest of a kind about a node is what counts. Return whether it is the first."""
    known = connection.execute("SELECT 1 FROM unwritten WHERE kind = ? AND node = ?", (kind, node)).fetchone()
    connection.execute(
        "INSERT INTO unwritten VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET origin = excluded.origin, body = excluded.body, why = excluded.why",
        (kind, node, origin, json.dumps(body), why, now),
    )
    return known is None


def everything(connection: sqlite3.Connection) -> list[Unwritten]:
    """Return all that is kept, the oldest first."""
    rows = connection.execute("SELECT * FROM unwritten ORDER BY at").fetchall()
    return [Unwritten(**{**dict(row), "body": json.loads(row["body"])}) for row in rows]


def forget(connection: sqlite3.Connection, kind: str, node: str) -> None:
    """Forget what the file says by now."""
    connection.execute("DELETE FROM unwritten WHERE kind = ? AND node = ?", (kind, node))
