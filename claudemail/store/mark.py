"""The mark: a small file beside a database that says that there is one, and how much had been stored in it.

SQLite takes a missing or an empty file for a new database, and ends a log without a word where it is cut or damaged. Either way
mail that had been accepted would be gone and nobody told. The mark is written after each commit, in a microsecond and without
a sync of its own: after a power cut it may say less than there is, and never more.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

_OPEN, _CLOSED = "open", "done"
_FORM = re.compile(rb"(open|done) (\d{20})\n")


class Last(NamedTuple):
    """What a mark says."""

    clean: bool
    """Whether the last process that had the database open closed it."""
    progress: int
    """How much had been stored: a number that only grows."""


class Mark:
    """The mark of one database."""

    def __init__(self, database: Path) -> None:
        self._folder = database.parent
        self._file = os.open(mark_file(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self) -> Last | None:
        """Return what the mark says; None where there was no database yet."""
        text = os.pread(self._file, 64, 0)
        if not text:
            return None
        found = _FORM.fullmatch(text)
        return Last(found[1].decode() == _CLOSED, int(found[2])) if found else Last(clean=True, progress=0)

    def begin(self, progress: int) -> None:
        """Note durably that there is a database."""
        self._write(_OPEN, progress)
        os.fsync(self._file)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def reach(self, progress: int) -> None:
        """Note what was just committed. It never fails: on a full disk, say, the commit counts all the same."""
        with contextlib.suppress(OSError):
            self._write(_OPEN, progress)

    def finish(self, progress: int) -> None:
        """Note that the database was closed and its log is empty: what happens to it now, is done by others."""
        with contextlib.suppress(OSError):
            self._write(_CLOSED, progress)

    def close(self) -> None:
        """Give the file up."""
        os.close(self._file)

    def _write(self, state: str, progress: int) -> None:
        os.pwrite(self._file, f"{state} {progress:020d}\n".encode(), 0)


def mark_file(database: Path) -> Path:
    """Return the path of a database's mark."""
    return Path(f"{database}.mark")


def renew(database: Path) -> None:
    """Make the mark that of another database, which is about to be put in the place of this one."""
    mark = Mark(database)
    try:
        mark.begin(0)
        mark.finish(0)
    finally:
        mark.close()


def last_mark(database: Path) -> Last | None:
    """Return what the mark of a database says; None where there is none."""
    if not mark_file(database).exists():
        return None
    mark = Mark(database)
    try:
        return mark.read()
    finally:
        mark.close()
