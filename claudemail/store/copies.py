"""Copies of a database: one taken while others write, and one put in the place of the database that is there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from claudemail.errors import StoreBusy, StoreDamaged
from claudemail.store import mark
from claudemail.store.explaining import explain

PARTS = ("", "-wal", "-shm")
_WAIT_S = 10.0


def take(connection: sqlite3.Connection, target: Path) -> None:
    """Make a copy of a database at `target`, as the connection's transaction sees it; others read and write meanwhile."""
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself


def check(path: Path) -> None:
    """Raise StoreDamaged if SQLite finds a database broken, and another StoreError if it cannot be read."""
    examine(path).close()


def examine(path: Path, *, most_s: float | None = None, last: Sequence[str] = ()) -> sqlite3.Connection:
    """Return a connection that only reads, to a database that is whole; nothing is changed on disk.

    Args:
        path: the file.
        most_s: how many seconds the check may take; what it does not come to by then is left unchecked.
        last: tables that are checked after all others, if there is a limit: the largest.

    Raises:
        StoreDamaged: SQLite finds it broken.
        StoreError: it cannot be read, for want of room on the disk, say.
    """
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")  # it may quote what is broken
        try:
            found = _check_whole(connection) if most_s is None else _check_tables(connection, most_s, last)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except UnicodeDecodeError as error:  # the message of an error that quotes what is broken
        raise StoreDamaged(f"The database {path} is damaged ({error}).") from error
    if found:
        connection.close()
        raise StoreDamaged(f"The database {path} is damaged ({'; '.join(found)[:300]}).")
    return connection


def _check_whole(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("PRAGMA quick_check(5)") if row[0] != "ok"]


def _check_tables(connection: sqlite3.Connection, most_s: float, last: Sequence[str]) -> list[str]:
    names = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
    ]
    deadline = time.monotonic() + most_s
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        for name in sorted(names, key=lambda name: last.index(name) if name in last else -1):
            found = [row[0] for row in connection.execute(f"PRAGMA quick_check('{name}')") if row[0] != "ok"]
            if found:
                return found
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        connection.set_progress_handler(None, 0)
    return []


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep others from opening a database while the context lasts; nobody may have it open.

    A process that has a database open while its file is replaced would, as the last one to close it, remove the log of the new
    one (https://sqlite.org/howtocorrupt.html, section 4.2).

    Raises:
        StoreBusy: another process has it open, and goes on having it.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(users_file(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _WAIT_S
        while not _lock(file):
            if time.monotonic() > deadline:
                raise StoreBusy(
                    f"Another process has the database {path} open.",
                    remedy="Close the console and other ClaudeMail commands of this node, and run it again.",
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(file)


def users_file(path: Path) -> str:
    """Return the path of the file that everybody who has a database open holds a shared lock on."""
    return f"{path}.users"


def put(path: Path, new: Path, aside: str) -> Path | None:
    """Put a database in the place of the one at `path`, while that is `held`; return where the former one is now.

    Args:
        path: the place.
        new: a whole database in one file, on the same filesystem.
        aside: what is added to the name of the former one.
    """
    former = Path(f"{path}.{aside}")
    there = path.exists()
    mark.renew(path)  # it stays all the while: a crash half way must not look like a node that never had mail
    for part in reversed(PARTS):  # the log first: without its database nobody takes it for one's own
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{part}", f"{former}{part}")
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return former if there else None


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
