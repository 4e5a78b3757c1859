"""What SQLite's errors mean (https://sqlite.org/rescode.html), as our own."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from claudemail.errors import StoreBusy, StoreDamaged, StoreError, StoreFull

_LEAST_ROOM = 256 * 1024
"""With less than this SQLite cannot even open a database: its shared memory and a log have no room."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Return our error for one of SQLite's, which it gave for the database at `path`."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"The database {path} is locked by another process.")
    if code == sqlite3.SQLITE_FULL or (code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path)):
        return StoreFull(f"The disk that holds the database {path} is full.")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamaged(f"The database {path} is damaged ({error}).")
    if isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8"):
        return StoreDamaged(f"The database {path} is damaged: a text in it is none.")
    return StoreError(f"The database {path} failed: {error}.")


def _is_full(path: Path) -> bool:
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _LEAST_ROOM
