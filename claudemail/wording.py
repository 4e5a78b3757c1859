"""The same words for the same things, whichever face says them."""

from __future__ import annotations

from collections.abc import Sequence

from claudemail.clock import day_of
from claudemail.model.action import is_overdue
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.model.views import ActionView, ChangeView, InboxRow
from claudemail.text import ago, plural, shorten

_MOST_NOTE = 160


def recipient_line(state: RecipientState, now: int) -> str:
    """Return how far a brief has come to one recipient: `charlie (server2): read 4m ago by charlie`."""
    said = f"{state.name} ({state.node}): {state.state}"
    if state.state is DeliveryState.READ:
        said += f" {ago(state.at, now)} ago"
        if state.read_by:
            said += f" by {state.read_by}"
        return said
    if state.state is DeliveryState.FAILED:
        return f"{said}: {state.reason or 'no reason is known'}"
    if state.state is DeliveryState.QUEUED and now - state.at >= 1_000:
        said += f" for {ago(state.at, now)}"
    return f"{said}, {absence}" if (absence := away(state, now)) else said


def away(state: RecipientState, now: int) -> str:
    """Return since when a recipient has been away, or the empty string when it is there or nobody knows."""
    if state.live is not False:
        return ""
    return "no session yet" if state.away_since is None else f"away for {ago(state.away_since, now)}"


def provenance(*, verified: bool) -> str:
    """Return the label of a brief's origin."""
    return "verified" if verified else "UNVERIFIED"


def action_line(action: ActionView, now: int) -> str:
    """Return an action on one line: `k9mx (5) "Review the script": pending, urgent, for alpha, due 2026-12-01 (overdue)`."""
    parts = [f"{action.ref} ({action.number}) {quoted(action.text)}: {action.status}"]
    if action.priority.rank != 1:
        parts.append(action.priority.value)
    parts.append(f"for {action.assignee}" if action.assignee else "nobody's yet")
    if action.due:
        late = is_overdue(action.status, action.due, day_of(now))
        parts.append(f"due {action.due} (overdue)" if late else f"due {action.due}")
    return ", ".join(parts)


def action_origin(action: ActionView, now: int) -> str:
    """Return where an action comes from: `asked 3d ago by alpha@server1 in brief k7qd`."""
    said = f"asked {ago(action.created_at, now)} ago"
    if action.asker:
        said += f" by {action.asker}"
    return f"{said} in brief {action.brief_ref}" if action.brief_ref else said


def action_note(action: ActionView) -> str:
    """Return how an action stands, in its last note's words, in short; the empty string where there is none."""
    return f"; note: {quoted(shorten(action.note, _MOST_NOTE))}" if action.note else ""


def change_line(change: ChangeView, now: int) -> str:
    """Return who changed what of an action: `4m ago charlie (server2): status done, note "rolled out"`."""
    fields = [f"{name} {_value(value)}" for name, value in change.fields.items() if name not in ("brief", "asker")]
    who = f"{change.by} ({change.node})" + ("" if change.verified else f", {provenance(verified=False)}")
    return f"{ago(change.at, now)} ago {who}: {', '.join(fields) or 'nothing'}"


def _value(value: object) -> str:
    text = "none" if value is None else str(value)
    return quoted(text) if " " in text else text


def quoted(text: str) -> str:
    """Return somebody's words in quotes that they cannot end."""
    return '"' + text.replace('"', "”") + '"'


def row_line(row: InboxRow, now: int) -> str:
    """Return one line for a brief in a list: `k7qd (5) "Deploy blocker" from charlie (server2), urgent, 2 actions, 4m`."""
    parts = [f"{row.ref} ({row.number}) {quoted(row.title)} from {row.sender}"]
    if not row.verified:
        parts.append(provenance(verified=False))
    if row.priority.rank != 1:
        parts.append(row.priority.value)
    if row.actions:
        parts.append(plural(row.actions, "action"))
    parts += [word for word, so in (("starred", row.starred), ("archived", row.archived)) if so]
    parts.append(f"{ago(row.at, now)} ago")
    return ", ".join(parts)


def listing(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
