"""How far a brief has come, per recipient, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from claudemail.cli.columns import Cell, Column, table, terminal_width
from claudemail.cli.printing import dim, green, red, say, yellow
from claudemail.cli.times import when
from claudemail.model.receipt import DeliveryState
from claudemail.wording import away

if TYPE_CHECKING:
    from claudemail.model.receipt import RecipientState

_INDENT = "  "


def print_states(states: Sequence[RecipientState], now: int) -> None:
    """Print a line for each recipient: who, how far and since when, and who is away."""
    rows = [[f"{state.name} ({state.node})", _state(state, now), dim(away(state, now))] for state in states]
    for line in table(rows, [Column(8), Column(12), Column(8)], terminal_width() - len(_INDENT)):
        say(_INDENT, *line)


def _state(state: RecipientState, now: int) -> Cell:
    words = f"{state.state} {when(state.at, now)}"
    if state.state is DeliveryState.READ:
        return green(f"{words} by {state.read_by}" if state.read_by else words)
    if state.state is DeliveryState.FAILED:
        return red(f"{words}: {state.reason or 'no reason is known'}")
    if state.state is DeliveryState.QUEUED:
        return yellow(f"{words}: {state.reason}" if state.reason else words)
    return words
