"""Snoozes: which findings of a checkup are not told of until when."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Snooze(NamedTuple):
    """A finding that is not told of."""

    severity: str
    """How grave it was when that was decided."""
    until: int
    """Unix milliseconds."""


def put(connection: sqlite3.Connection, finding: str, severity: str, until: int, now: int) -> None:
    """Do not tell of a finding until then; those whose time is over are forgotten."""
    connection.execute("DELETE FROM snoozes WHERE until <= ?", (now,))
    connection.execute(
        "INSERT INTO snoozes VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET severity = ?2, until = ?3",
        (finding, severity, until),
    )


def remove(connection: sqlite3.Connection, finding: str) -> None:
    """Tell of a finding again."""
    connection.execute("DELETE FROM snoozes WHERE finding = ?", (finding,))


def at(connection: sqlite3.Connection, now: int) -> dict[str, Snooze]:
    """Return what is not told of now, by finding."""
    rows = connection.execute("SELECT finding, severity, until FROM snoozes WHERE until > ?", (now,))
    return {row["finding"]: Snooze(row["severity"], row["until"]) for row in rows}
