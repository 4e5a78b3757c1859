"""A line that says what becomes of the brief that was sent last: how long it can be taken back, then how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from claudemail.model.receipt import RecipientState
from claudemail.text import scrub_line, shorten
from claudemail.tui import glyphs

_MOST_STATES = 4
_MOST_REASON = 60


class SentLine(Static):
    """Hidden while there is nothing to tell."""

    @dataclass
    class Clicked(Message):
        """The line was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.words = ""
        """What it says."""
        self.display = False

    def waits(self, title: str, left_s: float, key: str) -> None:
        """Say that a brief goes in some seconds, unless it is taken back with a key."""
        self._say(Content.assemble((f"Sends in {ceil(left_s)} s  ", "bold $primary"), (f"{key} takes it back  ", ""),
                                   (scrub_line(title), "$muted")))  # fmt: skip

    def goes(self, title: str) -> None:
        """Say that a brief is on its way to the office."""
        self._say(Content.assemble(("Sending  ", "bold $primary"), (scrub_line(title), "$muted")))

    def went(self, ref: str, title: str, states: Sequence[RecipientState]) -> None:
        """Say that a brief was accepted, and how far it has come to each of its recipients."""
        told = [
            f"{state.name} {glyphs.DELIVERY[state.state]} {state.state}"
            + (f": {shorten(state.reason, _MOST_REASON)}" if state.reason else "")
            for state in states[:_MOST_STATES]
        ]
        if len(states) > _MOST_STATES:
            told.append(f"{len(states) - _MOST_STATES} more")
        self._say(
            Content.assemble(
                (f"Sent {ref}  ", "bold $text-success"),
                (scrub_line(" · ".join(told)), ""),
                (f"  {scrub_line(title)}", "$muted"),
            )
        )

    def hide(self) -> None:
        """Say nothing."""
        self._say(Content())

    def _say(self, content: Content) -> None:
        if content.plain != self.words:
            self.words = content.plain
            self.update(content)
            self.display = bool(self.words)

    def on_click(self) -> None:
        """Tell that it was clicked."""
        self.post_message(self.Clicked())
