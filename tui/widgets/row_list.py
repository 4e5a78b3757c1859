"""The list that all panes are made of: it draws the rows that are seen, and of those only the ones that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from claudemail.tui import glyphs
from claudemail.tui.bindings import MARK, MOVE, OPEN

_LEAST_HEIGHT_WITH_HEADING = 12
_WHEEL_LINES = 3

Row = TypeVar("Row")
Part = tuple[str, Style]
"""Some words of a row, and what their style adds to the row's."""


class RowList(Widget, Generic[Row], can_focus=True):
    """Rows with a cursor, which stays with its row while others come and go, as marks do.

    Not a ScrollView: the rows may be a window on a longer list, so a scroll bar would lie, and rows that come in above must
    move the offset without a repaint.

    A kind of list says what tells its rows apart (`key`), what stands in one (`parts`), and what stands above them
    (`heading`).
    """

    ROW_LINES: ClassVar[int] = 1
    """How many lines a row takes."""
    MARKS: ClassVar[bool] = False
    """Whether rows can be marked, to do something with all of them."""
    EMPTY: ClassVar[str] = ""
    """What an empty list says."""
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--bar",
        "rows--cursor",
        "rows--cursor-focused",
        "rows--dim",
        "rows--good",
        "rows--heading",
        "rows--high",
        "rows--mark",
        "rows--row",
        "rows--strong",
        "rows--unverified",
        "rows--urgent",
    }
    BINDINGS: ClassVar[list[BindingType]] = [*MOVE, *OPEN, *MARK]

    @dataclass
    class Moved(Message):
        """The cursor came to another row, by the reader's hand or because it was the first to show."""

        list: RowList[Any]
        row: Any

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.list

    @dataclass
    class Opened(Message):
        """The reader wants to see all of a row."""

        list: RowList[Any]
        row: Any

        @property
        def control(self) -> RowList[Any]:
            """The list."""
            return self.list

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: Sequence[Row] = ()
        self.cursor = 0
        """The index of the row that the cursor is on."""
        self.top = 0
        """The index of the first row that is seen."""
        self.now_ms = 0
        """What ages are counted to."""
        self.marked: set[str] = set()
        """The keys of the rows that are marked."""
        self.empty = self.EMPTY
        """What it says while it has no rows, for what it is narrowed to."""
        self.shows_cursor = True
        """Whether the row under the cursor is to be told from the others."""
        self._loaded = False
        self._is_to_paint = False
        self._lines: list[Strip] = []

    def key(self, row: Row) -> str:
        """Return what tells a row from all others, now and later."""
        raise NotImplementedError

    def parts(self, row: Row, width: int) -> list[list[Part]]:
        """Return what stands in the lines of a row, `ROW_LINES` of them; what is too long for `width` cells is cut off."""
        raise NotImplementedError

    def heading(self, width: int) -> Part | None:
        """Return the line above the rows, or None for none; it goes where there are few lines."""
        del width
        return None

    @property
    def current(self) -> Row | None:
        """The row that the cursor is on."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def chosen(self) -> list[Row]:
        """The rows that are marked; the one under the cursor where none is."""
        marked = [row for row in self.rows if self.key(row) in self.marked]
        return marked or ([] if self.current is None else [self.current])

    def set_rows(self, rows: Sequence[Row], now_ms: int) -> None:
        """Show these rows. The cursor stays on its row, and what is seen stays where it is."""
        before = self.current
        first_seen = self.rows[self.top] if self.top < len(self.rows) else None
        place = {self.key(row): index for index, row in enumerate(rows)}
        self.rows, self.now_ms, self._loaded = rows, now_ms, True
        self.marked &= place.keys()
        last = max(len(rows) - 1, 0)
        self.cursor = min(place.get(self.key(before), self.cursor) if before is not None else 0, last)
        if first_seen is not None:
            self.top = place.get(self.key(first_seen), self.top)
        self._after_rows()
        self._clamp_top()
        self.paint()
        if before is None and self.current is not None:
            self.post_message(self.Moved(self, self.current))

    def _after_rows(self) -> None:
        """Move what is seen, once other rows are there."""

    def go_to(self, key: str) -> bool:
        """Put the cursor on the row of that key; return whether there is one."""
        for index, row in enumerate(self.rows):
            if self.key(row) == key:
                self.move_to(index)
                return True
        return False

    def action_down(self) -> None:
        """Move the cursor one row down."""
        self.move_to(self.cursor + 1)

    def action_up(self) -> None:
        """Move the cursor one row up."""
        self.move_to(self.cursor - 1)

    def action_half_down(self) -> None:
        """Move the cursor half a page down."""
        self.move_to(self.cursor + max(self.room // 2, 1))

    def action_half_up(self) -> None:
        """Move the cursor half a page up."""
        self.move_to(self.cursor - max(self.room // 2, 1))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self.move_to(0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self.move_to(len(self.rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        if self.current is not None:
            self.post_message(self.Opened(self, self.current))

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away, and go on to the next."""
        if self.current is not None:
            self.marked ^= {self.key(self.current)}
            self.move_to(self.cursor + 1)

    def unmark(self) -> None:
        """Take all marks away."""
        if self.marked:
            self.marked = set()
            self.paint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Marking is for lists that do something with marks."""
        del parameters
        return self.MARKS or action != "mark"

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, and have it seen."""
        if not self.rows:
            return
        self.cursor = min(max(index, 0), len(self.rows) - 1)
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self.room:
            self.top = self.cursor - self.room + 1
        self._clamp_top()
        self.paint()
        self.post_message(self.Moved(self, self.rows[self.cursor]))

    def _scroll(self, lines: int) -> None:
        self.top += lines
        self._clamp_top()
        self.paint()

    def on_resize(self) -> None:
        """Draw for another width, the cursor still seen."""
        if self.top <= self.cursor:
            self.top = max(self.top, self.cursor - self.room + 1)
        self._clamp_top()
        self.paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the rows; the cursor stays."""
        event.stop()
        self._scroll(max(_WHEEL_LINES // self.ROW_LINES, 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the rows; the cursor stays."""
        event.stop()
        self._scroll(-max(_WHEEL_LINES // self.ROW_LINES, 1))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row that was clicked; a second click opens it."""
        if event.y < self.heading_lines:
            return
        index = self.top + (event.y - self.heading_lines) // self.ROW_LINES
        if index >= len(self.rows):
            return
        self.move_to(index)
        if event.chain == 2:
            self.action_open()

    def watch_has_focus(self, _has_focus: bool) -> None:  # noqa: FBT001 - as Textual calls it
        """Match no rules of style anew: none asks who has the keys, and matching them takes as long as drawing the list."""

    def on_focus(self) -> None:
        """Draw the cursor of a list that has the keys."""
        self.paint_soon()

    def on_blur(self) -> None:
        """Draw the cursor of a list that has not."""
        self.paint_soon()

    def notify_style_update(self) -> None:
        """Draw in the new colours when the theme changes."""
        super().notify_style_update()
        self.paint_soon()

    def paint_soon(self) -> None:
        """Paint once for all that comes together."""
        if not self._is_to_paint:
            self._is_to_paint = True
            self.call_next(self._paint_now)

    def _paint_now(self) -> None:
        self._is_to_paint = False
        self.paint()

    @property
    def heading_lines(self) -> int:
        """How many lines the heading takes."""
        has = self.size.height >= _LEAST_HEIGHT_WITH_HEADING and self.heading(self.size.width) is not None
        return 1 if has else 0

    @property
    def room(self) -> int:
        """How many rows are seen at once."""
        return max((self.size.height - self.heading_lines) // self.ROW_LINES, 1)

    def _clamp_top(self) -> None:
        self.top = max(0, min(self.top, len(self.rows) - self.room))

    def paint(self) -> None:
        """Draw the lines anew and have those repainted that came out different."""
        if not self.is_attached or not self.size:
            return
        width, height = self.size
        heading = self.heading(width) if self.heading_lines else None
        lines = [] if heading is None else [self._words(*heading)]
        for index in range(self.top, min(self.top + self.room, len(self.rows))):
            lines += self._row(index)
        if not self.rows and self._loaded and self.empty:
            lines += [self._words(f"  {line}", self.style_of("dim")) for line in self.empty.split("\n")]
        blank = Strip.blank(width, self.rich_style)
        lines += [blank] * (height - len(lines))
        del lines[height:]
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

    def _words(self, text: str, style: Style) -> Strip:
        return Strip([Segment(set_cell_size(text, self.size.width), self.style_of("row") + style)], self.size.width)

    def _row(self, index: int) -> list[Strip]:
        row, width = self.rows[index], self.size.width
        base, bar = self.style_of("row"), Segment(" ", self.style_of("row"))
        if index == self.cursor and self.shows_cursor:
            base = self._whole("cursor-focused" if self.has_focus else "cursor")
            bar = Segment(glyphs.CURSOR, base + self.style_of("bar" if self.has_focus else "dim"))
        gutter = [bar]
        if self.MARKS:
            marked = self.key(row) in self.marked
            gutter.append(Segment(glyphs.MARKED if marked else " ", base + self.style_of("mark")))
        room = max(width - len(gutter), 1)
        return [
            Strip(_joined([*gutter, *(Segment(text, base + style) for text, style in line)])).adjust_cell_length(
                width, base
            )
            for line in self.parts(row, room)
        ]

    def style_of(self, name: str) -> Style:
        """Return only what one of the list's styles says itself: text on a cursor keeps the cursor's background."""
        return self.get_component_rich_style(f"rows--{name}", partial=name != "row")

    def _whole(self, name: str) -> Style:
        return self.get_component_rich_style(f"rows--{name}")


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Join what is drawn in one style, blanks with what stands before them: the terminal gets half as much for the same."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and _is_drawn_alike(segment, joined[-1]):
            joined[-1] = Segment(joined[-1].text + segment.text, joined[-1].style)
        else:
            joined.append(segment)
    return joined


def _is_drawn_alike(segment: Segment, before: Segment) -> bool:
    """Return whether a segment looks the same in the style of the one before: a blank shows no more than its background."""
    style, other = segment.style, before.style
    if style is None or other is None or style == other:
        return style == other
    lined = any(one.reverse or one.underline or one.strike for one in (style, other))
    return segment.text.isspace() and style.bgcolor == other.bgcolor and not lined
