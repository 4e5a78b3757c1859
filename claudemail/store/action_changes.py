"""The changes that were made to actions: their history, and the sums by which nodes see where they differ."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from claudemail.model.action import Change
from claudemail.model.views import ChangeView

BUCKETS = 256
_HEX = 16


class Kept(NamedTuple):
    """A change as it is kept and handed on."""

    place: int
    canonical: str
    signature: str


def add(
    connection: sqlite3.Connection, action: int, change: Change, canonical: str, signature: str, *, verified: bool
) -> bool:
    """Keep a change; return whether it is new."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:_HEX]
    cursor = connection.execute(
        "INSERT INTO action_changes (action, stamp, digest, canonical, signature, verified) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (action, change.stamp, digest, canonical, signature, verified),
    )
    if cursor.rowcount != 1:
        return False
    _fold(connection, bucket_of(change.action), digest)
    return True


def bucket_of(action_id: str) -> int:
    """Return which of the parts an action is in."""
    return hashlib.sha256(action_id.encode()).digest()[0]


def _fold(connection: sqlite3.Connection, bucket: int, digest: str) -> None:
    row = connection.execute("SELECT digest FROM action_digests WHERE bucket = ?", (bucket,)).fetchone()
    total = int(digest, 16) ^ (0 if row is None else int(row["digest"], 16))
    connection.execute(
        "INSERT INTO action_digests VALUES (?1, ?2) ON CONFLICT DO UPDATE SET digest = ?2",
        (bucket, f"{total:0{_HEX}x}"),
    )


def digests(connection: sqlite3.Connection) -> dict[int, str]:
    """Return the sum of the changes in each part that has any."""
    return {row["bucket"]: row["digest"] for row in connection.execute("SELECT bucket, digest FROM action_digests")}


def total(connection: sqlite3.Connection) -> str:
    """Return one text that stands for all changes known here: nodes that know the same ones have the same."""
    parts = sorted(digests(connection).items())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_HEX]


def where_different(connection: sqlite3.Connection, theirs: Mapping[int, str]) -> list[int]:
    """Return the parts in which this node knows something and another node's sum is not the same."""
    return [bucket for bucket, digest in digests(connection).items() if theirs.get(bucket) != digest]


def in_bucket(connection: sqlite3.Connection, bucket: int) -> list[Kept]:
    """Return all changes of the actions in a part."""
    rows = connection.execute(
        "SELECT c.place, c.canonical, c.signature FROM actions a JOIN action_changes c ON c.action = a.number"
        " WHERE a.bucket = ? ORDER BY c.stamp",
        (bucket,),
    )
    return [Kept(*row) for row in rows]


def since(connection: sqlite3.Connection, place: int, limit: int) -> list[Kept]:
    """Return the changes that came after a place, in the order in which they came."""
    rows = connection.execute(
        "SELECT place, canonical, signature FROM action_changes WHERE place > ? ORDER BY place LIMIT ?", (place, limit)
    )
    return [Kept(*row) for row in rows]


def history(connection: sqlite3.Connection, action: int) -> list[ChangeView]:
    """Return who changed what of an action and when, in the order of the stamps."""
    rows = connection.execute(
        "SELECT canonical, verified FROM action_changes WHERE action = ? ORDER BY stamp, digest", (action,)
    )
    return [_view(row) for row in rows]


def after(connection: sqlite3.Connection, action: int, stamp: str) -> list[Change]:
    """Return the changes of an action that are later than a stamp, the latest first."""
    rows = connection.execute(
        "SELECT canonical FROM action_changes WHERE action = ? AND stamp > ? ORDER BY stamp DESC, digest",
        (action, stamp),
    )
    return [Change.model_validate(json.loads(row["canonical"])) for row in rows]


def _view(row: sqlite3.Row) -> ChangeView:
    change = Change.model_validate(json.loads(row["canonical"]))
    return ChangeView(
        at=change.at,
        by=change.by,
        node=change.node,
        verified=bool(row["verified"]),
        fields={name: value for name, value in change.wire()["fields"].items() if name != "ref"},
    )
