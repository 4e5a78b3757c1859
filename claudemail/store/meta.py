"""Whose database this is."""

from __future__ import annotations

import sqlite3

from claudemail.store import text_index


def owner(connection: sqlite3.Connection) -> str | None:
    """Return the id of the node whose mail this is; None for a new database."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()
    return None if row is None else row["value"]


def had_peers(connection: sqlite3.Connection) -> bool:
    """Return whether the node ever exchanged mail with another, which then knows it by its name."""
    row = connection.execute("SELECT EXISTS (SELECT 1 FROM lanes) OR EXISTS (SELECT 1 FROM inbound)").fetchone()
    return bool(row[0])


def lacks_actions(connection: sqlite3.Connection) -> bool:
    """Return whether there are briefs whose actions have not been made, from before they were tracked."""
    return connection.execute("SELECT 1 FROM meta WHERE key = 'without_actions'").fetchone() is not None


def has_actions(connection: sqlite3.Connection) -> None:
    """Note that the actions of all briefs have been made."""
    connection.execute("DELETE FROM meta WHERE key = 'without_actions'")


def mirrored_change(connection: sqlite3.Connection) -> int:
    """Return the place in the history of actions up to which the mirror has it."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'mirrored_change'").fetchone()
    return 0 if row is None else int(row["value"])


def set_mirrored_change(connection: sqlite3.Connection, place: int) -> None:
    """Note up to which place in the history of actions the mirror has it."""
    connection.execute(
        "INSERT INTO meta VALUES ('mirrored_change', ?1) ON CONFLICT DO UPDATE SET value = ?1", (str(place),)
    )


def set_owner(connection: sqlite3.Connection, old: str | None, new: str) -> None:
    """Make this the database of the node `new`, with the mail that it had as `old`.

    What its briefs were signed as stays as it is; only what routes and counts them follows.
    """
    connection.execute("INSERT INTO meta VALUES ('node', ?1) ON CONFLICT DO UPDATE SET value = ?1", (new,))
    if old is None:
        return
    for table in ("briefs", "recipients", "totals"):
        connection.execute(f"UPDATE {table} SET node = ? WHERE node = ?", (new, old))
    connection.execute(
        "UPDATE counters SET sender = substr(sender, 1, length(sender) - length(?1) - 3) || ' (' || ?2 || ')'"
        " WHERE sender LIKE '% (' || ?1 || ')'",
        (old, new),
    )
    text_index.empty(connection)
