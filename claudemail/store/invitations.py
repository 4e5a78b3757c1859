"""Invitations: who may join by this node, until when, and who has."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

_KEPT_MS = 86_400_000
"""So long after its end an invitation is known: whoever comes too late is told so."""


class Invitation(NamedTuple):
    """An invitation as it stands now."""

    id: str
    secret: bytes | None
    """None: it was used, or is over."""
    host: str
    port: int
    until: int
    used_at: int | None
    node: str | None
    """Who joined by it."""
    public_key: str | None
    access: bytes | None
    """What is left of the secret for the one who joined."""


def add(connection: sqlite3.Connection, id: str, secret: bytes, host: str, port: int, until: int, now: int) -> None:
    """Keep a new invitation; `host` and `port` are where the newcomer is told to ask."""
    forget_over(connection, now)
    connection.execute(
        "INSERT INTO invitations (id, secret, host, port, until) VALUES (?, ?, ?, ?, ?)",
        (id, secret, host, port, until),
    )


def forget_over(connection: sqlite3.Connection, now: int) -> None:
    """Forget the secrets of invitations that are over, and those long over altogether."""
    connection.execute("UPDATE invitations SET secret = NULL, access = NULL WHERE until <= ?", (now,))
    connection.execute("DELETE FROM invitations WHERE until <= ?", (now - _KEPT_MS,))


def get(connection: sqlite3.Connection, id: str) -> Invitation | None:
    """Return an invitation, or None if there is none of that id."""
    row = connection.execute("SELECT * FROM invitations WHERE id = ?", (id,)).fetchone()
    return None if row is None else Invitation(*row)


def use(connection: sqlite3.Connection, id: str, node: str, public_key: str, access: bytes, now: int) -> None:
    """Note who joined by an invitation, and forget its secret."""
    connection.execute(
        "UPDATE invitations SET secret = NULL, used_at = ?, node = ?, public_key = ?, access = ? WHERE id = ?",
        (now, node, public_key, access, id),
    )


def any_open(connection: sqlite3.Connection, now: int) -> bool:
    """Return whether somebody may join, or ask again whether they have."""
    return connection.execute("SELECT 1 FROM invitations WHERE until > ? LIMIT 1", (now,)).fetchone() is not None
