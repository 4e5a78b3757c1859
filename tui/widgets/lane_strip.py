"""The line of lanes, for a board of which only one lane is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from claudemail.tui.action_board import LANES
from claudemail.tui.columns import cut

_GAP = "  "
_LEAST_ASIDE = 6


class LaneStrip(Widget):
    """Says which lane is seen and how many cards each has, and takes clicks."""

    @dataclass
    class Clicked(Message):
        """A lane was clicked."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._at = 0
        self._totals: Sequence[int] = [0] * len(LANES)
        self._aside = ""

    def say(self, at: int, totals: Sequence[int], aside: str) -> None:
        """Show which lane is seen, how many cards each has, and to what the board is narrowed."""
        if (at, totals, aside) != (self._at, self._totals, self._aside):
            self._at, self._totals, self._aside = at, totals, aside
            self.refresh()

    def _words(self, width: int) -> list[str]:
        for names in ([lane.name for lane in LANES], [lane.short for lane in LANES]):
            words = [f"{name} {total}" for name, total in zip(names, self._totals, strict=True)]
            if len(_GAP.join(words)) <= width:
                break
        return words

    def render(self) -> Content:
        """Return the line."""
        width = self.content_size.width
        parts: list[tuple[str, str]] = []
        words = self._words(width)
        for index, text in enumerate(words):
            parts += [(_GAP if index else "", ""), (text, "bold $primary underline" if index == self._at else "$muted")]
        room = width - len(_GAP.join(words)) - 2
        if self._aside and room >= _LEAST_ASIDE:
            aside = Content(cut(self._aside, room))
            parts += [(" " * (room + 2 - aside.cell_length), ""), (aside.plain, "$high")]
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Go to the lane that was clicked."""
        where = event.get_content_offset(self)
        left = 0
        for index, text in enumerate(self._words(self.content_size.width)):
            if where is not None and left <= where.x < left + len(text):
                self.post_message(self.Clicked(index))
                return
            left += len(text) + len(_GAP)
