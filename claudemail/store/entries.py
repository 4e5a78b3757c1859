"""Entries: which mailboxes of this node hold which briefs, and which of them have been read."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby, islice

from claudemail.model.action import OPEN
from claudemail.model.brief import Brief, Priority
from claudemail.model.views import InboxRow
from claudemail.store import stars, text_index
from claudemail.store.briefs import ROW_COLUMNS, as_row

_UNREAD = "INDEXED BY entries_unread"
"""Left to itself, SQLite walks the primary key through all that was read, to find the few that were not."""
_CURRENT = "INDEXED BY entries_current"
_UNTOLD = "INDEXED BY entries_untold"
_UNREAD_WALKS = [(_UNREAD, f"e.read_at IS NULL AND e.priority = {priority.rank}") for priority in Priority]
_CURRENT_WALKS = [(_CURRENT, "e.archived_at IS NULL")]


def deliver(
    connection: sqlite3.Connection, number: int, brief: Brief, mailboxes: Sequence[str], *, known: bool
) -> None:
    """Put a brief into mailboxes. Where it was before, it stays as it is; the full text learns of mailboxes it did not know.

    Args:
        connection: a database connection in a write transaction.
        number: the brief's number on this node.
        brief: the brief.
        mailboxes: those of this node that it is for; there may be none.
        known: whether it has been delivered before.
    """
    if known:
        held = {row["mailbox"].lower() for row in holders(connection, number)}
        if held.issuperset(mailbox.lower() for mailbox in mailboxes):
            return
        text_index.remove(connection, number)
    connection.executemany(
        "INSERT INTO entries (mailbox, brief, priority) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(mailbox, number, brief.priority.rank) for mailbox in mailboxes],
    )
    if known:
        text_index.restore(connection, number)


def mark_read(connection: sqlite3.Connection, mailboxes: Sequence[str], number: int, by: str, now: int) -> list[str]:
    """Mark a brief read in these mailboxes; return those in which it was unread."""
    rows = connection.execute(
        f"UPDATE entries SET read_at = ?, read_by = ? WHERE brief = ? AND read_at IS NULL AND mailbox IN ({_marks(mailboxes)})"
        " RETURNING mailbox",
        (now, by, number, *mailboxes),
    )
    return [row["mailbox"] for row in rows]


def mark_unread(connection: sqlite3.Connection, mailboxes: Sequence[str], number: int) -> list[str]:
    """Mark a brief unread in these mailboxes, and take it out of their archives; return those in which it was read.

    Whoever has them knows of it: nobody is told again that it is new.
    """
    rows = connection.execute(
        "UPDATE entries SET notified_at = coalesce(notified_at, read_at), read_at = NULL, read_by = NULL, archived_at = NULL"
        f" WHERE brief = ? AND read_at IS NOT NULL AND mailbox IN ({_marks(mailboxes)}) RETURNING mailbox",
        (number, *mailboxes),
    )
    return [row["mailbox"] for row in rows]


def untold(connection: sqlite3.Connection, mailboxes: Sequence[str], limit: int) -> list[int]:
    """Return unread briefs in these mailboxes of which nobody has been told, the newest first."""
    walks = [
        connection.execute(
            f"SELECT brief FROM entries {_UNTOLD} WHERE mailbox = ? AND read_at IS NULL AND notified_at IS NULL"
            " ORDER BY brief DESC LIMIT ?",
            (mailbox, limit),
        )
        for mailbox in mailboxes
    ]
    return sorted({row["brief"] for walk in walks for row in walk}, reverse=True)[:limit]


def mark_notified(connection: sqlite3.Connection, mailboxes: Sequence[str], number: int, now: int) -> list[str]:
    """Note that whoever has these mailboxes was told of a brief; return those in which that is new."""
    rows = connection.execute(
        "UPDATE entries SET notified_at = ? WHERE brief = ? AND read_at IS NULL AND notified_at IS NULL"
        f" AND mailbox IN ({_marks(mailboxes)}) RETURNING mailbox",
        (now, number, *mailboxes),
    )
    return [row["mailbox"] for row in rows]


def archive(connection: sqlite3.Connection, mailbox: str, number: int, now: int) -> None:
    """Put a brief that is read into the archive of a mailbox."""
    connection.execute(
        "UPDATE entries SET archived_at = ? WHERE mailbox = ? AND brief = ? AND read_at IS NOT NULL AND archived_at IS NULL",
        (now, mailbox, number),
    )


def read_before(connection: sqlite3.Connection, mailbox: str, at: int, *, after: int, limit: int) -> list[sqlite3.Row]:
    """Return briefs of a mailbox that came before a time, are read and not archived, the oldest first.

    Args:
        connection: a database connection.
        mailbox: whose.
        at: the time, Unix milliseconds.
        after: only numbers above this.
        limit: the most rows.

    Returns:
        Their rows, with `stars`, how many have starred each, and `open`, how many of its actions are open.
    """
    return connection.execute(
        f"SELECT {ROW_COLUMNS}, (SELECT count(*) FROM stars s WHERE s.brief = b.number) AS stars,"
        " (SELECT count(*) FROM actions a WHERE a.brief = b.id AND a.status < ?) AS open"
        f" FROM entries e {_CURRENT} JOIN briefs b ON b.number = e.brief"
        " WHERE e.mailbox = ? AND e.brief > ? AND e.archived_at IS NULL AND e.read_at IS NOT NULL AND b.accepted_at < ?"
        " ORDER BY e.brief LIMIT ?",
        (len(OPEN), mailbox, after, at, limit),
    ).fetchall()


def mailboxes_of(connection: sqlite3.Connection) -> list[str]:
    """Return every mailbox of the node that ever held a brief."""
    return [row["mailbox"] for row in connection.execute("SELECT DISTINCT mailbox FROM counters")]


def archived_count(connection: sqlite3.Connection) -> int:
    """Return how many entries are in archives."""
    (total,) = connection.execute("SELECT coalesce(sum(archived), 0) FROM counters").fetchone()
    return int(total)


def holders(connection: sqlite3.Connection, number: int) -> list[sqlite3.Row]:
    """Return the entries of a brief: mailbox, read_at, read_by, archived_at."""
    return connection.execute(
        "SELECT mailbox, read_at, read_by, archived_at FROM entries WHERE brief = ? ORDER BY mailbox", (number,)
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


def oldest_unread(
    connection: sqlite3.Connection, mailboxes: Sequence[str], priorities: Iterable[Priority]
) -> int | None:
    """Return when the oldest unread brief of these priorities was accepted here, or None when all is read."""
    oldest = None
    for mailbox in mailboxes:
        for priority in priorities:
            (number,) = connection.execute(
                f"SELECT min(brief) FROM entries {_UNREAD} WHERE mailbox = ? AND priority = ? AND read_at IS NULL",
                (mailbox, priority.rank),
            ).fetchone()
            if number is not None and (oldest is None or number < oldest):
                oldest = number
    if oldest is None:
        return None
    (at,) = connection.execute("SELECT accepted_at FROM briefs WHERE number = ?", (oldest,)).fetchone()
    return int(at)


def page(
    connection: sqlite3.Connection,
    mailboxes: Sequence[str] | None,
    *,
    unread: bool,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    viewer: str | None = None,
) -> list[InboxRow]:
    """Return up to `limit` rows of these mailboxes (None: all of the node) that are not archived, newest first.

    With `after`, they are those next above it.

    Args:
        connection: a database connection.
        mailboxes: whose mail.
        unread: only what is unread in one of them.
        limit: the most rows.
        before: only numbers below this.
        after: only numbers above this; the other edge is not looked at then.
        viewer: whose stars are seen beside those of the mailboxes.
    """
    names = mailboxes_of(connection) if mailboxes is None else mailboxes
    beyond, order = ("<", "DESC") if after is None else (">", "ASC")
    edge = after if after is not None else before if before is not None else 2**62
    # One indexed walk per mailbox (and priority), merged: a single query over several would sort all of them first.
    walks = []
    for mailbox in names:
        for index, condition in _UNREAD_WALKS if unread else _CURRENT_WALKS:
            walks.append(
                connection.execute(
                    f"SELECT {ROW_COLUMNS}, e.mailbox, e.read_at, e.archived_at FROM entries e {index}"
                    f" JOIN briefs b ON b.number = e.brief WHERE e.mailbox = ? AND e.brief {beyond} ? AND {condition}"
                    f" ORDER BY e.brief {order} LIMIT ?",
                    (mailbox, edge, limit),
                )
            )
    seen = mailboxes if mailboxes is None or viewer is None else (*mailboxes, viewer)
    rows = _merged(connection, walks, limit, seen, oldest_first=after is not None)
    return rows if after is None else rows[::-1]


def oldest_unread_of(connection: sqlite3.Connection, priority: Priority, limit: int) -> list[InboxRow]:
    """Return the unread briefs of a priority in any mailbox of the node, the oldest first, up to `limit`."""
    numbers: set[int] = set()
    for mailbox in mailboxes_of(connection):
        rows = connection.execute(
            f"SELECT brief FROM entries {_UNREAD} WHERE mailbox = ? AND priority = ? AND read_at IS NULL ORDER BY brief LIMIT ?",
            (mailbox, priority.rank, limit),
        )
        numbers |= {row["brief"] for row in rows}
    return rows_of(connection, sorted(numbers)[:limit], None)


def unread_after(connection: sqlite3.Connection, mailboxes: Sequence[str] | None, number: int, limit: int) -> list[int]:
    """Return the latest unread briefs in these mailboxes (None: all) with numbers above one, up to `limit`, oldest first."""
    walks = [
        connection.execute(
            f"SELECT e.brief FROM entries e {index} WHERE e.mailbox = ? AND e.brief > ? AND {condition}"
            " ORDER BY e.brief DESC LIMIT ?",
            (mailbox, number, limit),
        )
        for mailbox in (mailboxes_of(connection) if mailboxes is None else mailboxes)
        for index, condition in _UNREAD_WALKS
    ]
    return sorted({row["brief"] for walk in walks for row in walk})[-limit:]


def most_pressing(connection: sqlite3.Connection, mailboxes: Sequence[str], limit: int) -> list[InboxRow]:
    """Return up to `limit` unread rows, the most urgent first and within a priority the oldest."""
    rows: list[InboxRow] = []
    for rank in reversed(range(len(Priority))):
        walks = [
            connection.execute(
                f"SELECT {ROW_COLUMNS}, e.mailbox, e.read_at, e.archived_at FROM entries e {_UNREAD}"
                " JOIN briefs b ON b.number = e.brief"
                " WHERE e.mailbox = ? AND e.priority = ? AND e.read_at IS NULL ORDER BY e.brief LIMIT ?",
                (mailbox, rank, limit - len(rows)),
            )
            for mailbox in mailboxes
        ]
        rows += _merged(connection, walks, limit - len(rows), mailboxes, oldest_first=True)
    return rows


def rows_of(
    connection: sqlite3.Connection,
    numbers: Sequence[int],
    mailboxes: Sequence[str] | None,
    viewer: str | None = None,
) -> list[InboxRow]:
    """Return briefs as lines of an inbox, with what they are in these mailboxes (None: all), in the order of their numbers.

    The stars are those of the mailboxes, and of the viewer's.
    """
    held: dict[int, list[sqlite3.Row]] = {}
    whose = "" if mailboxes is None else f" AND mailbox IN ({_marks(mailboxes)})"
    for row in connection.execute(
        "SELECT brief, mailbox, read_at, archived_at FROM entries INDEXED BY entries_by_brief"
        f" WHERE brief IN ({_marks(numbers)}){whose} ORDER BY mailbox",
        (*numbers, *(mailboxes or ())),
    ):
        held.setdefault(row["brief"], []).append(row)
    seen = mailboxes if mailboxes is None or viewer is None else (*mailboxes, viewer)
    marked = stars.starred(connection, numbers, seen)
    rows = connection.execute(
        f"SELECT {ROW_COLUMNS} FROM briefs b WHERE b.number IN ({_marks(numbers)}) ORDER BY b.number", tuple(numbers)
    ).fetchall()
    return [_line(row, held.get(row["number"], []), starred=row["number"] in marked) for row in rows]


def _merged(
    connection: sqlite3.Connection,
    walks: Sequence[Iterable[sqlite3.Row]],
    limit: int,
    starrers: Sequence[str] | None,
    *,
    oldest_first: bool,
) -> list[InboxRow]:
    """Merge rows that are each in order of number into lines of an inbox, one a brief, with these names' stars."""
    merged = heapq.merge(*walks, key=lambda row: row["number"], reverse=not oldest_first)
    groups = [list(same) for _, same in islice(groupby(merged, key=lambda row: row["number"]), limit)]
    marked = stars.starred(connection, [group[0]["number"] for group in groups], starrers)
    return [_line(group[0], group, starred=group[0]["number"] in marked) for group in groups]


def _line(row: sqlite3.Row, held: Sequence[sqlite3.Row], *, starred: bool) -> InboxRow:
    return as_row(
        row,
        mailboxes=[entry["mailbox"] for entry in held],
        unread=any(entry["read_at"] is None for entry in held),
        starred=starred,
        archived=bool(held) and all(entry["archived_at"] is not None for entry in held),
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
