"""The list of an inbox, a window on all of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from rich.style import Style
from textual.message import Message

from claudemail.model.brief import Priority
from claudemail.model.receipt import DeliveryState
from claudemail.model.views import InboxRow, SentRow
from claudemail.tui.columns import Column, cells, columns, heading
from claudemail.tui.inbox_window import Feed
from claudemail.tui.widgets.row_list import Part, RowList

_WIDE_ENOUGH = 70
"""From this width on, the line of panes has room to say what is left out."""


class Edge(StrEnum):
    """Which rows a list wants beyond those it has."""

    NEWER = "newer"
    OLDER = "older"
    NEWEST = "newest"
    OLDEST = "oldest"


class InboxList(RowList[InboxRow]):
    """Rows of an inbox, newest first."""

    MARKS: ClassVar[bool] = True

    @dataclass
    class Wanted(Message):
        """The reader came near the edge of the rows, or wants one of the ends."""

        list: InboxList
        edge: Edge

        @property
        def control(self) -> InboxList:
            """The list."""
            return self.list

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.newer = False
        """Whether there are rows above those given."""
        self.older = False
        """Whether there are rows below those given."""
        self.narrowed = ""
        """What it is narrowed to, for a list that has nothing beside it to say so."""
        self._watched = True
        self._seen_number = 0

    def key(self, row: InboxRow) -> str:
        """Return the brief's id."""
        return row.id

    @property
    def keep(self) -> int | None:
        """The number of the brief under the cursor, unless it was left behind far below while the newest are watched."""
        row = self.current
        watched = self.top == 0 and not self.newer and self.cursor >= self.room
        return None if row is None or watched else row.number

    def show(self, feed: Feed, now_ms: int) -> None:
        """Show the rows that there are. The cursor stays on its brief, and what is seen stays where it is.

        At the very top of the inbox new rows are seen at once; anywhere else they are counted in the heading.
        """
        self._watched = self.top == 0 and not self.newer and not feed.newer
        self.newer, self.older = feed.newer, feed.older
        self.set_rows(feed.rows, now_ms)

    def begin(self, feed: Feed, now_ms: int, at: str | None = None) -> None:
        """Show other rows, from their beginning or with the cursor on the brief of the id `at`."""
        self.rows, self.now_ms, self._loaded = feed.rows, now_ms, True
        self.newer, self.older = feed.newer, feed.older
        self.marked = set()
        self.top, self._seen_number = 0, feed.rows[0].number if feed.rows else 0
        self.cursor = next((index for index, row in enumerate(feed.rows) if row.id == at), 0)
        if feed.rows:
            self.move_to(self.cursor)
        else:
            self.paint()

    def _after_rows(self) -> None:
        if self._watched:
            self.top = 0

    def jump(self, feed: Feed, edge: Edge) -> None:
        """Show the rows at one end of the inbox, the cursor on the first or the last."""
        self.rows, self.newer, self.older = feed.rows, feed.newer, feed.older
        self.move_to(0 if edge is Edge.NEWEST else len(feed.rows) - 1)

    def action_first(self) -> None:
        """Move the cursor to the newest brief."""
        if self.newer:
            self.post_message(self.Wanted(self, Edge.NEWEST))
        else:
            self.move_to(0)

    def action_last(self) -> None:
        """Move the cursor to the oldest brief."""
        if self.older:
            self.post_message(self.Wanted(self, Edge.OLDEST))
        else:
            self.move_to(len(self.rows) - 1)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, and ask for more rows before the reader gets to the last of them."""
        super().move_to(index)
        if self.rows:
            self._want_more()

    def _scroll(self, lines: int) -> None:
        super()._scroll(lines)
        self._want_more()

    def _want_more(self) -> None:
        if self.older and max(self.cursor, self.top + self.room) + self.room >= len(self.rows):
            self.post_message(self.Wanted(self, Edge.OLDER))
        if self.newer and min(self.cursor, self.top) < self.room:
            self.post_message(self.Wanted(self, Edge.NEWER))

    def on_resize(self) -> None:
        """Ask for more rows where a taller list has room for them; the base class's own handler is called as well."""
        self._want_more()

    def paint(self) -> None:
        """Draw, and note which of the rows have been seen."""
        if self.is_attached and self.size and self.top == 0 and not self.newer and self.rows:
            self._seen_number = max(self._seen_number, self.rows[0].number)
        super().paint()

    def heading(self, width: int) -> Part:
        """Return the names of the columns, that there is more above, or where it is narrow what is left out."""
        unseen = sum(row.number > self._seen_number for row in self.rows[: self.top])
        if not self.newer and not unseen:
            if self._says_what_is_left_out:
                return f"  {self.narrowed}", self.style_of("heading")
            return f"  {heading(self._columns(width - 2))}", self.style_of("heading")
        return f"  ↑ {unseen} new above" if unseen else "  ↑ newer mail above", self.style_of("mark")

    @property
    def heading_lines(self) -> int:
        """How many lines the heading takes: it stays where it alone says what is left out."""
        return 1 if self._says_what_is_left_out else super().heading_lines

    @property
    def _says_what_is_left_out(self) -> bool:
        return bool(self.narrowed) and self.app.size.width < _WIDE_ENOUGH

    def _columns(self, width: int) -> list[Column]:
        return columns(max(width - 1, 1), sent=bool(self.rows) and isinstance(self.rows[0], SentRow))

    def parts(self, row: InboxRow, width: int) -> list[list[Part]]:
        """Return the row's columns."""
        layout = self._columns(width)
        line: list[Part] = []
        for column, text in zip(layout, cells(row, layout, self.now_ms), strict=True):
            line += [(text, self._cell_style(row, column)), (" ", Style.null())]
        return [line]

    def _cell_style(self, row: InboxRow, column: Column) -> Style:
        if column.name == "mark":
            return self.style_of("mark")
        if column.name == "priority" and row.priority in (Priority.URGENT, Priority.HIGH):
            return self.style_of("urgent" if row.priority is Priority.URGENT else "high")
        if column.name == "state" and isinstance(row, SentRow):
            return self._state_style(row)
        if column.name == "sender" and not row.verified:
            return self.style_of("unverified")
        if column.name in ("sender", "title") and row.unread:
            return self.style_of("strong")
        return Style.null() if column.name in ("sender", "to", "title") else self.style_of("dim")

    def _state_style(self, row: SentRow) -> Style:
        states = {state.state for state in row.recipients}
        if DeliveryState.FAILED in states:
            return self.style_of("urgent")
        return self.style_of("high" if DeliveryState.QUEUED in states else "dim")
