"""The full text of briefs: title, body, sender, and in coded words whose each one is.

Briefs come into it after they are accepted, in the order of their numbers; whoever searches takes in what is due first.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence

from claudemail.model.query import Term
from claudemail.text import scrub

_UNSPACED = re.compile(
    "(["
    "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # Chinese, Japanese
    "\uac00-\ud7af"  # Korean, where endings are joined to words
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "])"
)
"""Scripts that put no spaces between words: each of their characters is a word of its own."""
_CODE = "ы"
"""How every coded word begins."""
_JOIN = "э"
EVERY = f"{_CODE}a"
"""The word that every brief has."""
_NOBODY = "ю"
_LONGEST_WALK = 20_000
_NO_NAME = re.compile("[^a-z0-9_-]")
_SAFE = str.maketrans({"-": "ъ", "_": "ь"})
"""The tokenizer cuts at - and _; names must stay whole. Names are ASCII, so these letters stand for nothing else."""
_PLAIN = "{title body sender} : "
"""Where words are looked for that somebody typed: never among the coded ones."""
_TEXTS = (
    "SELECT b.number, searchable(b.title), searchable(json_extract(b.canonical, '$.body')), b.sender || ' ' || b.node,"
    " who(b.sender, b.instance, b.node, (SELECT group_concat(mailbox) FROM entries WHERE brief = b.number))"
    " FROM briefs b"
)
_ACTION_TEXTS = (
    "number, searchable(text), searchable(note) FROM actions"
    " WHERE number = ? AND (text IS NOT NULL OR note IS NOT NULL)"
)
_FILL = f"INSERT INTO briefs_text (rowid, title, body, sender, who) {_TEXTS}"
_MOST_AT_ONCE = 100
_MOST_CHARS_AT_ONCE = 256 * 1024
"""How much is taken in at once: other writers wait for it."""


def searchable(text: str | None) -> str:
    """Return a text as it is indexed, and as its words are looked for."""
    text = scrub(text or "")  # a peer may sign what it has not scrubbed
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def who(sender: str, instance: str | None, node: str, mailboxes: str | None) -> str:
    """Return the coded words for a brief's sender, and for the mailboxes (with commas) that hold it."""
    words = [EVERY, from_name(sender), from_node(node), sent_by(sender, node)]
    if instance:
        words.append(sent_by(instance, node, "i"))
    words += [held_by(mailbox) for mailbox in (mailboxes or "").split(",") if mailbox]
    return " ".join(words)


def held_by(mailbox: str) -> str:
    """Return the word that the briefs in a mailbox have."""
    return _coded("t", mailbox)


def from_name(sender: str) -> str:
    """Return the word that briefs from a name have, whatever its node."""
    return _coded("f", sender)


def from_node(node: str) -> str:
    """Return the word that briefs from anybody on a node have."""
    return _coded("n", node)


def sent_by(name: str, node: str, kind: str = "s") -> str:
    """Return the word that briefs from a sender on a node have; with the kind `i`, from any session of an instance."""
    return _coded(kind, name) + _JOIN + _plain(node)


def _coded(kind: str, name: str) -> str:
    return f"{_CODE}{kind}{_plain(name)}"


def _plain(name: str) -> str:
    """Return a name as the tokenizer leaves it whole; what is no name becomes one that nobody has."""
    return _NO_NAME.sub(_NOBODY, name.lower()).translate(_SAFE)


FUNCTIONS: dict[str, tuple[int, Callable[..., str]]] = {"searchable": (1, searchable), "who": (4, who)}
"""What the SQL that fills the index calls, with the number of its arguments."""


def _place(connection: sqlite3.Connection) -> int:
    """Return the number up to which all briefs are in."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'indexed'").fetchone()
    return 0 if row is None else int(row["value"])


def due(connection: sqlite3.Connection) -> int | None:
    """Return the number of the last brief if it is still to be taken in, or None: all are in."""
    place = _place(connection)
    (last,) = connection.execute("SELECT max(number) FROM briefs WHERE number > ?", (place,)).fetchone()
    return None if last is None else int(last)


def take_in_some(connection: sqlite3.Connection) -> int:
    """Take in some of the briefs that are still to be, the oldest first; return the number up to which all are in."""
    place = last = _place(connection)
    size = 0
    for row in connection.execute(
        "SELECT number, length(canonical) AS size FROM briefs WHERE number > ? ORDER BY number LIMIT ?",
        (place, _MOST_AT_ONCE),
    ):
        size += row["size"]
        if last > place and size > _MOST_CHARS_AT_ONCE:
            break
        last = row["number"]
    # In one statement: before each one SQLite writes out what the index has got so far, which costs more than to get it.
    connection.execute(f"{_FILL} WHERE b.number > ? AND b.number <= ?", (place, last))
    connection.execute("INSERT INTO meta VALUES ('indexed', ?1) ON CONFLICT DO UPDATE SET value = ?1", (str(last),))
    return last


def remove(connection: sqlite3.Connection, number: int) -> None:
    """Take a brief out as it was taken in, before its mailboxes change; one that is still to be taken in stays out."""
    if number <= _place(connection):
        connection.execute(
            "INSERT INTO briefs_text (briefs_text, rowid, title, body, sender, who)"
            f" SELECT 'delete', * FROM ({_TEXTS} WHERE b.number = ?)",
            (number,),
        )


def restore(connection: sqlite3.Connection, number: int) -> None:
    """Take a brief that was taken out in again, with the mailboxes that hold it now."""
    if number <= _place(connection):
        connection.execute(f"{_FILL} WHERE b.number = ?", (number,))


def empty(connection: sqlite3.Connection) -> None:
    """Take everything out; all of it is to be taken in anew."""
    connection.execute("INSERT INTO briefs_text (briefs_text) VALUES ('delete-all')")
    connection.execute("DELETE FROM meta WHERE key = 'indexed'")


def matches(connection: sqlite3.Connection, query: str, *, least: int = 0, before: int | None = None) -> Iterator[int]:
    """Return the numbers of the briefs that a query (FTS5) fits, newest first, as they are asked for."""
    rows = connection.execute(
        "SELECT rowid FROM briefs_text WHERE briefs_text MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC",
        (query, least, before if before is not None else 2**62),
    )
    return (row[0] for row in rows)


def among(connection: sqlite3.Connection, query: str, numbers: Sequence[int]) -> list[int]:
    """Return which of these briefs a query fits; both newest first.

    To walk all that fits between the first and the last takes 0.5 us each, to ask for one brief up to 500 us: only where
    they lie far apart are those asked for that the walk did not come to.
    """
    wanted = set(numbers)
    found: list[int] = []
    for walked, number in enumerate(matches(connection, query, least=numbers[-1], before=numbers[0] + 1)):
        if number in wanted:
            found.append(number)
        if walked >= _LONGEST_WALK:
            return found + _one_by_one(connection, query, [rest for rest in numbers if rest < number])
    return found


def _one_by_one(connection: sqlite3.Connection, query: str, numbers: Sequence[int]) -> list[int]:
    marks = ", ".join("?" * len(numbers))
    rows = connection.execute(
        f"SELECT rowid FROM briefs_text WHERE briefs_text MATCH ? AND rowid IN ({marks}) ORDER BY rowid DESC",
        (query, *numbers),
    )
    return [row[0] for row in rows]


def expression(terms: Sequence[Term], within: str | None = None) -> str | None:
    """Return an FTS5 query for what has all these words and none of those excluded; None where it asks for nothing.

    Args:
        terms: what somebody typed; nothing in it is taken for syntax.
        within: a query on the coded words of briefs that must fit as well; None: it is for actions, which have none.
    """
    plain = "" if within is None else _PLAIN
    asked = [] if within is None else [within]
    asked += [plain + _phrase(term) for term in terms if not term.excluded]
    if not asked:
        return None
    excluded = " OR ".join(plain + _phrase(term) for term in terms if term.excluded)
    return f"({' AND '.join(asked)})" + (f" NOT ({excluded})" if excluded else "")


def _phrase(term: Term) -> str:
    words = searchable(term.words).replace('"', " ").replace("\0", " ")
    return f'"{words}"' + ("*" if term.starts else "")


def any_of(words: Iterable[str]) -> str:
    """Return a query for the briefs that have one of these coded words."""
    return "who : (" + " OR ".join(f'"{word}"' for word in words) + ")"


def add_action(connection: sqlite3.Connection, number: int) -> None:
    """Take an action in, as it stands in its table; one without any text stays out."""
    connection.execute(f"INSERT INTO actions_text (rowid, text, note) SELECT {_ACTION_TEXTS}", (number,))


def remove_action(connection: sqlite3.Connection, number: int) -> None:
    """Take an action out, before its text changes; one that was never taken in stays out."""
    connection.execute(
        f"INSERT INTO actions_text (actions_text, rowid, text, note) SELECT 'delete', {_ACTION_TEXTS}", (number,)
    )


def matching_actions(connection: sqlite3.Connection, query: str) -> Iterator[int]:
    """Return the numbers of the actions whose text or note a query (FTS5) fits, newest first."""
    rows = connection.execute("SELECT rowid FROM actions_text WHERE actions_text MATCH ? ORDER BY rowid DESC", (query,))
    return (row[0] for row in rows)
