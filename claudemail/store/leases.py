"""Leases: which session holds which callsign of this node. The lock file decides; the lease fences and is shown."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from claudemail.errors import LeaseLost


class Lease(NamedTuple):
    """A callsign, who holds or last held it, and since when. Times are Unix milliseconds."""

    callsign: str
    instance: str
    epoch: int
    pid: int
    client_pid: int
    session_id: str | None
    project: str | None
    since: int
    seen_at: int
    ended_at: int | None


_COLUMNS = ", ".join(Lease._fields)


def claim(
    connection: sqlite3.Connection,
    callsign: str,
    instance: str,
    *,
    holder: str,
    pid: int,
    client_pid: int,
    session_id: str | None,
    project: str | None,
    now: int,
) -> int:
    """Give a callsign to a session that holds its lock; return the epoch that its writes must carry.

    `holder` is the session's own random name: one that comes again, after the gateway was restarted, goes on with the
    epoch it had.
    """
    row = connection.execute(
        "INSERT INTO leases (callsign, instance, epoch, holder, pid, client_pid, session_id, project, since, seen_at)"
        " VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?8) ON CONFLICT DO UPDATE SET"
        " epoch = epoch + (holder <> ?3), since = iif(holder = ?3, since, ?8), instance = ?2, holder = ?3, pid = ?4,"
        " client_pid = ?5, session_id = ?6, project = ?7, seen_at = ?8, ended_at = NULL"
        " RETURNING epoch",
        (callsign, instance, holder, pid, client_pid, session_id, project, now),
    ).fetchone()
    epoch: int = row["epoch"]
    return epoch


def check(connection: sqlite3.Connection, callsign: str, epoch: int | None) -> None:
    """Raise LeaseLost unless the callsign is held under this epoch; without one, it is no session that writes."""
    if epoch is None:
        return
    row = connection.execute("SELECT epoch FROM leases WHERE callsign = ?", (callsign,)).fetchone()
    if row is None or row["epoch"] != epoch:
        raise LeaseLost(f"This session is no longer {callsign}: another session holds that callsign now.")


def active(connection: sqlite3.Connection, callsign: str, epoch: int, now: int) -> None:
    """Note that a session has done something."""
    connection.execute("UPDATE leases SET seen_at = ? WHERE callsign = ? AND epoch = ?", (now, callsign, epoch))


def end(connection: sqlite3.Connection, callsign: str, epoch: int, now: int) -> None:
    """Note that a session has gone."""
    connection.execute(
        "UPDATE leases SET ended_at = ?1, seen_at = ?1 WHERE callsign = ?2 AND epoch = ?3 AND ended_at IS NULL",
        (now, callsign, epoch),
    )


def all_leases(connection: sqlite3.Connection) -> list[Lease]:
    """Return every callsign that a session of this node ever held."""
    return [Lease(*row) for row in connection.execute(f"SELECT {_COLUMNS} FROM leases ORDER BY callsign")]


def of(connection: sqlite3.Connection, callsign: str) -> Lease | None:
    """Return the lease of one callsign, or None if no session ever held it."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM leases WHERE callsign = ?", (callsign,)).fetchone()
    return None if row is None else Lease(*row)
