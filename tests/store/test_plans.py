"""The queries that run all the time are look-ups, however much mail there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from claudemail.model.ids import code_of, new_id
from claudemail.model.receipt import DeliveryState, Receipt
from claudemail.store import briefs, entries, inbound, outbox, recipients
from claudemail.store.database import MAIL

BOXES = ("alpha", "instance1")
Query = Callable[[sqlite3.Connection], Any]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A mail database without any statistics, as nodes have it, with a brief to a peer."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        for version in range(1, MAIL.version + 1):
            connection.executescript(MAIL.text(version))
        id = new_id(1)
        connection.execute(
            "INSERT INTO briefs (id, code, ref, thread, at, accepted_at, sender, node, title, priority, actions, canonical,"
            " signature, verified) VALUES (?1, ?2, 'abcd', ?1, 1, 1, 'alpha', 'server1', 't', 1, 0, '{}', '', 1)",
            (id, code_of(id)),
        )
        recipients.add(connection, 1, "charlie", "server2", now=1, delivered=False)
        outbox.enqueue_brief(connection, "server2", new_id(1), 1, ["charlie"], 100, 1)
        yield connection


def plan(connection: sqlite3.Connection, query: Query) -> list[str]:
    """Return how SQLite goes about each statement of `query`, one step a line."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    result = query(connection)
    if isinstance(result, Iterator):
        list(result)
    connection.set_trace_callback(None)
    return [
        row["detail"]
        for statement in statements
        if statement.split()[0] in ("SELECT", "UPDATE", "DELETE", "INSERT")
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]


def _receipt() -> Receipt:
    return Receipt(brief_id=new_id(1), recipient="charlie", state=DeliveryState.READ, at=1)


@pytest.mark.parametrize(
    ("query", "step"),
    [
        (lambda c: entries.counts(c, BOXES), "SEARCH counters USING PRIMARY KEY (mailbox=?)"),
        (lambda c: entries.unread_by_sender(c, BOXES), "SEARCH counters USING PRIMARY KEY (mailbox=?)"),
        (
            lambda c: entries.page(c, BOXES, unread=False, limit=20),
            "SEARCH e USING PRIMARY KEY (mailbox=? AND brief<?)",
        ),
        (
            lambda c: entries.page(c, BOXES, unread=True, limit=20),
            "SEARCH e USING INDEX entries_unread (mailbox=? AND priority=? AND brief<?)",
        ),
        (
            lambda c: entries.page(c, BOXES, unread=True, limit=1, oldest_first=True),
            "SEARCH e USING INDEX entries_unread (mailbox=? AND priority=? AND brief>?)",
        ),
        (
            lambda c: entries.most_pressing(c, BOXES, 50),
            "SEARCH e USING INDEX entries_unread (mailbox=? AND priority=?)",
        ),
        (lambda c: briefs.find(c, code_of(c.execute("SELECT id FROM briefs").fetchone()[0])),
         "SEARCH briefs USING INDEX briefs_by_code (code>? AND code<?)"),
        (lambda c: briefs.find(c, "1"), "SEARCH briefs USING INTEGER PRIMARY KEY (rowid=?)"),
        (lambda c: briefs.find(c, c.execute("SELECT id FROM briefs").fetchone()[0]),
         "SEARCH briefs USING INDEX sqlite_autoindex_briefs_1 (id=?)"),
        (lambda c: briefs.new_ref(c, new_id(2)), "SEARCH briefs USING COVERING INDEX briefs_by_code (code>? AND code<?)"),
        (lambda c: briefs.thread(c, new_id(1), but=1), "SEARCH b USING INDEX briefs_by_thread (thread=?)"),
        (lambda c: outbox.batch(c, "server2"), "SEARCH o USING INDEX outbox_waiting (peer=?)"),
        (lambda c: outbox.acknowledge(c, "server2", "0" * 16, 64, [], 1),
         "SEARCH outbox USING INDEX outbox_waiting (peer=? AND seq<?)"),
        (outbox.waiting, "SCAN outbox USING INDEX outbox_waiting"),
        (outbox.dead_counts, "SCAN outbox USING INDEX outbox_dead"),
        (lambda c: entries.mark_read(c, BOXES, 1, "alpha", 1), "SEARCH entries USING PRIMARY KEY (mailbox=? AND brief=?)"),
        (lambda c: entries.holders(c, 1), "SEARCH entries USING INDEX entries_by_brief (brief=?)"),
        (lambda c: inbound.have(c, "server2", "0" * 16), "SEARCH inbound USING PRIMARY KEY (origin=? AND epoch=?)"),
        (lambda c: inbound.known(c, new_id(1), "server2"), "SEARCH received USING PRIMARY KEY (id=? AND origin=?)"),
        (lambda c: recipients.receipt(c, "server2", _receipt()),
         "SEARCH recipients USING PRIMARY KEY (brief=? AND name=? AND node=?)"),
        (lambda c: recipients.states(c, 1), "SEARCH recipients USING PRIMARY KEY (brief=?)"),
    ],
)  # fmt: skip
def test_what_runs_often_is_a_look_up(connection: sqlite3.Connection, query: Query, step: str) -> None:
    """The intended index is used, and no table of mail is read from end to end."""
    steps = plan(connection, query)
    assert step in steps
    assert not [one for one in steps if one.startswith("SCAN") and " USING " not in one and "outbox" not in step]


@pytest.mark.parametrize(
    "query",
    [
        lambda c: entries.page(c, BOXES, unread=False, limit=20),
        lambda c: entries.page(c, BOXES, unread=True, limit=20),
        lambda c: entries.most_pressing(c, BOXES, 50),
        lambda c: outbox.batch(c, "server2"),
    ],
)
def test_lists_come_in_order_off_the_index(connection: sqlite3.Connection, query: Query) -> None:
    """A list needs no sorting: reading twenty lines costs twenty lines."""
    assert not [step for step in plan(connection, query) if "TEMP B-TREE" in step]
