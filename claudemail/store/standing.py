"""How somebody stands: unread mail, what nobody has told them of, what is due. Plain SQL over any connection.

Standard library only: the hooks and the status line, which have some milliseconds, read the database by it as well.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_HIGH, _URGENT = 2, 3
"""Ranks of priorities, as `entries.priority` has them."""
_MOST = 50
_BUSY_S = 0.5


class Fresh:
    """A brief that is unread."""

    __slots__ = ("node", "number", "rank", "sender", "shared", "title")

    def __init__(self, number: int, rank: int, sender: str, node: str, title: str, *, shared: bool = False) -> None:
        self.number = number
        self.rank = rank
        """0 for low priority to 3 for urgent."""
        self.sender = sender
        self.node = node
        self.title = title
        self.shared = shared
        """Whether it is only in the last of the mailboxes, an instance's, which several sessions may have."""

    @property
    def is_urgent(self) -> bool:
        """Whether it is urgent."""
        return self.rank >= _URGENT

    @property
    def is_high(self) -> bool:
        """Whether its priority is high, or more."""
        return self.rank >= _HIGH


class Standing:
    """What somebody has before them."""

    __slots__ = ("due", "fresh", "unread", "urgent")

    def __init__(self, unread: int, urgent: int, due: int, fresh: list[Fresh]) -> None:
        self.unread = unread
        self.urgent = urgent
        """How many of the unread are urgent."""
        self.due = due
        """How many open actions of theirs should be done by today."""
        self.fresh = fresh
        """Unread briefs that were asked for, the newest first; at most 50."""


def standing(
    connection: sqlite3.Connection, names: Sequence[str], today: str, *, after: int = 0, untold: bool = False
) -> Standing:
    """Return how whoever has these mailboxes, and goes by these names in actions, stands.

    Args:
        connection: a connection to the mail database.
        names: a callsign and its instance.
        today: YYYY-MM-DD
        after: as `fresh`, return only briefs with higher numbers.
        untold: as `fresh`, return only briefs of which nobody was told.
    """
    marks = ", ".join("?" * len(names))
    counts = connection.execute(
        f"SELECT sum(unread), sum(unread * (priority >= {_URGENT})) FROM counters WHERE mailbox IN ({marks})", names
    ).fetchone()
    (due,) = connection.execute(
        f"SELECT count(*) FROM actions WHERE assignee IN ({marks}) AND status < 3 AND text IS NOT NULL AND due <= ?",
        (*names, today),
    ).fetchone()
    only = " AND notified_at IS NULL" if untold else ""
    walks = [
        connection.execute(
            "SELECT b.number, b.priority, b.sender, b.node, b.title FROM (SELECT brief FROM entries"
            f" WHERE mailbox = ? AND read_at IS NULL AND brief > ?{only} ORDER BY brief DESC LIMIT {_MOST})"
            " JOIN briefs b ON b.number = brief",
            (name, after),
        ).fetchall()
        for name in names
    ]
    fresh: dict[int, Fresh] = {}
    for place, walk in enumerate(walks):
        for row in walk:
            fresh.setdefault(row[0], Fresh(*row, shared=place > 0))
    newest = sorted(fresh.values(), key=lambda one: -one.number)[:_MOST]
    return Standing(counts[0] or 0, counts[1] or 0, due, newest)


def silent_nodes(registry: sqlite3.Connection, peers: Sequence[str], before_ms: int) -> list[str]:
    """Return which of these peers were heard of, and not since a moment, by a connection to the registry."""
    heard = dict(map(tuple, registry.execute("SELECT node, heard_at FROM peers WHERE heard_at IS NOT NULL")))
    return [peer for peer in peers if heard.get(peer, before_ms) < before_ms]


class Look:
    """A look into a database, for `with`: read-only, and closed at the end.

    Raises:
        sqlite3.Error: it cannot be read.
    """

    def __init__(self, path: str) -> None:
        import sqlite3

        for char in "%?#":  # as a URI takes them
            path = path.replace(char, f"%{ord(char):02x}")
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", timeout=_BUSY_S, uri=True)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
