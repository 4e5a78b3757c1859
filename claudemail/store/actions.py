"""Actions: what is known of each, by the changes that came, and lists of them that are look-ups however many there are."""

from __future__ import annotations

import heapq
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from claudemail.errors import NoSuchAction
from claudemail.model.action import CLOSED, OPEN, ActionStatus, Change
from claudemail.model.brief import Priority
from claudemail.model.ids import CODE_LENGTH, REF_LENGTH, code_of, id_ms
from claudemail.model.query import Term
from claudemail.model.views import ActionView
from claudemail.store import action_changes, text_index
from claudemail.text import shorten

NO_DUE = "~"
"""Sorts behind every day."""
_ORDERS = {
    "p": (("urgency", "due", "number"), "ASC"),
    "d": (("due", "urgency", "number"), "ASC"),
    "c": (("status_at", "number"), "DESC"),
}
"""The orders of lists, by the first letter of their cursors: the pressing first, by day, those closed last first."""
_MOST_URGENT = max(priority.rank for priority in Priority)
_NUMBER = r"[0-9]{1,18}"
_DAY = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|~)"
_CURSOR = re.compile(rf"p/[0-9]/{_DAY}/{_NUMBER}|d/{_DAY}/[0-9]/{_NUMBER}|c/{_NUMBER}/{_NUMBER}")
"""A place among the pressing, those by day, the closed."""
_ID_LENGTH = 36
_MOST_FOUND = 2_000
"""Up to as many actions with a word are looked at one by one; of a word that more have, a walk soon finds enough."""


class Residents(NamedTuple):
    """A node, and the names that actions of its people are theirs by."""

    node: str
    names: tuple[str, ...]


class Filter(NamedTuple):
    """Which actions are wanted; what is None or empty is not asked for."""

    statuses: tuple[ActionStatus, ...] = OPEN
    assignees: tuple[str, ...] | None = None
    """Any of these; the empty name is nobody."""
    asker: str | None = None
    """Who asked for it, as `alpha@server1`."""
    priority: Priority | None = None
    least: Priority | None = None
    """This priority or a more pressing one."""
    node: Residents | None = None
    """Of these, or asked for from their node."""
    due_before: str | None = None
    """Due before this day (YYYY-MM-DD)."""
    brief: str | None = None
    """Asked for in the brief with this id."""
    thread: str | None = None
    """Asked for in a brief of this thread, as far as those are on this node."""
    terms: tuple[Term, ...] = ()
    """What stands in the text or the note; at least one that is not excluded, if any."""


def apply(connection: sqlite3.Connection, change: Change, canonical: str, signature: str, *, verified: bool) -> bool:
    """Take a change in, if it is new; return whether it was.

    Whatever the order in which changes come, and however often, the same is known of an action in the end.
    """
    number = _number(connection, change)
    if not action_changes.add(connection, number, change, canonical, signature, verified=verified):
        return False
    row = connection.execute("SELECT * FROM actions WHERE number = ?", (number,)).fetchone()
    stamps: dict[str, str] = json.loads(row["stamps"])
    given = change.wire()["fields"]
    fresh = {name: value for name, value in given.items() if _wins(change, name, value, row, stamps)}
    _set(connection, row, change, fresh, stamps)
    return True


def _number(connection: sqlite3.Connection, change: Change) -> int:
    row = connection.execute("SELECT number FROM actions WHERE id = ?", (change.action,)).fetchone()
    if row is not None:
        number: int = row["number"]
        return number
    cursor = connection.execute(
        "INSERT INTO actions (id, code, bucket, created_at, changed_at, status_at) VALUES (?, ?, ?, ?, 0, 0)",
        (
            change.action,
            code_of(change.action),
            action_changes.bucket_of(change.action),
            id_ms(change.action),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _set(
    connection: sqlite3.Connection, row: sqlite3.Row, change: Change, fresh: dict[str, Any], stamps: dict[str, str]
) -> None:
    """Write the fields that a change wins, and when it was made."""
    columns = {name: value for column, value in fresh.items() for name, value in [_stored(column, value)]}
    columns["changed_at"] = max(row["changed_at"], change.at)
    if "status" in fresh:
        columns["status_at"] = change.at
    columns["stamps"] = json.dumps({**stamps, **dict.fromkeys(fresh, change.stamp)}, sort_keys=True)
    if fresh.keys() & {"text", "note"}:
        text_index.remove_action(connection, row["number"])
    connection.execute(
        f"UPDATE actions SET {', '.join(f'{name} = ?' for name in columns)} WHERE number = ?",
        (*columns.values(), row["number"]),
    )
    if fresh.keys() & {"text", "note"}:
        text_index.add_action(connection, row["number"])


def _stored(name: str, value: Any) -> tuple[str, Any]:  # noqa: ANN401 - JSON
    """Return the column for a field, and what stands in it."""
    if name == "status":
        return name, ActionStatus(value).rank
    if name == "priority":
        return "urgency", _MOST_URGENT - Priority(value).rank
    if name == "due":
        return name, value or NO_DUE
    return name, (value or "") if name == "assignee" else value


def _known(row: sqlite3.Row, name: str) -> Any:  # noqa: ANN401 - JSON
    """Return a field of an action as a change has it."""
    if name == "status":
        return list(ActionStatus)[row["status"]].value
    if name == "priority":
        return list(Priority)[_MOST_URGENT - row["urgency"]].value
    if name == "due":
        return None if row["due"] == NO_DUE else row["due"]
    return (row["assignee"] or None) if name == "assignee" else row[name]


def _wins(change: Change, name: str, value: object, row: sqlite3.Row, stamps: dict[str, str]) -> bool:
    """Return whether what a change sets stands, and not what is known.

    A node that was set back may give a stamp out twice; then the value decides, and of a status the moment, which is kept too.
    """
    if name not in stamps:
        return True
    moment, known_moment = (change.at, row["status_at"]) if name == "status" else (0, 0)
    known = json.dumps(_known(row, name))
    return (change.stamp, json.dumps(value), moment) > (stamps[name], known, known_moment)


def last_stamp(connection: sqlite3.Connection, number: int) -> str | None:
    """Return the latest stamp of an action's fields."""
    row = connection.execute("SELECT stamps FROM actions WHERE number = ?", (number,)).fetchone()
    stamps: dict[str, str] = json.loads(row["stamps"])
    return max(stamps.values(), default=None)


def new_ref(connection: sqlite3.Connection, id: str) -> str:
    """Return a ref for a new action: the shortest start of its code that no action known here shares."""
    code = code_of(id)
    for length in range(REF_LENGTH, CODE_LENGTH):
        start = code[:length]
        taken = connection.execute(
            "SELECT 1 FROM actions WHERE code >= ? AND code < ? LIMIT 1", (start, start + "\x7f")
        ).fetchone()
        if taken is None:
            return start
    return code


def find(connection: sqlite3.Connection, word: str) -> ActionView:
    """Return the action that `word` means: a ref, the start of its code, a number of this node, or an id.

    Raises:
        NoSuchAction: none, or more than one, goes by it.
    """
    word = word.strip().lstrip("#").lower()
    if word.isascii() and word.isdigit() and len(word) < 16:
        rows = connection.execute("SELECT * FROM actions WHERE number = ?", (int(word),)).fetchall()
    elif len(word) == _ID_LENGTH and word.isascii():
        rows = connection.execute("SELECT * FROM actions WHERE id = ?", (word,)).fetchall()
    elif REF_LENGTH <= len(word) <= CODE_LENGTH and word.isascii() and word.isalnum():
        rows = connection.execute(
            "SELECT * FROM actions WHERE code >= ? AND code < ? ORDER BY number LIMIT 20", (word, word + "\x7f")
        ).fetchall()
        rows = [row for row in rows if row["ref"] == word] or rows
    else:
        rows = []
    found = [as_view(row) for row in rows if row["text"] is not None]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoSuchAction(f"There is no action {shorten(word, 40)!r}.")
    listed = "; ".join(f"{code_of(one.id)} ({shorten(one.text, 40)})" for one in found[:5])
    raise NoSuchAction(
        f"{word!r} stands for several actions: {listed}.", remedy="Use the longer form of the one you mean."
    )


def askers_called(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return who of this name ever asked for an action, as `alpha@server1`."""
    rows = connection.execute(
        "SELECT DISTINCT asker FROM actions WHERE asker > ?1 || '@' AND asker < ?1 || '@~' AND text IS NOT NULL",
        (name,),
    )
    return [row["asker"] for row in rows]


def was_assigned(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether there is an action of somebody of this name."""
    row = connection.execute(
        "SELECT 1 FROM actions WHERE assignee = ? AND status >= 0 AND text IS NOT NULL LIMIT 1", (name,)
    ).fetchone()
    return row is not None


def of_brief(connection: sqlite3.Connection, brief_id: str) -> list[ActionView]:
    """Return the actions that a brief asked for, in its order."""
    rows = connection.execute("SELECT * FROM actions WHERE brief = ? ORDER BY number", (brief_id,))
    return [as_view(row) for row in rows if row["text"] is not None]


def page(
    connection: sqlite3.Connection, wanted: Filter, limit: int, after: str | None = None
) -> list[tuple[str, ActionView]]:
    """Return up to `limit` actions, each with the cursor of its place, from `after` on.

    Those that are open come first, the most pressing before the others: by priority, then by the day they are due, then the
    older ones. Those that are closed follow, the latest first. Overdue ones alone are in the order of their days.

    Args:
        connection: a database connection.
        wanted: which.
        limit: how many at most.
        after: the cursor of the place to go on from.

    Raises:
        ValueError: that is no cursor.
    """
    place = _Place.parse(after) if after else None
    found: list[tuple[str, ActionView]] = []
    opened = [status for status in wanted.statuses if status.is_open]
    order = "p" if wanted.due_before is None else "d"
    if opened and (place is None or place.order == order):
        found = list(islice(_listed(connection, wanted, opened, order, place), limit))
        place = None
    closed = [status for status in wanted.statuses if status in CLOSED]
    if closed and len(found) < limit and order == "p" and (place is None or place.order == "c"):
        found += islice(_listed(connection, wanted, closed, "c", place), limit - len(found))
        place = None
    if place is not None:
        raise ValueError(after)
    return found


def place_of(connection: sqlite3.Connection, wanted: Filter, action_id: str) -> str | None:
    """Return the cursor of an action's place in a list, or None where it is not one of those that are wanted."""
    conditions, values = _all_conditions(connection, wanted)
    row = connection.execute(
        f"SELECT * FROM actions WHERE {' AND '.join(['id = ?', 'text IS NOT NULL', *conditions])}",
        (action_id, *values),
    ).fetchone()
    if row is None:
        return None
    order = "c" if row["status"] >= len(OPEN) else "p" if wanted.due_before is None else "d"
    return None if order == "c" and wanted.due_before is not None else str(_place(row, order))


def place_before(connection: sqlite3.Connection, wanted: Filter, place: str | None, rows: int) -> str | None:
    """Return the cursor of the place that is `rows` rows before another, or before the end of the list for None.

    Args:
        connection: a database connection.
        wanted: which actions the list has: either open or closed ones, so that it has one order.
        place: a cursor.
        rows: how many, at least one.

    Returns:
        The cursor; None: there are not so many rows before it.

    Raises:
        ValueError: that is no cursor of this list.
    """
    closed = wanted.statuses[0] in CLOSED
    if closed and wanted.due_before is not None:
        return None
    order = "c" if closed else "p" if wanted.due_before is None else "d"
    start = _Place.parse(place) if place else None
    if start is not None and start.order != order:
        raise ValueError(place)
    before = _listed(connection, wanted, wanted.statuses, order, start, backwards=True)
    return next((cursor for cursor, _ in islice(before, rows - 1, None)), None)


class _Place(NamedTuple):
    """Where a page ended: the sort key of its last row."""

    order: str
    key: tuple[int | str, ...]

    def __str__(self) -> str:
        return "/".join([self.order, *map(str, self.key)])

    @classmethod
    def parse(cls, cursor: str) -> _Place:
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise ValueError(cursor)
        order, *parts = match[0].split("/")
        return cls(order, tuple(int(part) if part.isdecimal() else part for part in parts))


def _place(row: sqlite3.Row, order: str) -> _Place:
    return _Place(order, tuple(row[name] for name in _ORDERS[order][0]))


def _listed(
    connection: sqlite3.Connection,
    wanted: Filter,
    statuses: Sequence[ActionStatus],
    order: str,
    place: _Place | None,
    *,
    backwards: bool = False,
) -> Iterator[tuple[str, ActionView]]:
    columns, direction = _ORDERS[order]
    if backwards:
        direction = "DESC" if direction == "ASC" else "ASC"
    walks = _walks(connection, wanted, statuses, columns, direction, place)
    merged = heapq.merge(*walks, key=lambda row: tuple(row[name] for name in columns), reverse=direction == "DESC")
    for row in merged:
        yield str(_place(row, order)), as_view(row)


def _walks(
    connection: sqlite3.Connection,
    wanted: Filter,
    statuses: Sequence[ActionStatus],
    order: tuple[str, ...],
    direction: str,
    place: _Place | None,
) -> list[Iterable[sqlite3.Row]]:
    """Return one indexed walk for each status and person, in order; a single query over several would sort all of them first."""
    conditions, values = _conditions(connection, wanted)
    if place is not None:
        compare = ">" if direction == "ASC" else "<"
        conditions.append(f"({', '.join(order)}) {compare} ({', '.join('?' * len(order))})")
        values += place.key
    ordering = ", ".join(f"{name} {direction}" for name in order)
    where = " AND ".join(["status = ?", "text IS NOT NULL", *conditions])
    return [
        connection.execute(
            f"SELECT * FROM actions WHERE {person}{where} ORDER BY {ordering}", (*whose, status.rank, *values)
        )
        for status in statuses
        for person, whose in _persons(wanted)
    ]


def _persons(wanted: Filter) -> list[tuple[str, tuple[str, ...]]]:
    """Return the condition for each of the people whose actions are wanted; their lists are walked one by one."""
    if wanted.assignees is not None:
        names = dict.fromkeys(name.lower() for name in wanted.assignees)
        return [("assignee = ? AND ", (name,)) for name in names]
    if wanted.asker is not None:
        return [("asker = ? AND ", (wanted.asker,))]
    return [("", ())]


def _all_conditions(connection: sqlite3.Connection, wanted: Filter) -> tuple[list[str], list[Any]]:
    """Return the conditions with those on status and people, which walks have of their own."""
    conditions, values = _conditions(connection, wanted)
    conditions.append(f"status IN ({', '.join(str(status.rank) for status in wanted.statuses)})")
    if wanted.assignees is not None:
        conditions.append(f"assignee IN ({', '.join('?' * len(wanted.assignees))})")
        values += wanted.assignees
    elif wanted.asker is not None:
        conditions.append("asker = ?")
        values.append(wanted.asker)
    return conditions, values


def _conditions(connection: sqlite3.Connection, wanted: Filter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.assignees is not None and wanted.asker is not None:
        conditions.append("asker = ?")
        values.append(wanted.asker)
    if wanted.priority is not None:
        conditions.append("urgency = ?")
        values.append(_MOST_URGENT - wanted.priority.rank)
    if wanted.least is not None:
        conditions.append("urgency <= ?")
        values.append(_MOST_URGENT - wanted.least.rank)
    if wanted.node is not None:
        names = ", ".join("?" * len(wanted.node.names))
        conditions.append(f"(assignee IN ({names}) OR substr(asker, instr(asker, '@') + 1) = ?)")
        values += (*wanted.node.names, wanted.node.node)
    if wanted.due_before is not None:
        conditions.append("due < ?")
        values.append(wanted.due_before)
    if wanted.brief is not None:
        conditions.append("brief = ?")
        values.append(wanted.brief)
    if wanted.thread is not None:
        conditions.append("brief IN (SELECT id FROM briefs WHERE thread = ?)")
        values.append(wanted.thread)
    query = text_index.expression(wanted.terms)
    if query is not None:
        numbers = list(islice(text_index.matching_actions(connection, query), _MOST_FOUND + 1))
        if len(numbers) <= _MOST_FOUND:
            conditions.append(f"number IN ({', '.join(map(str, numbers))})")
        else:
            conditions.append("number IN (SELECT rowid FROM actions_text WHERE actions_text MATCH ?)")
            values.append(query)
    return conditions, values


def loads(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many open actions each assignee has."""
    rows = connection.execute(
        "SELECT assignee, count(*) AS n FROM actions WHERE assignee > '' AND status < ? AND text IS NOT NULL GROUP BY assignee",
        (len(OPEN),),
    )
    return {row["assignee"]: row["n"] for row in rows}


def longest_in(connection: sqlite3.Connection, status: ActionStatus, limit: int) -> list[ActionView]:
    """Return the actions that have had a status for the longest, up to `limit`."""
    rows = connection.execute(
        "SELECT * FROM actions WHERE status = ? AND text IS NOT NULL ORDER BY status_at, number LIMIT ?",
        (status.rank, limit),
    )
    return [as_view(row) for row in rows]


def last_place(connection: sqlite3.Connection) -> int:
    """Return the place of the latest change in the history."""
    (place,) = connection.execute("SELECT coalesce(max(place), 0) FROM action_changes").fetchone()
    return int(place)


def changed_since(connection: sqlite3.Connection, asker: str, place: int) -> Iterator[tuple[ActionView, Change]]:
    """Return the actions that somebody asked for and the changes of them that came after a place in the history."""
    rows = connection.execute(
        "SELECT a.*, c.canonical FROM action_changes c JOIN actions a ON a.number = c.action"
        " WHERE c.place > ? AND a.asker = ? AND a.text IS NOT NULL ORDER BY c.place",
        (place, asker),
    )
    return ((as_view(row), Change.model_validate(json.loads(row["canonical"]))) for row in rows)


def counts(connection: sqlite3.Connection) -> dict[ActionStatus, int]:
    """Return how many actions of each status there are."""
    statuses = list(ActionStatus)
    rows = connection.execute("SELECT status, actions FROM action_totals WHERE actions > 0 ORDER BY status")
    return {statuses[row["status"]]: row["actions"] for row in rows}


def count(connection: sqlite3.Connection, wanted: Filter) -> dict[ActionStatus, int]:
    """Return how many of the actions that are wanted have each status."""
    if wanted._replace(statuses=OPEN) == Filter():
        return {status: number for status, number in counts(connection).items() if status in wanted.statuses}
    statuses = [status for status in wanted.statuses if status.is_open or wanted.due_before is None]
    conditions, values = _conditions(connection, wanted)
    where = " AND ".join(["status = ?", "text IS NOT NULL", *conditions])
    found = {
        status: sum(
            connection.execute(
                f"SELECT count(*) FROM actions WHERE {person}{where}", (*whose, status.rank, *values)
            ).fetchone()[0]
            for person, whose in _persons(wanted)
        )
        for status in statuses
    }
    return {status: number for status, number in found.items() if number}


def count_overdue(connection: sqlite3.Connection, today: str) -> int:
    """Return how many open actions were due before a day (YYYY-MM-DD)."""
    statuses = ", ".join(str(status.rank) for status in OPEN)
    (count,) = connection.execute(
        f"SELECT count(*) FROM actions WHERE status IN ({statuses}) AND text IS NOT NULL AND due < ?", (today,)
    ).fetchone()
    return int(count)


def as_view(row: sqlite3.Row) -> ActionView:
    """Return a database row as faces are given it."""
    return ActionView(
        id=row["id"],
        ref=row["ref"] or code_of(row["id"])[:REF_LENGTH],
        number=row["number"],
        text=row["text"],
        assignee=row["assignee"] or None,
        status=list(ActionStatus)[row["status"]],
        priority=list(Priority)[_MOST_URGENT - row["urgency"]],
        due=_known(row, "due"),
        note=row["note"],
        asker=row["asker"],
        brief=row["brief"],
        brief_ref=None if row["brief"] is None else code_of(row["brief"])[:REF_LENGTH],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        status_at=row["status_at"],
    )
