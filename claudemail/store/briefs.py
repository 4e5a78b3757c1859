"""Briefs: every one that this node sent or received."""

from __future__ import annotations

import json
import sqlite3

from claudemail.errors import NotFound
from claudemail.model.brief import Brief, Priority, Sender
from claudemail.model.ids import CODE_LENGTH, REF_LENGTH, code_of
from claudemail.model.views import InboxRow
from claudemail.text import shorten

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
    elif len(word) == 36:
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


def totals(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many briefs there are from each node."""
    return {row["node"]: row["briefs"] for row in connection.execute("SELECT node, briefs FROM totals")}


def load(row: sqlite3.Row) -> Brief:
    """Return the brief kept in a row."""
    return Brief.model_validate(json.loads(row["canonical"]))


def thread(connection: sqlite3.Connection, thread_id: str, *, but: int, limit: int = 50) -> list[InboxRow]:
    """Return the briefs of a thread but for one number, oldest first."""
    rows = connection.execute(
        f"SELECT {ROW_COLUMNS} FROM briefs b WHERE b.thread = ? AND b.number <> ? ORDER BY b.at LIMIT ?",
        (thread_id, but, limit),
    )
    return [as_row(row, mailboxes=[], unread=False) for row in rows]


def as_row(row: sqlite3.Row, *, mailboxes: list[str], unread: bool) -> InboxRow:
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
    )


def _span(start: str) -> tuple[str, str]:
    return start, start + "\x7f"
