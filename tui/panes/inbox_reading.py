"""Reading in the inbox: the brief under the cursor beside the list, or the one that was opened, its thread and its source."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.timer import Timer

from claudemail.clock import WallClock
from claudemail.errors import NotFound
from claudemail.model.views import BriefView
from claudemail.office import Office
from claudemail.tui.bindings import BACK, SIDES
from claudemail.tui.panes.brief_keys import BriefKeys, Target
from claudemail.tui.trouble import told
from claudemail.tui.widgets.brief_pane import BriefPane
from claudemail.tui.widgets.headline import WIDE
from claudemail.tui.widgets.inbox_list import InboxList
from claudemail.tui.widgets.row_list import RowList
from claudemail.tui.widgets.side import Mode, Side
from claudemail.tui.widgets.thread_pane import ThreadPane

_PREVIEW_S = 0.1
"""How long the cursor rests on a brief before it is drawn beside the list: a held key does not draw all it passes."""
_MOST_THREAD = 50


class InboxReading(BriefKeys):
    """The part of the inbox that reads. Looking marks nothing; opening one's own marks it read."""

    BINDINGS: ClassVar[list[BindingType]] = [*BACK, *SIDES]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self._wanted: str | None = None
        self._showing = asyncio.Lock()
        self._rest: Timer | None = None
        self.side = Side(id="side")
        """Where mail is read."""

    @property
    def listing(self) -> InboxList:
        """The list that is seen."""
        raise NotImplementedError

    @property
    def brief(self) -> BriefPane:
        """The brief under the cursor, or the one that was opened."""
        return self.side.brief

    @property
    def _split(self) -> bool:
        """Whether list and brief are seen side by side."""
        return self.size.width >= WIDE and not self.has_class("-zoomed")

    @property
    def reading(self) -> bool:
        """Whether a brief has been opened."""
        return self.has_class("-reading")

    @property
    def target(self) -> Target | None:
        """The brief that is read, or that the cursor is on."""
        view = self.side.view
        if view is not None and (self.reading or self.side.has_keys):
            return Target.of_view(view)
        return None if self.listing.current is None else Target.of_row(self.listing.current)

    @property
    def targets(self) -> Sequence[Target]:
        """The briefs that are marked; without marks, or while one is read, that one."""
        if self.reading or self.side.has_keys or not self.listing.marked:
            return [] if self.target is None else [self.target]
        return [Target.of_row(row) for row in self.listing.chosen]

    async def _refresh_side(self) -> None:
        id = self._wanted
        if id is None or self._rest is not None or not (self._split or self.reading):
            return
        async with self._showing:
            if id == self._wanted:
                await self.side.show(await self._read(id), self.now)
                if self.side.mode is Mode.THREAD:
                    await self._draw_thread(id, None)

    async def _read(self, id: str) -> BriefView | None:
        try:
            return await self.office.read(self.office.operator(), id)
        except NotFound:
            return None

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Draw the brief under the cursor, once it rests."""
        event.stop()
        if self._split and event.list is self.listing and event.row.id != self._wanted:
            self.remove_class("-reading")
            self._want(event.row.id)

    def _want(self, id: str | None) -> None:
        if id == self._wanted:
            return
        self._wanted = id
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_PREVIEW_S, self._preview)

    def _want_current(self) -> None:
        """Have the brief under the cursor drawn, where there is room for it beside the list and no other is read."""
        if self._split and not self.reading:
            self._want(None if self.listing.current is None else self.listing.current.id)

    def _preview(self) -> None:
        self._rest = None
        self.run_worker(self._show(self._wanted), group="brief")

    async def _show(self, id: str | None) -> BriefView | None:
        """Show a brief unless another was wanted meanwhile; one at a time, since a half-drawn one cannot be taken back."""
        with told(self):
            async with self._showing:
                if id == self._wanted:
                    view = None if id is None else await self._read(id)
                    await self.side.show(view, self.now)
                    return view
        return None

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Open a brief."""
        event.stop()
        self._open_id(event.row.id)

    def on_thread_pane_opened(self, event: ThreadPane.Opened) -> None:
        """Open a brief of a thread."""
        event.stop()
        self._open_id(event.id)

    def _open_id(self, id: str, mode: Mode = Mode.BRIEF) -> None:
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        self._wanted = id
        self.add_class("-reading")
        if mode is Mode.BRIEF:
            self.side.turn(mode)
        self.screen.set_focus(self.side.seen)
        self.refresh_bindings()
        self.run_worker(self._open(id, mode), group="brief")

    async def _open(self, id: str, mode: Mode) -> None:
        view = await self._show(id)
        if view is None:
            return
        with told(self):
            if mode is Mode.SOURCE:
                self.side.show_source(view)
            numbers = await self._open_thread(id) if mode is Mode.THREAD else [view.number] if view.unread else []
            await self.office.shown(self.office.operator(), numbers)

    async def _open_thread(self, id: str) -> list[int]:
        """Show a brief's thread; return what of it is one's own and unread."""
        async with self._showing:
            if id != self._wanted:
                return []
            self.side.thread.forget()
            await self._draw_thread(id, id)
        return [view.number for view in self.side.thread.views if view.unread]

    async def _draw_thread(self, id: str, at: str | None) -> None:
        thread = await self.office.thread(self.office.operator(), id, _MOST_THREAD)
        await self.side.show_thread(thread, at, self.now)

    def action_thread(self) -> None:
        """Show all of a brief's thread, or the brief again."""
        self._turn(Mode.THREAD)

    def action_source(self) -> None:
        """Show a brief as it was written, or as a brief again."""
        self._turn(Mode.SOURCE)

    def _turn(self, mode: Mode) -> None:
        if self.side.mode is mode and (self.reading or self.side.has_keys):
            self._turn_back()
        elif self.target is not None:
            self._open_id(self.target.id, mode)

    def _turn_back(self) -> None:
        self.side.turn(Mode.BRIEF)
        self.screen.set_focus(self.side.seen)
        self.refresh_bindings()

    def action_next(self) -> None:
        """Read the next brief."""
        self.step(1)

    def action_previous(self) -> None:
        """Read the brief before."""
        self.step(-1)

    def step(self, by: int) -> None:
        """Go to a brief further down (or up) in the thread that is shown, or in the list, to read it where one is read."""
        if self.side.mode is Mode.THREAD and self.side.has_keys:
            self.side.thread.pick(self.side.thread.picked + by)
            return
        index = self._neighbour(by)
        if index is None:
            self._tell("That is the last." if by > 0 else "That is the first.")
            return
        if self.reading:
            mode = self.side.mode
            self._open_id(self.listing.rows[index].id, mode)
        self.listing.move_to(index)

    def _neighbour(self, by: int) -> int | None:
        """Return the index of the row next to the brief that is read: that may be no longer in the list itself."""
        rows, target = self.listing.rows, self.target
        if target is None:
            return None
        if by > 0:
            return next((index for index, row in enumerate(rows) if row.number < target.number), None)
        return next((index for index in reversed(range(len(rows))) if rows[index].number > target.number), None)

    def _back_to_list(self) -> None:
        self.remove_class("-reading")
        self.screen.set_focus(self.listing)
        self._want_current()
