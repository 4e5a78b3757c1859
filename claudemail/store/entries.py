"""Entries: which mailboxes of this node hold which briefs, and which of them have been read."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby, islice

from claudemail.model.brief import Priority
from claudemail.model.views import InboxRow
from claudemail.store.briefs import ROW_COLUMNS, as_row

_UNREAD = "INDEXED BY entries_unread"
"""Left to itself, SQLite walks the primary key through all that was read, to find the few that were not."""


def deliver(connection: sqlite3.Connection, mailbox: str, number: int, priority: Priority) -> bool:
    """Put a brief into a mailbox; return whether it was not there before."""
    cursor = connection.execute(
        "INSERT INTO entries (mailbox, brief, priority) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (mailbox, number, priority.rank),
    )
    return cursor.rowcount == 1


def mark_read(connection: sqlite3.Connection, mailboxes: Sequence[str], number: int, by: str, now: int) -> list[str]:
    """Mark a brief read in these mailboxes; return those in which it was unread."""
    rows = connection.execute(
        f"UPDATE entries SET read_at = ?, read_by = ? WHERE brief = ? AND read_at IS NULL AND mailbox IN ({_marks(mailboxes)})"
        " RETURNING mailbox",
        (now, by, number, *mailboxes),
    )
    return [row["mailbox"] for row in rows]


def holders(connection: sqlite3.Connection, number: int) -> list[sqlite3.Row]:
    """Return the entries of a brief: mailbox, read_at, read_by."""
    return connection.execute(
        "SELECT mailbox, read_at, read_by FROM entries WHERE brief = ? ORDER BY mailbox", (number,)
    ).fetchall()


def counts(connection: sqlite3.Connection, mailboxes: Sequence[str] | None) -> tuple[dict[Priority, int], int]:
    """Return unread by priority, and received in all, for these mailboxes (None: all of the node)."""
    where = "" if mailboxes is None else f"WHERE mailbox IN ({_marks(mailboxes)})"
    unread: dict[Priority, int] = {}
    received = 0
    ranks = list(Priority)
    for row in connection.execute(
        f"SELECT priority, sum(unread) AS unread, sum(received) AS received FROM counters {where} GROUP BY priority",
        tuple(mailboxes or ()),
    ):
        received += row["received"]
        if row["unread"]:
            unread[ranks[row["priority"]]] = row["unread"]
    return unread, received


def unread_by_sender(connection: sqlite3.Connection, mailboxes: Sequence[str]) -> list[tuple[str, int]]:
    """Return each sender of unread briefs, with how many, most first."""
    rows = connection.execute(
        f"SELECT sender, sum(unread) AS n FROM counters WHERE mailbox IN ({_marks(mailboxes)}) AND unread > 0"
        " GROUP BY sender ORDER BY n DESC, sender",
        tuple(mailboxes),
    )
    return [(row["sender"], row["n"]) for row in rows]


def oldest_unread(connection: sqlite3.Connection, mailboxes: Sequence[str]) -> int | None:
    """Return when the oldest unread brief was accepted here, or None when all is read."""
    first = page(connection, mailboxes, unread=True, limit=1, oldest_first=True)
    if not first:
        return None
    row = connection.execute("SELECT accepted_at FROM briefs WHERE number = ?", (first[0].number,)).fetchone()
    at: int = row["accepted_at"]
    return at


def page(
    connection: sqlite3.Connection,
    mailboxes: Sequence[str] | None,
    *,
    unread: bool,
    limit: int,
    before: int | None = None,
    oldest_first: bool = False,
) -> list[InboxRow]:
    """Return up to `limit` rows of these mailboxes (None: all of the node) by number.

    Args:
        connection: a database connection.
        mailboxes: whose mail.
        unread: only what is unread in one of them.
        limit: the most rows.
        before: only numbers below this (above it, oldest first).
        oldest_first: the order.
    """
    if mailboxes is None:
        mailboxes = [row["mailbox"] for row in connection.execute("SELECT DISTINCT mailbox FROM counters")]
    # One indexed walk per mailbox (and priority), merged: a single query over several would sort all of them first.
    ranks: Sequence[int | None] = range(len(Priority)) if unread else (None,)
    order, compare = ("ASC", ">") if oldest_first else ("DESC", "<")
    edge = before if before is not None else (0 if oldest_first else 2**62)
    index = _UNREAD if unread else ""
    walks = [
        connection.execute(
            f"SELECT {ROW_COLUMNS}, e.mailbox, e.read_at FROM entries e {index} JOIN briefs b ON b.number = e.brief"
            f" WHERE e.mailbox = ? AND e.brief {compare} ? {'' if rank is None else 'AND e.read_at IS NULL AND e.priority = ?'}"
            f" ORDER BY e.brief {order} LIMIT ?",
            (mailbox, edge, *(() if rank is None else (rank,)), limit),
        )
        for mailbox in mailboxes
        for rank in ranks
    ]
    return _merged(walks, limit, oldest_first=oldest_first)


def most_pressing(connection: sqlite3.Connection, mailboxes: Sequence[str], limit: int) -> list[InboxRow]:
    """Return up to `limit` unread rows, the most urgent first and within a priority the oldest."""
    rows: list[InboxRow] = []
    for rank in reversed(range(len(Priority))):
        walks = [
            connection.execute(
                f"SELECT {ROW_COLUMNS}, e.mailbox, e.read_at FROM entries e {_UNREAD} JOIN briefs b ON b.number = e.brief"
                " WHERE e.mailbox = ? AND e.priority = ? AND e.read_at IS NULL ORDER BY e.brief LIMIT ?",
                (mailbox, rank, limit - len(rows)),
            )
            for mailbox in mailboxes
        ]
        rows += _merged(walks, limit - len(rows), oldest_first=True)
    return rows


def _merged(walks: Sequence[Iterable[sqlite3.Row]], limit: int, *, oldest_first: bool) -> list[InboxRow]:
    """Merge rows that are each in order of number into lines of an inbox, one a brief."""
    merged = heapq.merge(*walks, key=lambda row: row["number"], reverse=not oldest_first)
    rows = []
    for _, same in islice(groupby(merged, key=lambda row: row["number"]), limit):
        group = list(same)
        rows.append(
            as_row(
                group[0],
                mailboxes=[row["mailbox"] for row in group],
                unread=any(row["read_at"] is None for row in group),
            )
        )
    return rows


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
