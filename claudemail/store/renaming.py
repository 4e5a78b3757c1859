"""Renaming: the mailbox of an instance that has another name from now on, with all that is kept under that name."""

from __future__ import annotations

import sqlite3

from claudemail.store import text_index, unmirrored


def rename(connection: sqlite3.Connection, old: str, new: str, node: str) -> bool:
    """Give a mailbox of this node another name; return whether that was done: a name that has mail already is left alone."""
    if connection.execute("SELECT 1 FROM entries WHERE mailbox = ? LIMIT 1", (new,)).fetchone() is not None:
        return False
    for table, column in (("entries", "mailbox"), ("counters", "mailbox"), ("stars", "name")):
        connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?", (new, old))
    connection.execute("UPDATE OR IGNORE recipients SET name = ? WHERE name = ? AND node = ?", (new, old, node))
    connection.execute("UPDATE leases SET instance = ? WHERE instance = ?", (new, old))
    text_index.empty(connection)
    unmirrored.everything(connection)
    return True
