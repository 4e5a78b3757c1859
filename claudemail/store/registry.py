"""The registry: what each peer last said of itself, and how reaching it went. In a database of its own."""

from __future__ import annotations

import sqlite3

from pydantic import TypeAdapter

from claudemail.model.roster import Heartbeat, PeerState, Presence
from claudemail.model.value import LATER

_ROSTER = TypeAdapter(list[Presence], config=LATER)


def contact(connection: sqlite3.Connection, node: str, now: int) -> None:
    """Note that a peer was in contact, in either direction."""
    connection.execute(
        "INSERT INTO peers (node, heard_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET"
        " heard_at = ?2, error = NULL, failing_since = NULL, retry_at = NULL",
        (node, now),
    )


def heartbeat(connection: sqlite3.Connection, node: str, beat: Heartbeat, *, rtt_ms: float | None, now: int) -> None:
    """Take in what a peer says of itself. `rtt_ms` is None when the peer called us."""
    contact(connection, node, now)
    connection.execute(
        "UPDATE peers SET version = ?, skew_ms = ?, rtt_ms = coalesce(?, rtt_ms), roster = ? WHERE node = ?",
        (beat.version, beat.at - now, rtt_ms, _ROSTER.dump_json(beat.roster).decode(), node),
    )


def failure(connection: sqlite3.Connection, node: str, error: str, retry_at: int, now: int) -> None:
    """Note that a peer could not be reached or refused, and when it is tried again.

    Lane and heartbeat each try for themselves; what is kept is whichever comes first.
    """
    connection.execute(
        "INSERT INTO peers (node, error, failing_since, retry_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
        " error = ?2, failing_since = coalesce(failing_since, ?3),"
        " retry_at = iif(retry_at > ?3, min(retry_at, ?4), ?4)",
        (node, error, now, retry_at),
    )


def peers(connection: sqlite3.Connection) -> dict[str, PeerState]:
    """Return what is known of each peer."""
    return {row["node"]: _state(row) for row in connection.execute("SELECT * FROM peers")}


def _state(row: sqlite3.Row) -> PeerState:
    return PeerState(**{**dict(row), "roster": _ROSTER.validate_json(row["roster"])})
