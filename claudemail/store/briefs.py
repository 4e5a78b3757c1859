"""Briefs: every one that this node sent or received."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from claudemail.config import OPERATOR
from claudemail.errors import NotFound
from claudemail.model.brief import Brief, Priority, Sender
from claudemail.model.ids import CODE_LENGTH, REF_LENGTH, code_of
from claudemail.model.views import InboxRow
from claudemail.text import shorten

_LONGEST_WAY_MS = 35 * 86_400_000
"""A brief that was on its way for longer than mail is kept for has a clock behind it that was wrong; it widens no search."""
ROW_COLUMNS = (
    "b.number, b.id, b.ref, b.title, b.sender, b.instance, b.node, b.verified, b.at, b.priority, b.actions AS actions"
)


def new_ref(connection: sqlite3.Connection, id: str) -> str:
    """Return a ref for a new brief: the shortest start of its code that no brief on this node shares."""
    code = code_of(id)
    for length in range(REF_LENGTH, CODE_LENGTH):
        taken = connection.execute(
            "SELECT 1 FROM briefs WHERE code >= ? AND code < ? LIMIT 1", _span(code[:length])
        ).fetchone()
        if taken is None:
            return code[:length]
    return code


def insert(
    connection: sqlite3.Connection, brief: Brief, canonical: str, signature: str, *, verified: bool, now: int
) -> int:
    """Store a brief and return the number that this node gives it."""
    cursor = connection.execute(
        "INSERT INTO briefs (id, code, ref, thread, at, accepted_at, sender, instance, node, title, priority, actions,"
        " canonical, signature, verified) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            brief.id, code_of(brief.id), brief.ref, brief.thread, brief.at, now, brief.sender.name,
            brief.sender.instance, brief.sender.node, brief.title, brief.priority.rank, len(brief.actions),
            canonical, signature, verified,
        ),
    )  # fmt: skip
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def find(connection: sqlite3.Connection, word: str) -> sqlite3.Row:
    """Return the row of the brief that `word` means: a ref, the start of its code, a number of this node, or an id.

    Raises:
        NotFound: no brief, or more than one, goes by it.
    """
    word = word.strip().lstrip("#").lower()
    if word.isascii() and word.isdigit() and len(word) < 16:
        rows = connection.execute("SELECT * FROM briefs WHERE number = ?", (int(word),)).fetchall()
    elif len(word) == 36 and word.isascii():
        rows = connection.execute("SELECT * FROM briefs WHERE id = ?", (word,)).fetchall()
    elif REF_LENGTH <= len(word) <= CODE_LENGTH and word.isascii() and word.isalnum():
        rows = connection.execute(
            "SELECT * FROM briefs WHERE code >= ? AND code < ? ORDER BY number LIMIT 20", _span(word)
        ).fetchall()
        exact = [row for row in rows if row["ref"] == word]
        rows = exact or rows
    else:
        rows = []
    if len(rows) == 1:
        found: sqlite3.Row = rows[0]
        return found
    if not rows:
        raise NotFound(f"There is no brief {shorten(word, 40)!r} on this node.")
    listed = "; ".join(f"{row['code']} ({shorten(row['title'], 40)}, from {row['sender']})" for row in rows[:5])
    raise NotFound(f"{word!r} stands for several briefs: {listed}.", remedy="Use the longer form of the one you mean.")


def by_number(connection: sqlite3.Connection, number: int) -> sqlite3.Row:
    """Return the row of a brief that is there."""
    row: sqlite3.Row = connection.execute("SELECT * FROM briefs WHERE number = ?", (number,)).fetchone()
    return row


def sent_by(connection: sqlite3.Connection, node: str, name: str, before: int | None) -> Iterator[sqlite3.Row]:
    """Return numbers, times of acceptance and threads of the briefs that somebody sent, newest first."""
    return connection.execute(
        "SELECT number, accepted_at, thread FROM briefs WHERE node = ? AND sender = ? AND number < ? ORDER BY number DESC",
        (node, name, before if before is not None else 2**62),
    )


def senders(connection: sqlite3.Connection, node: str) -> list[str]:
    """Return the names of all who ever sent from a node: each is a look-up, however much they sent."""
    names: list[str] = []
    last = ""
    while True:
        row = connection.execute(
            "SELECT sender FROM briefs WHERE node = ? AND sender > ? ORDER BY sender LIMIT 1", (node, last)
        ).fetchone()
        if row is None:
            return names
        last = row["sender"]
        names.append(last)


def sent_page(
    connection: sqlite3.Connection,
    node: str,
    names: Sequence[str] | None,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> list[int]:
    """Return the numbers of up to `limit` briefs that these names (None: anyone) sent from a node, newest first.

    Args:
        connection: a database connection.
        node: the node.
        names: whose briefs, as they are spelt there.
        limit: the most numbers.
        before: only numbers below this.
        after: only numbers above this, those next to it; the other edge is not looked at then.
    """
    beyond, order = ("<", "DESC") if after is None else (">", "ASC")
    edge = after if after is not None else before if before is not None else 2**62
    numbers: list[int] = []
    for name in senders(connection, node) if names is None else names:
        rows = connection.execute(
            f"SELECT number FROM briefs WHERE node = ? AND sender = ? AND number {beyond} ? ORDER BY number {order} LIMIT ?",
            (node, name, edge, limit),
        )
        numbers += [row["number"] for row in rows]
    return sorted(sorted(numbers, reverse=after is None)[:limit], reverse=True)


def number_from(connection: sqlite3.Connection, at: int, *, latest: bool) -> int:
    """Return from which number on briefs are from a time (Unix milliseconds) or later.

    With `latest`, none from here on is from before; else, none before this is from later. Between the two lie those that were
    longer on their way than others; and all of this holds but for clocks that were set back.
    """
    row = connection.execute(
        "SELECT value FROM meta WHERE key = ?", ("longest_way_ms" if latest else "longest_ahead_ms",)
    ).fetchone()
    edge = 0 if row is None else min(int(row["value"]), _LONGEST_WAY_MS)
    return _accepted_from(connection, at + edge if latest else at - edge)


def _accepted_from(connection: sqlite3.Connection, at: int) -> int:
    """Return which number was the first to be accepted at a time or later: numbers grow with the time of acceptance."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM briefs").fetchone()
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT number, accepted_at FROM briefs WHERE number >= ? ORDER BY number LIMIT 1", (middle,)
        ).fetchone()
        if row["accepted_at"] >= at:
            high = middle
        else:
            low = row["number"] + 1
    return low


def totals(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many briefs there are from each node."""
    return {row["node"]: row["briefs"] for row in connection.execute("SELECT node, briefs FROM totals")}


def load(row: sqlite3.Row) -> Brief:
    """Return the brief kept in a row."""
    return Brief.model_validate(json.loads(row["canonical"]))


def with_actions(connection: sqlite3.Connection, node: str) -> list[tuple[Brief, list[str]]]:
    """Return the briefs of a node that ask for something, each with the names of its recipients, operators with their node."""
    found = []
    for row in connection.execute("SELECT * FROM briefs WHERE node = ? AND actions > 0", (node,)).fetchall():
        names = connection.execute(
            "SELECT iif(name = ?, name || '@' || node, name) AS name FROM recipients WHERE brief = ?",
            (OPERATOR, row["number"]),
        ).fetchall()
        found.append((load(row), [name["name"] for name in names]))
    return found


class Reader(NamedTuple):
    """Someone who may see what is in their mailboxes, and what they or their instance sent from this node."""

    node: str
    name: str
    mailboxes: tuple[str, ...]

    def sees(self, alias: str = "b") -> tuple[str, tuple[str, ...]]:
        """Return an SQL condition on a brief for what they may see, and its values."""
        marks = ", ".join("?" * len(self.mailboxes))
        held = f"EXISTS (SELECT 1 FROM entries v WHERE v.brief = {alias}.number AND v.mailbox IN ({marks}))"
        return f"({held} OR {self._wrote(alias, marks)})", (*self.mailboxes, *self._writers())

    def wrote(self, alias: str = "b") -> tuple[str, tuple[str, ...]]:
        """Return an SQL condition on a brief for what they or their instance sent, and its values."""
        return self._wrote(alias, ", ".join("?" * len(self.mailboxes))), self._writers()

    def _wrote(self, alias: str, marks: str) -> str:
        return f"({alias}.node = ? AND ({alias}.sender = ? OR {alias}.instance IN ({marks})))"

    def _writers(self) -> tuple[str, ...]:
        return (self.node, self.name, *self.mailboxes)


def thread(connection: sqlite3.Connection, thread_id: str, reader: Reader | None, limit: int) -> tuple[list[int], int]:
    """Return the numbers of the latest briefs of a thread that a reader (None: anyone) may see, oldest first.

    Returns:
        The numbers, and how many older ones were left out.
    """
    sees, values = ("1", ()) if reader is None else reader.sees()
    rows = connection.execute(
        f"SELECT b.number FROM briefs b WHERE b.thread = ? AND {sees} ORDER BY b.at DESC, b.number DESC",
        (thread_id, *values),
    ).fetchall()
    return [row["number"] for row in reversed(rows[:limit])], max(len(rows) - limit, 0)


def as_row(
    row: sqlite3.Row, *, mailboxes: list[str], unread: bool, starred: bool = False, archived: bool = False
) -> InboxRow:
    """Return a database row, with ROW_COLUMNS in it, as a line of an inbox."""
    return InboxRow(
        id=row["id"],
        ref=row["ref"],
        number=row["number"],
        title=row["title"],
        sender=Sender(name=row["sender"], instance=row["instance"], node=row["node"]),
        verified=bool(row["verified"]),
        at=row["at"],
        priority=list(Priority)[row["priority"]],
        actions=row["actions"],
        unread=unread,
        mailboxes=mailboxes,
        starred=starred,
        archived=archived,
    )


def _span(start: str) -> tuple[str, str]:
    return start, start + "\x7f"
