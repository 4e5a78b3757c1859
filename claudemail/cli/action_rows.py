"""Actions as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from claudemail.cli.columns import Cell, Column, table, terminal_width
from claudemail.cli.printing import cyan, dim, green, red, say, yellow
from claudemail.clock import day_of
from claudemail.model.action import ActionStatus, is_overdue

if TYPE_CHECKING:
    from claudemail.model.views import ActionView

_NARROW = 90
_PAINT = {ActionStatus.WIP: yellow, ActionStatus.BLOCKED: red, ActionStatus.DONE: green, ActionStatus.DROPPED: dim}


def print_actions(actions: Sequence[ActionView], now: int) -> None:
    """Print a line for each action: ref, number, status, priority, whose, until when, what; where it is narrow, in short."""
    width = terminal_width()
    shape = [Column(), Column(right=True), Column(), Column(), Column(6), Column(), Column(16), Column(8)]
    for line in table([_cells(action, now, width) for action in actions], shape, width):
        say(*line)


def _cells(action: ActionView, now: int, width: int) -> list[Cell]:
    narrow = width < _NARROW
    due = "" if action.due is None else action.due[5:] if narrow else f"due {action.due}"
    late = is_overdue(action.status, action.due, day_of(now))
    paint = _PAINT.get(action.status)
    return [
        cyan(action.ref),
        "" if narrow else dim(str(action.number)),
        paint(action.status) if paint else action.status.value,
        red(action.priority) if action.priority.rank > 1 else dim(action.priority if action.priority.rank < 1 else ""),
        action.assignee or dim("nobody"),
        red(f"{due} late") if late else due,
        action.text,
        dim(f"from {action.asker}") if action.asker and not narrow else "",
    ]
