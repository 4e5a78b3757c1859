"""The same words for the same things, whichever face says them."""

from __future__ import annotations

from collections.abc import Sequence

from claudemail.model.brief import ActionItem
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.model.views import InboxRow
from claudemail.text import ago


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


def action_line(action: ActionItem) -> str:
    """Return an action item on one line: `Review the script (for alpha, urgent, due 2026-12-01)`."""
    details = [
        *([f"for {action.assignee}"] if action.assignee else []),
        *([action.priority.value] if action.priority.rank != 1 else []),
        *([f"due {action.due}"] if action.due else []),
    ]
    return f"{action.text} ({', '.join(details)})" if details else action.text


def row_line(row: InboxRow, now: int) -> str:
    """Return one line for a brief in a list: `k7qd (5) "Deploy blocker" from charlie (server2), urgent, 2 actions, 4m`."""
    parts = [f'{row.ref} ({row.number}) "{row.title}" from {row.sender}']
    if not row.verified:
        parts.append(provenance(verified=False))
    if row.priority.rank != 1:
        parts.append(row.priority.value)
    if row.actions:
        parts.append(f"{row.actions} action" + "s" * (row.actions != 1))
    parts.append(f"{ago(row.at, now)} ago")
    return ", ".join(parts)


def listing(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
