"""Mail databases in memory, and changes of actions."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st

from claudemail.model.action import ActionFields, ActionStatus, Change
from claudemail.model.brief import canonical
from claudemail.model.ids import code_of
from claudemail.model.views import ActionView
from claudemail.store import actions
from claudemail.store.database import MAIL

IDS = tuple(f"0199a2b3-c4d{n}-7000-8000-00000000000{n}" for n in range(3))
BRIEF, ANSWER, OTHER = (f"0199a2b3-0000-7000-8000-00000000000{n}" for n in range(3))
"""Briefs: one, an answer to it, and one that this node does not have."""
VOCABULARY = ("deploy", "script", "review", "blocker", "urgent")
"""None of them is a part of another."""
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(" ".join)
DAYS = st.sampled_from(["2026-03-24", "2026-03-25", "9999-12-31"])
PEOPLE = st.sampled_from(["alpha", "Alpha", "bravo", "operator@a"])
ASKERS = st.sampled_from(["alpha@a", "Alpha@A", "bravo@b"])


@cache
def _schema() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        MAIL.prepare(connection)
        for version in range(1, MAIL.version + 1):
            connection.executescript(MAIL.text(version))
        return connection.serialize()


def opened() -> sqlite3.Connection:
    """Return a new, empty mail database in memory; a copy, since examples need thousands."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    MAIL.prepare(connection)
    connection.deserialize(_schema())
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """An empty mail database in memory."""
    with closing(opened()) as connection:
        yield connection


def change(action: str, stamp: str, fields: dict[str, Any], at: int | None = None) -> Change:
    """Return a change; what has the same stamp was made at the same time, if no other is given."""
    at = zlib.crc32(stamp.encode()) % 7 if at is None else at
    return Change(action=action, stamp=stamp, at=at, by="alpha", fields=ActionFields(**fields))


def apply(connection: sqlite3.Connection, change: Change) -> bool:
    """Take a change in."""
    return actions.apply(connection, change, canonical(change.wire()), "", verified=True)


def create(
    connection: sqlite3.Connection, id: str = IDS[0], stamp: str = "00000000001000-00000-a", **fields: Any
) -> int:
    """Make an action and return its number."""
    made = {"ref": code_of(id)[:4], "text": "review", "status": ActionStatus.PENDING, **fields}
    assert apply(connection, change(id, stamp, made))
    return actions.find(connection, id).number


def listed(connection: sqlite3.Connection, statuses: Sequence[ActionStatus] = tuple(ActionStatus)) -> list[ActionView]:
    """Return all actions with these statuses."""
    return [action for _, action in actions.page(connection, actions.Filter(statuses=tuple(statuses)), 1_000)]
