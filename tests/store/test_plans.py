"""The queries that run all the time are look-ups, however much mail there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from claudemail.model.action import CLOSED
from claudemail.model.brief import Priority
from claudemail.model.ids import code_of, new_id
from claudemail.model.receipt import DeliveryState, Receipt
from claudemail.store import action_changes, actions, briefs, entries, inbound, outbox, recipients, stars, text_index
from claudemail.store.database import MAIL

BOXES = ("alpha", "instance1")
READER = briefs.Reader("server1", "alpha", BOXES)
Query = Callable[[sqlite3.Connection], Any]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A mail database without any statistics, as nodes have it, with a brief to a peer."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        MAIL.prepare(connection)
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


def _listed(connection: sqlite3.Connection, wanted: actions.Filter, after: str | None = None) -> object:
    return actions.page(connection, wanted, 20, after)


def _receipt() -> Receipt:
    return Receipt(brief_id=new_id(1), recipient="charlie", state=DeliveryState.READ, at=1)


@pytest.mark.parametrize(
    ("query", "step"),
    [
        (lambda c: entries.counts(c, BOXES), "SEARCH counters USING PRIMARY KEY (mailbox=?)"),
        (lambda c: entries.unread_by_sender(c, BOXES), "SEARCH counters USING PRIMARY KEY (mailbox=?)"),
        (
            lambda c: entries.page(c, BOXES, unread=False, limit=20),
            "SEARCH e USING INDEX entries_current (mailbox=? AND brief<?)",
        ),
        (
            lambda c: entries.page(c, BOXES, unread=False, limit=20, after=1),
            "SEARCH e USING INDEX entries_current (mailbox=? AND brief>?)",
        ),
        (lambda c: entries.mark_unread(c, BOXES, 1), "SEARCH entries USING PRIMARY KEY (mailbox=? AND brief=?)"),
        (lambda c: stars.of(c, None, 9), "SEARCH stars USING COVERING INDEX stars_by_brief (brief<?)"),
        (lambda c: stars.of(c, None, after=9), "SEARCH stars USING COVERING INDEX stars_by_brief (brief>?)"),
        (
            lambda c: briefs.senders(c, "server1"),
            "SEARCH briefs USING COVERING INDEX briefs_by_sender (node=? AND sender>?)",
        ),
        (
            lambda c: briefs.sent_page(c, "server1", None, limit=20),
            "SEARCH briefs USING COVERING INDEX briefs_by_sender (node=? AND sender=? AND number<?)",
        ),
        (
            lambda c: briefs.sent_page(c, "server1", ["alpha"], limit=20, after=0),
            "SEARCH briefs USING COVERING INDEX briefs_by_sender (node=? AND sender=? AND number>?)",
        ),
        (
            lambda c: entries.page(c, BOXES, unread=True, limit=20),
            "SEARCH e USING INDEX entries_unread (mailbox=? AND priority=? AND brief<?)",
        ),
        (
            lambda c: entries.oldest_unread(c, BOXES, list(Priority)),
            "SEARCH entries USING INDEX entries_unread (mailbox=? AND priority=?)",
        ),
        (
            lambda c: entries.unread_after(c, BOXES, 1, 20),
            "SEARCH e USING INDEX entries_unread (mailbox=? AND priority=? AND brief>?)",
        ),
        (lambda c: entries.untold(c, BOXES, 20), "SEARCH entries USING INDEX entries_untold (mailbox=?)"),
        (lambda c: entries.mark_notified(c, BOXES, 1, 1), "SEARCH entries USING PRIMARY KEY (mailbox=? AND brief=?)"),
        (lambda c: entries.archive(c, "alpha", 1, 1), "SEARCH entries USING PRIMARY KEY (mailbox=? AND brief=?)"),
        (
            lambda c: entries.read_before(c, "alpha", 1, after=0, limit=20),
            "SEARCH e USING INDEX entries_current (mailbox=? AND brief>?)",
        ),
        (lambda c: entries.rows_of(c, [1, 2], BOXES), "SEARCH entries USING INDEX entries_by_brief (brief=? AND mailbox=?)"),
        (lambda c: entries.rows_of(c, [1, 2], BOXES), "SEARCH b USING INTEGER PRIMARY KEY (rowid=?)"),
        (lambda c: stars.starred(c, [1, 2], BOXES), "SEARCH stars USING COVERING INDEX stars_by_brief (brief=? AND name=?)"),
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
        (lambda c: briefs.thread(c, new_id(1), READER, 9), "SEARCH b USING INDEX briefs_by_thread (thread=?)"),
        (lambda c: list(briefs.sent_by(c, "server1", "alpha", None)),
         "SEARCH briefs USING INDEX briefs_by_sender (node=? AND sender=? AND number<?)"),
        (lambda c: briefs.number_from(c, 1, latest=True), "SEARCH briefs USING INTEGER PRIMARY KEY (rowid>?)"),
        (text_index.due, "SEARCH briefs USING INTEGER PRIMARY KEY (rowid>?)"),
        (text_index.take_in_some, "SEARCH b USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (lambda c: _listed(c, actions.Filter()),
         "SEARCH actions USING INDEX actions_pressing (status=?)"),
        (lambda c: _listed(c, actions.Filter(), "p/1/2026-12-01/7"),
         "SEARCH actions USING INDEX actions_pressing (status=? AND (urgency,due)>(?,?))"),
        (lambda c: _listed(c, actions.Filter(assignees=("alpha", "instance1"))),
         "SEARCH actions USING INDEX actions_assigned (assignee=? AND status=?)"),
        (lambda c: _listed(c, actions.Filter(asker="alpha@server1")),
         "SEARCH actions USING INDEX actions_asked (asker=? AND status=?)"),
        (lambda c: _listed(c, actions.Filter(due_before="2026-12-01")),
         "SEARCH actions USING INDEX actions_due (status=? AND due<?)"),
        (lambda c: _listed(c, actions.Filter(statuses=CLOSED)),
         "SEARCH actions USING INDEX actions_changed (status=?)"),
        (lambda c: actions.place_before(c, actions.Filter(), "p/1/2026-12-01/7", 20),
         "SEARCH actions USING INDEX actions_pressing (status=? AND (urgency,due)<(?,?))"),
        (lambda c: actions.count(c, actions.Filter(assignees=("alpha",))),
         "SEARCH actions USING INDEX actions_assigned (assignee=? AND status=?)"),
        (lambda c: actions.count(c, actions.Filter(least=Priority.HIGH)),
         "SEARCH actions USING INDEX actions_pressing (status=? AND urgency<?)"),
        (lambda c: actions.place_of(c, actions.Filter(), new_id(1)),
         "SEARCH actions USING INDEX sqlite_autoindex_actions_1 (id=?)"),
        (lambda c: actions.of_brief(c, new_id(1)), "SEARCH actions USING INDEX actions_by_brief (brief=?)"),
        (lambda c: actions.new_ref(c, new_id(2)),
         "SEARCH actions USING COVERING INDEX actions_by_code (code>? AND code<?)"),
        (lambda c: action_changes.in_bucket(c, 7), "SEARCH a USING COVERING INDEX actions_by_bucket (bucket=?)"),
        (lambda c: action_changes.history(c, 1),
         "SEARCH action_changes USING INDEX sqlite_autoindex_action_changes_1 (action=?)"),
        (lambda c: action_changes.since(c, 1, 9), "SEARCH action_changes USING INTEGER PRIMARY KEY (rowid>?)"),
        (lambda c: outbox.batch(c, "server2"), "SEARCH o USING INDEX outbox_waiting (peer=? AND seq>?)"),
        (lambda c: outbox.acknowledge(c, "server2", "0" * 16, 64, [], 1),
         "SEARCH outbox USING INDEX outbox_waiting (peer=? AND seq<?)"),
        (outbox.waiting, "SCAN outbox USING INDEX outbox_waiting"),
        (outbox.dead_counts, "SCAN outbox USING INDEX outbox_dead"),
        (lambda c: entries.mark_read(c, BOXES, 1, "alpha", 1), "SEARCH entries USING PRIMARY KEY (mailbox=? AND brief=?)"),
        (lambda c: entries.holders(c, 1), "SEARCH entries USING INDEX entries_by_brief (brief=?)"),
        (lambda c: inbound.have(c, "server2", "0" * 16), "SEARCH inbound USING PRIMARY KEY (origin=? AND epoch=?)"),
        (lambda c: inbound.known(c, "server2", [new_id(1)]), "SEARCH received USING PRIMARY KEY (id=? AND origin=?)"),
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
        lambda c: entries.unread_after(c, BOXES, 1, 50),
        lambda c: list(briefs.sent_by(c, "server1", "alpha", None)),
        lambda c: list(text_index.matches(c, '"word"')),
        lambda c: _listed(c, actions.Filter()),
        lambda c: _listed(c, actions.Filter(assignees=("alpha", "instance1"))),
        lambda c: _listed(c, actions.Filter(asker="alpha@server1")),
        lambda c: _listed(c, actions.Filter(due_before="2026-12-01")),
        lambda c: _listed(c, actions.Filter(priority=Priority.HIGH)),
        lambda c: _listed(c, actions.Filter(least=Priority.HIGH)),
        lambda c: _listed(c, actions.Filter(node=actions.Residents("server2", ("charlie",)))),
        lambda c: _listed(c, actions.Filter(statuses=CLOSED)),
        lambda c: actions.place_before(c, actions.Filter(), "p/1/2026-12-01/7", 20),
        lambda c: outbox.batch(c, "server2"),
    ],
)
def test_lists_come_in_order_off_the_index(connection: sqlite3.Connection, query: Query) -> None:
    """A list needs no sorting: reading twenty lines costs twenty lines."""
    assert not [step for step in plan(connection, query) if "TEMP B-TREE" in step]
