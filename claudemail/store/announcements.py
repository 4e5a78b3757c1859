"""Announcements: whom this node has told of its next key, and who has heard."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Told(NamedTuple):
    """How far one peer is."""

    heard_at: int | None
    refused: str | None
    """Why it will not have the new key."""


def add(connection: sqlite3.Connection, peer: str, public_key: str, parcel: str) -> None:
    """Note that a peer is being told of a key by a parcel."""
    connection.execute("INSERT OR REPLACE INTO announcements VALUES (?, ?, ?, NULL, NULL)", (peer, public_key, parcel))


def settle(connection: sqlite3.Connection, peer: str, now: int) -> None:
    """Note whether a peer has taken the parcel that tells it, or refused it for good."""
    row = connection.execute(
        "SELECT o.dead_code, o.reason FROM announcements a JOIN outbox o ON o.peer = a.peer AND o.id = a.parcel"
        " WHERE a.peer = ? AND a.heard_at IS NULL AND o.done_at IS NOT NULL",
        (peer,),
    ).fetchone()
    if row is not None and row["dead_code"] is None:
        connection.execute("UPDATE announcements SET heard_at = ? WHERE peer = ?", (now, peer))
    elif row is not None:
        connection.execute("UPDATE announcements SET refused = ? WHERE peer = ?", (row["reason"], peer))


def of(connection: sqlite3.Connection, public_key: str) -> dict[str, Told]:
    """Return how far each peer is that has been told of a key."""
    rows = connection.execute("SELECT peer, heard_at, refused FROM announcements WHERE public_key = ?", (public_key,))
    return {row["peer"]: Told(row["heard_at"], row["refused"]) for row in rows}


def forget(connection: sqlite3.Connection) -> None:
    """Forget all: the change of keys is over."""
    connection.execute("DELETE FROM announcements")
