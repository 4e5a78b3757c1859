"""A lane of the board of actions: cards of two lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.message import Message

from claudemail.model.action import ActionStatus
from claudemail.model.views import ActionView
from claudemail.tui.action_board import LANES, Edge
from claudemail.tui.action_words import Words, about, in_lane, sign
from claudemail.tui.columns import cut, fit, shortened
from claudemail.tui.widgets.row_list import Part, RowList

_INDENT = 3
_LEAST_WORDS = 6
"""A part of a card's second line that would be cut to less than this is left out."""


class LaneList(RowList[ActionView]):
    """The cards of one lane, the most pressing first, or the last closed first."""

    ROW_LINES: ClassVar[int] = 2
    MARKS: ClassVar[bool] = True

    @dataclass
    class Wanted(Message):
        """The reader came near the edge of the cards, or wants one of the ends."""

        lane: LaneList
        edge: Edge

        @property
        def control(self) -> LaneList:
            """The lane."""
            return self.lane

    def __init__(self, index: int, here: str, stale_days: int, *, id: str | None = None) -> None:
        """Make a lane.

        Args:
            index: which one it is.
            here: the node that the console is on.
            stale_days: after so many days without a change, what is in work is stale.
            id: the widget's id.
        """
        super().__init__(id=id)
        self.index = index
        """Which lane it is."""
        self.total = 0
        """How many cards it has in all."""
        self.titled = True
        """Whether it says above its cards which lane it is."""
        self.above = False
        """Whether there are cards above those given."""
        self.below = False
        """Whether there are cards below those given."""
        self._aside = ""
        self._watched = True
        self._here, self._stale_days = here, stale_days

    def key(self, row: ActionView) -> str:
        """Return the action's id."""
        return row.id

    def show(
        self, rows: Sequence[ActionView], now_ms: int, *, total: int, above: bool, below: bool, aside: str, empty: str
    ) -> None:
        """Show these cards. The cursor stays on its card, or at its height where that has gone.

        Args:
            rows: the cards.
            now_ms: what ages are counted to.
            total: how many the lane has in all.
            above: whether there are some above these.
            below: whether there are some below these.
            aside: what stands beside the lane's name.
            empty: what an empty lane says.
        """
        self._watched = self.top == 0 and not self.above and not above
        self.total, self.above, self.below, self._aside, self.empty = total, above, below, aside, empty
        self.set_rows(rows, now_ms)

    def _after_rows(self) -> None:
        if self._watched:  # what comes in at the top is seen, as long as the cursor is
            self.top = max(0, self.cursor - self.room + 1) if self.size else 0

    @property
    def height_of_cursor(self) -> int:
        """How many cards below the first that is seen the cursor is."""
        return self.cursor - self.top

    def stand_at(self, height: int, room: int) -> None:
        """Put the cursor on the card so far below the first that is seen.

        Args:
            height: how far.
            room: how many cards are seen at once; a lane that was hidden until now does not know.
        """
        if self.rows:
            self.cursor = min(self.top + min(height, room - 1), len(self.rows) - 1)
            self.paint_soon()
            self.post_message(self.Moved(self, self.rows[self.cursor]))
            self._want_more()

    def be_seen(self, *, titled: bool, current: bool) -> None:
        """Say above the cards which lane it is or leave that to others, and show or hide the cursor."""
        if (titled, current) != (self.titled, self.shows_cursor):
            self.titled, self.shows_cursor = titled, current
            self.paint_soon()

    def action_first(self) -> None:
        """Move the cursor to the first card."""
        if self.above:
            self.post_message(self.Wanted(self, Edge.FIRST))
        else:
            self.move_to(0)

    def action_last(self) -> None:
        """Move the cursor to the last card."""
        if self.below:
            self.post_message(self.Wanted(self, Edge.LAST))
        else:
            self.move_to(len(self.rows) - 1)

    def move_to(self, index: int) -> None:
        """Put the cursor on a card, and ask for more before the reader gets to the last of them."""
        super().move_to(index)
        self._want_more()

    def _scroll(self, lines: int) -> None:
        super()._scroll(lines)
        self._want_more()

    def _want_more(self) -> None:
        if self.below and max(self.cursor, self.top + self.room) + self.room >= len(self.rows):
            self.post_message(self.Wanted(self, Edge.BELOW))
        if self.above and min(self.cursor, self.top) < self.room:
            self.post_message(self.Wanted(self, Edge.ABOVE))

    @property
    def heading_lines(self) -> int:
        """A lane says which it is unless a line above it does."""
        return 1 if self.titled else 0

    def heading(self, width: int) -> Part:
        """Return the lane's name and how many cards it has."""
        words = f"  {LANES[self.index].name} {self.total}"
        if self._aside and cell_len(words) + cell_len(self._aside) + 3 <= width:
            words += f" · {self._aside}"
        style = self.style_of("bar") + self.style_of("strong") if self.has_focus else self.style_of("heading")
        return words, style

    def parts(self, row: ActionView, width: int) -> list[list[Part]]:
        """Return the lines of a card: its sign and text; whose it is, until when, and for how long."""
        room = max(width - _INDENT - 1, 1)
        first = sign(row)
        dim = self.style_of("dim") if row.status is ActionStatus.DROPPED else Style.null()
        above: list[Part] = [(fit(first.text, _INDENT), self._style(first)), (fit(row.text, room), dim)]
        below: list[Part] = [(" " * _INDENT, Style.null())]
        last = in_lane(row, self.now_ms, self._stale_days)
        left = room - cell_len(last.text) - 1
        for index, words in enumerate(about(row, self.now_ms, self._here)):
            gap = " · " if index else ""
            if index and left - len(gap) < min(cell_len(words.text), _LEAST_WORDS):
                break
            text = shortened(words.text, max(left - len(gap), 0))
            below += [(gap, self.style_of("dim")), (text, self._style(words))]
            left -= len(gap) + cell_len(text)
        below += [(" " * max(left + 1, 1), Style.null()), (cut(last.text, room), self._style(last))]
        return [above, below]

    def _style(self, words: Words) -> Style:
        return self.style_of(words.style) if words.style else Style.null()
