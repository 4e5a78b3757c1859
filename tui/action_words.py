"""What the console says of an action: whose it is, until when, for how long, and all that was ever done to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from claudemail.clock import day_of
from claudemail.config import OPERATOR
from claudemail.model.action import ActionStatus, is_overdue
from claudemail.model.brief import Priority
from claudemail.model.views import ActionView, ChangeView
from claudemail.text import plural, scrub_line, shorten
from claudemail.tui import glyphs
from claudemail.tui.columns import priority_words
from claudemail.tui.moments import age, local

_DAY_MS = 86_400_000
_NEAR_DAYS = 6
"""As far ahead a weekday says which day is meant."""
_MOST_WORDS = 60
_PRIORITY_STYLE = {Priority.URGENT: "urgent", Priority.HIGH: "high", Priority.NORMAL: "dim", Priority.LOW: "dim"}


class Words(NamedTuple):
    """Some words, and how they are to stand out: dim, strong, good, high, urgent; the empty word: not at all."""

    text: str
    style: str = ""


def sign(action: ActionView) -> Words:
    """Return the sign before a card: how pressing it is, or how it was closed."""
    if action.status is ActionStatus.DONE:
        return Words(glyphs.DONE, "good")
    if action.status is ActionStatus.DROPPED:
        return Words(glyphs.DROPPED, "dim")
    return Words(glyphs.PRIORITY[action.priority], _PRIORITY_STYLE[action.priority])


def about(action: ActionView, now_ms: int, here: str) -> list[Words]:
    """Return the second line of a card: whose it is, until when, why it is blocked, and from which other node it was asked."""
    dropped = [Words("dropped", "dim")] if action.status is ActionStatus.DROPPED else []
    whose = "you" if action.assignee == f"{OPERATOR}@{here}" else action.assignee or "nobody"
    parts = [*dropped, Words(whose, "" if action.assignee and action.status.is_open else "dim")]
    if action.status.is_open and action.due:
        words = due_words(action.due, day_of(now_ms))
        parts.append(Words(words, "urgent" if is_overdue(action.status, action.due, day_of(now_ms)) else "dim"))
    if action.status is ActionStatus.BLOCKED and action.note:
        parts.append(Words(scrub_line(action.note), "dim"))
    node = (action.asker or "").partition("@")[2]
    if node and node != here:
        parts.append(Words(f"from {node}", "dim"))
    return parts


def in_lane(action: ActionView, now_ms: int, stale_days: int) -> Words:
    """Return for how long a card has been in its lane, or that nothing has been heard of it for days."""
    if action.status is ActionStatus.WIP and now_ms - action.changed_at >= stale_days * _DAY_MS:
        return Words(f"stale {age(action.changed_at, now_ms)}", "high")
    return Words(age(action.status_at, now_ms), "dim")


def due_words(due: str, today: date) -> str:
    """Return until when something is to be done: `due today`, `due fri`, `due 3 apr`, or by how much it is over."""
    day = date.fromisoformat(due)
    ahead = (day - today).days
    if ahead < 0:
        return f"{-ahead}d over"
    if ahead < 2:
        return "due tomorrow" if ahead else "due today"
    if ahead <= _NEAR_DAYS:
        return f"due {day:%a}".lower()
    year = "" if day.year == today.year else f" {day.year}"
    return f"due {day.day} {day:%b}".lower() + year


def day_words(due: str, today: date) -> str:
    """Return a day in full: `Friday 27 March, in 3 days`."""
    day = date.fromisoformat(due)
    ahead = (day - today).days
    distance = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(ahead)
    if distance is None:
        distance = f"in {plural(ahead, 'day')}" if ahead > 0 else f"{plural(-ahead, 'day')} ago"
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%A} {day.day} {day:%B}{year}, {distance}"


def facts(action: ActionView, now_ms: int) -> list[list[Words]]:
    """Return what an action's head says below its text, line by line."""
    status = Words(f"{action.status} {for_how_long(action, now_ms)}", "strong")
    first = [status]
    if action.priority is not Priority.NORMAL:
        first.append(Words(priority_words(action.priority), _PRIORITY_STYLE[action.priority]))
    if action.due:
        today = day_of(now_ms)
        over = is_overdue(action.status, action.due, today)
        words = f"due {day_words(action.due, today)}" + (" (overdue)" if over else "")
        first.append(Words(words, "urgent" if over else ""))
    asked = f"asked {_ago(action.created_at, now_ms)}" + (f" by {action.asker}" if action.asker else "")
    return [
        first,
        [Words(f"for {action.assignee}" if action.assignee else "nobody's yet", "strong"), Words(asked, "dim")],
        [Words(f"{action.ref} · no. {action.number}", "dim")],
    ]


def for_how_long(action: ActionView, now_ms: int) -> str:
    """Return since when an action has its status."""
    gone = age(action.status_at, now_ms)
    if gone == "now":
        return "since just now"
    return f"for {gone}" if action.status.is_open else f"{gone} ago"


def _ago(then_ms: int, now_ms: int) -> str:
    gone = age(then_ms, now_ms)
    return "just now" if gone == "now" else f"{gone} ago"


class Happened(NamedTuple):
    """One change, in words."""

    when: str
    who: str
    verified: bool
    what: str


def history(changes: Sequence[ChangeView], now_ms: int) -> list[Happened]:
    """Return all that was ever done to an action, oldest first."""
    known: dict[str, Any] = {}
    told = []
    for index, change in enumerate(changes):
        made = index == 0 and "text" in change.fields
        words = _made(change.fields, now_ms) if made else _changed(change.fields, known, now_ms)
        known |= change.fields
        told.append(Happened(local(change.at, now_ms), f"{change.by} ({change.node})", change.verified, words))
    return told


def _made(fields: Mapping[str, Any], now_ms: int) -> str:
    assignee, priority, due = (fields.get(name) for name in ("assignee", "priority", "due"))
    words = ["made it"]
    words += [f"for {assignee}"] if assignee else []
    words += [str(priority)] if priority not in (None, Priority.NORMAL) else []
    words += [f"due {_short(due, now_ms)}"] if due else []
    return scrub_line(", ".join(words))


def _changed(fields: Mapping[str, Any], known: Mapping[str, Any], now_ms: int) -> str:
    said = [
        _field(name, value, known.get(name), now_ms) for name, value in fields.items() if name not in ("brief", "asker")
    ]
    return scrub_line(", ".join(said)) or "nothing"


def _field(name: str, value: object, before: object, now_ms: int) -> str:
    if name in ("status", "priority"):
        return f"{before} → {value}" if before is not None and before != value else f"{name} {value}"
    if name == "assignee":
        return f"gave it to {value}" if value else "took it from " + (str(before) if before else "everybody")
    if name == "due":
        return f"due {_short(str(value), now_ms)}" if value else "no day any more"
    if value is None:
        return f"no {name} any more"
    return f"{'reworded' if name == 'text' else name}: “{value}”"


def _short(due: str, now_ms: int) -> str:
    day, today = date.fromisoformat(due), day_of(now_ms)
    return f"{day.day} {day:%b}" + ("" if day.year == today.year else f" {day.year}")


def what(actions: Sequence[ActionView]) -> str:
    """Return what several cards are called in a notification."""
    return shorten(actions[0].text, _MOST_WORDS) if len(actions) == 1 else plural(len(actions), "action")
