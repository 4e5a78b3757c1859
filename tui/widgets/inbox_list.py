"""The list of an inbox: it draws the lines that are seen, and of those only the ones that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from claudemail.model.brief import Priority
from claudemail.model.views import InboxRow
from claudemail.tui import glyphs
from claudemail.tui.bindings import MOVE, OPEN
from claudemail.tui.columns import Column, cells, columns, heading

_LEAST_HEIGHT_WITH_HEADING = 12
_WHEEL_LINES = 3
_EMPTY = "No mail yet."


class Edge(StrEnum):
    """Which rows a list wants beyond those it has."""

    NEWER = "newer"
    OLDER = "older"
    NEWEST = "newest"
    OLDEST = "oldest"


class InboxList(Widget, can_focus=True):
    """Rows of an inbox with a cursor, which stays with its brief while rows come and go.

    Not a ScrollView: the rows are a window on a longer list, so a scroll bar would lie, and rows that come in above must move
    the offset without a repaint.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "inbox--bar",
        "inbox--cursor",
        "inbox--cursor-focused",
        "inbox--dim",
        "inbox--heading",
        "inbox--high",
        "inbox--mark",
        "inbox--row",
        "inbox--unread",
        "inbox--unverified",
        "inbox--urgent",
    }
    BINDINGS: ClassVar[list[BindingType]] = [*MOVE, *OPEN]

    @dataclass
    class Moved(Message):
        """The cursor came to another brief, by the reader's hand or because it was the first to show."""

        list: InboxList
        row: InboxRow

        @property
        def control(self) -> InboxList:
            """The list."""
            return self.list

    @dataclass
    class Opened(Message):
        """The reader wants to read a brief."""

        list: InboxList
        row: InboxRow

        @property
        def control(self) -> InboxList:
            """The list."""
            return self.list

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
        self.rows: Sequence[InboxRow] = ()
        self.cursor = 0
        """The index of the row that the cursor is on."""
        self.top = 0
        """The index of the first row that is seen."""
        self.newer = False
        """Whether there are rows above those given."""
        self.older = False
        """Whether there are rows below those given."""
        self.now_ms = 0
        """What ages are counted to."""
        self._loaded = False
        self._seen_number = 0
        self._layout: list[Column] = []
        self._lines: list[Strip] = []

    @property
    def current(self) -> InboxRow | None:
        """The row that the cursor is on."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def keep(self) -> int | None:
        """The number of the brief under the cursor, unless it was left behind far below while the newest are watched."""
        row = self.current
        watched = self.top == 0 and not self.newer and self.cursor >= self._room
        return None if row is None or watched else row.number

    def show(self, rows: Sequence[InboxRow], *, newer: bool, older: bool, now_ms: int) -> None:
        """Show these rows. The cursor stays on its brief, and what is seen stays where it is.

        At the very top of the inbox new rows are seen at once; anywhere else they are counted in the heading.
        """
        before = self.current
        first_seen = self.rows[self.top] if self.top < len(self.rows) else None
        at_newest = self.top == 0 and not self.newer
        place = {row.id: index for index, row in enumerate(rows)}
        self.rows, self.newer, self.older, self.now_ms, self._loaded = rows, newer, older, now_ms, True
        last = max(len(rows) - 1, 0)
        self.cursor = min(place.get(before.id, self.cursor) if before else 0, last)
        if at_newest and not newer:
            self.top = 0
        elif first_seen is not None:
            self.top = place.get(first_seen.id, self.top)
        self._clamp_top()
        self._paint()
        if before is None and self.current is not None:
            self.post_message(self.Moved(self, self.current))

    def jump(self, rows: Sequence[InboxRow], edge: Edge, *, newer: bool, older: bool) -> None:
        """Show the rows at one end of the inbox, the cursor on the first or the last."""
        self.rows, self.newer, self.older = rows, newer, older
        self._move_to(0 if edge is Edge.NEWEST else len(rows) - 1)

    def action_down(self) -> None:
        """Move the cursor one row down."""
        self._move_to(self.cursor + 1)

    def action_up(self) -> None:
        """Move the cursor one row up."""
        self._move_to(self.cursor - 1)

    def action_half_down(self) -> None:
        """Move the cursor half a page down."""
        self._move_to(self.cursor + max(self._room // 2, 1))

    def action_half_up(self) -> None:
        """Move the cursor half a page up."""
        self._move_to(self.cursor - max(self._room // 2, 1))

    def action_first(self) -> None:
        """Move the cursor to the newest brief."""
        if self.newer:
            self.post_message(self.Wanted(self, Edge.NEWEST))
        else:
            self._move_to(0)

    def action_last(self) -> None:
        """Move the cursor to the oldest brief."""
        if self.older:
            self.post_message(self.Wanted(self, Edge.OLDEST))
        else:
            self._move_to(len(self.rows) - 1)

    def action_open(self) -> None:
        """Open the brief under the cursor."""
        if self.current is not None:
            self.post_message(self.Opened(self, self.current))

    def _move_to(self, index: int) -> None:
        if not self.rows:
            return
        self.cursor = min(max(index, 0), len(self.rows) - 1)
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self._room:
            self.top = self.cursor - self._room + 1
        self._clamp_top()
        self._paint()
        self.post_message(self.Moved(self, self.rows[self.cursor]))
        self._want_more()

    def _scroll(self, lines: int) -> None:
        self.top += lines
        self._clamp_top()
        self._paint()
        self._want_more()

    def _want_more(self) -> None:
        """Ask for more rows before the reader gets to the last of them."""
        if self.older and max(self.cursor, self.top + self._room) + self._room >= len(self.rows):
            self.post_message(self.Wanted(self, Edge.OLDER))
        if self.newer and min(self.cursor, self.top) < self._room:
            self.post_message(self.Wanted(self, Edge.NEWER))

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        self._layout = columns(max(self.size.width - 2, 1))
        if self.top <= self.cursor:
            self.top = max(self.top, self.cursor - self._room + 1)
        self._clamp_top()
        self._paint()
        self._want_more()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the rows; the cursor stays."""
        event.stop()
        self._scroll(_WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the rows; the cursor stays."""
        event.stop()
        self._scroll(-_WHEEL_LINES)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row that was clicked; a second click opens it."""
        index = self.top + event.y - self._heading_lines
        if event.y < self._heading_lines or index >= len(self.rows):
            return
        self._move_to(index)
        if event.chain == 2:
            self.action_open()

    def on_focus(self) -> None:
        """Draw the cursor of a list that has the keys."""
        self._paint()

    def on_blur(self) -> None:
        """Draw the cursor of a list that has not."""
        self._paint()

    def notify_style_update(self) -> None:
        """Draw in the new colours when the theme changes."""
        super().notify_style_update()
        self._paint()

    @property
    def _heading_lines(self) -> int:
        return 1 if self.size.height >= _LEAST_HEIGHT_WITH_HEADING else 0

    @property
    def _room(self) -> int:
        """How many rows are seen at once."""
        return max(self.size.height - self._heading_lines, 1)

    def _clamp_top(self) -> None:
        self.top = max(0, min(self.top, len(self.rows) - self._room))

    def _paint(self) -> None:
        """Draw the lines anew and have those repainted that came out different."""
        if not self.is_attached or not self.size:
            return
        if self.top == 0 and not self.newer and self.rows:
            self._seen_number = max(self._seen_number, self.rows[0].number)
        width, height = self.size
        headings = [self._heading()] if self._heading_lines else []
        seen = range(self.top, min(self.top + self._room, len(self.rows)))
        lines = headings + [self._row(index) for index in seen]
        if not self.rows and self._loaded:
            lines.append(self._words(f"  {_EMPTY}", "inbox--dim"))
        blank = Strip.blank(width, self.rich_style)
        lines += [blank] * (height - len(lines))
        if len(lines) != len(self._lines):
            self.refresh()
        else:
            changed = [y for y, (old, new) in enumerate(zip(self._lines, lines, strict=True)) if old != new]
            if changed:
                self.refresh(*(Region(0, y, width, 1) for y in changed))
        self._lines = lines

    def render_line(self, y: int) -> Strip:
        """Return one line of the list."""
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _heading(self) -> Strip:
        unseen = sum(row.number > self._seen_number for row in self.rows[: self.top])
        if not self.newer and not unseen:
            return self._words(f" {heading(self._layout)}", "inbox--heading")
        return self._words(f"  ↑ {unseen} new above" if unseen else "  ↑ newer mail above", "inbox--mark")

    def _words(self, text: str, name: str) -> Strip:
        return Strip([Segment(set_cell_size(text, self.size.width), self._style(name))], self.size.width)

    def _row(self, index: int) -> Strip:
        row = self.rows[index]
        base = self._style("inbox--row")
        bar = Segment(" ", base)
        if index == self.cursor:
            base = self._style("inbox--cursor-focused" if self.has_focus else "inbox--cursor")
            bar = Segment(glyphs.CURSOR, base + self._part("inbox--bar" if self.has_focus else "inbox--dim"))
        segments = [bar]
        for column, text in zip(self._layout, cells(row, self._layout, self.now_ms), strict=True):
            segments += [Segment(text, base + self._cell_style(row, column)), Segment(" ", base)]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _cell_style(self, row: InboxRow, column: Column) -> Style:
        if column.name == "mark":
            return self._part("inbox--mark")
        if column.name == "priority" and row.priority in (Priority.URGENT, Priority.HIGH):
            return self._part("inbox--urgent" if row.priority is Priority.URGENT else "inbox--high")
        if column.name == "sender" and not row.verified:
            return self._part("inbox--unverified")
        if column.name in ("sender", "title") and row.unread:
            return self._part("inbox--unread")
        return Style() if column.name in ("sender", "title") else self._part("inbox--dim")

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name)

    def _part(self, name: str) -> Style:
        """Return only what a component's style says itself: text on a cursor keeps the cursor's background."""
        return self.get_component_rich_style(name, partial=True)
