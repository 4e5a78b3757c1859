"""What the console says of a brief besides its body: who, when, whose, how far it has come, what it asks for."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from claudemail.clock import day_of
from claudemail.config import OPERATOR
from claudemail.model.action import is_overdue
from claudemail.model.brief import Priority
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.model.views import BriefView, InboxRow
from claudemail.text import scrub_line, shorten
from claudemail.tui import glyphs
from claudemail.tui.columns import WORST_FIRST, mailbox_words, priority_words
from claudemail.tui.moments import age, local, local_time

MOST_RECIPIENTS = 8
_MOST_REASON = 80


def sender_words(view: BriefView) -> tuple[str, str]:
    """Return who sent a brief, and whether that is sure."""
    return view.brief.sender.name, f"{view.brief.sender.node}, {'verified' if view.verified else 'UNVERIFIED'}"


def recipients_line(view: BriefView) -> str:
    """Return to whom a brief is addressed."""
    return scrub_line(", ".join(view.brief.to))


def facts_line(view: BriefView, now_ms: int) -> str:
    """Return when a brief was sent and what it goes by."""
    brief = view.brief
    facts = [local(brief.at, now_ms), brief.ref, f"no. {view.number}"]
    facts += [f"due {brief.due}"] if brief.due else []
    facts += [f"expires {brief.expires}"] if brief.expires else []
    facts += [" ".join(f"#{label}" for label in brief.labels)] if brief.labels else []
    return " · ".join(facts)


def mailbox_line(view: BriefView) -> str:
    """Return whose mail on this node a brief is, and what that means for a person who looks at it."""
    archived = "; archived" if view.archived else ""
    if not view.mailboxes:
        return ""
    if OPERATOR in view.mailboxes:
        others = [name for name in view.mailboxes if name != OPERATOR]
        yours = "yours, unread" if view.unread else "yours, read"
        return (f"{yours}; also for {', '.join(others)}" if others else yours) + archived
    return f"for {mailbox_words(view.mailboxes, 60)}; looking marks nothing read{archived}"


def delivery_parts(states: list[RecipientState], now_ms: int) -> list[tuple[str, DeliveryState | None]]:
    """Return how far a brief has come for each recipient, the worst first; where there are many, the rest is counted."""
    ordered = sorted(states, key=lambda state: (WORST_FIRST.index(state.state), state.node, state.name))
    parts: list[tuple[str, DeliveryState | None]] = [
        (_delivery_words(state, now_ms), state.state) for state in ordered[:MOST_RECIPIENTS]
    ]
    rest = Counter(state.state for state in ordered[MOST_RECIPIENTS:])
    if rest:
        counted = ", ".join(f"{rest[state]} {state}" for state in WORST_FIRST if rest[state])
        parts.append((f"and {sum(rest.values())} more: {counted}", None))
    return parts


def _delivery_words(state: RecipientState, now_ms: int) -> str:
    words = f"{state.name}@{state.node} {glyphs.DELIVERY[state.state]} {state.state} {age(state.at, now_ms)}"
    if state.state is DeliveryState.READ and state.read_by and state.read_by != state.name:
        words += f" by {state.read_by}"
    if state.away_since is not None and state.state is not DeliveryState.READ:
        words += f" · away {age(state.away_since, now_ms)}"
    if state.reason:
        words += f": {shorten(state.reason, _MOST_REASON).rstrip('.')}"
    if state.retry_at is not None and state.retry_at >= now_ms:
        words += f"; next try {local_time(state.retry_at)}"
    return scrub_line(words)


class ActionWords(NamedTuple):
    """An action of a brief in words."""

    glyph: str
    text: str
    about: str
    pressing: bool
    """Whether it is to stand out."""
    over: bool
    """Whether there is nothing left to do."""


def action_words(view: BriefView, now_ms: int) -> list[ActionWords]:
    """Return what a brief asks for and what has become of it; what it asked for where this node does not know more."""
    if not view.actions:
        return [
            ActionWords(
                glyphs.ACTION,
                scrub_line(item.text),
                _about(item.assignee, item.priority, item.due and f"due {item.due}"),
                pressing=is_pressing(item.priority),
                over=False,
            )
            for item in view.brief.actions
        ]
    today = day_of(now_ms)
    found = []
    for action in view.actions:
        late = is_overdue(action.status, action.due, today)
        due = action.due and f"{'overdue since' if late else 'due'} {action.due}"
        found.append(
            ActionWords(
                glyphs.ACTION_STATE[action.status],
                scrub_line(action.text),
                _about(action.assignee, action.priority, due, f"{action.status} {age(action.status_at, now_ms)}"),
                pressing=action.status.is_open and (late or is_pressing(action.priority)),
                over=not action.status.is_open,
            )
        )
    return found


def _about(assignee: str | None, priority: Priority, due: str | None, status: str = "") -> str:
    return " · ".join(part for part in (status, assignee or "", priority_words(priority), due or "") if part)


def thread_line(row: InboxRow, now_ms: int) -> tuple[str, str]:
    """Return one of the other briefs of a thread: its title, and what tells it apart."""
    return scrub_line(row.title), f"{row.sender.name} · {age(row.at, now_ms)} · {row.ref}"


def is_pressing(priority: Priority) -> bool:
    """Return whether a priority is above the normal one."""
    return priority.rank > Priority.NORMAL.rank
