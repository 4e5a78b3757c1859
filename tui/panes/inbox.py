"""The inbox pane: all mail of the node in a list, and the brief under the cursor beside it, or over it where it is narrow."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from claudemail.clock import WallClock
from claudemail.errors import NotFound
from claudemail.model.views import BriefView
from claudemail.office import Office
from claudemail.tui.bindings import BACK, SIDES
from claudemail.tui.inbox_window import InboxWindow
from claudemail.tui.panes.pane import Pane
from claudemail.tui.places import Place, Where
from claudemail.tui.trouble import told
from claudemail.tui.widgets.brief_pane import BriefPane
from claudemail.tui.widgets.headline import WIDE
from claudemail.tui.widgets.inbox_list import Edge, InboxList
from claudemail.tui.widgets.row_list import RowList

_PREVIEW_S = 0.1
"""How long the cursor rests on a brief before it is drawn beside the list: a held key does not draw all it passes."""


class InboxPane(Pane):
    """List and brief. Looking at a brief beside the list marks nothing; opening one's own marks it read."""

    WHERE: ClassVar[Where] = Where.INBOX
    BINDINGS: ClassVar[list[BindingType]] = [*BACK, *SIDES]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self._window = InboxWindow(office)
        self._wanted: str | None = None
        self._showing = asyncio.Lock()
        self._rest: Timer | None = None
        self._paging: set[Edge] = set()
        self.listing = InboxList(id="list")
        """The list."""
        self.brief = BriefPane(id="brief")
        """The brief under the cursor, or the one that was opened."""

    def compose(self) -> ComposeResult:
        """Lay out the list and the brief."""
        yield self.listing
        yield self.brief

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE

    @property
    def reading(self) -> bool:
        """Whether a brief has been opened."""
        return self.has_class("-reading")

    async def refresh_pane(self) -> None:
        """Ask again for what is shown, and show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        window = self._window
        await window.refresh(self.listing.keep)
        self.listing.show(window.rows, newer=window.newer, older=window.older, now_ms=self.now)
        if self._wanted is None or self._rest is not None or not (self._wide or self.reading):
            return
        async with self._showing:
            if self._wanted is not None:
                await self.brief.show(await self._read(self._wanted), self.now)

    def take_keys(self) -> None:
        """Give the keys to the list, or to the brief where only that is seen."""
        (self.brief if self.reading and not self._wide else self.listing).focus()

    async def go(self, place: Place) -> None:
        """Put the cursor on a brief."""

    async def _read(self, id: str) -> BriefView | None:
        try:
            return await self.office.read(self.office.operator(), id)
        except NotFound:
            return None

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Draw the brief under the cursor, once it rests."""
        event.stop()
        if self._wide:
            self.remove_class("-reading")
            self._want(event.row.id)

    def _want(self, id: str) -> None:
        if id == self._wanted:
            return
        self._wanted = id
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_PREVIEW_S, self._preview)

    def _preview(self) -> None:
        self._rest = None
        if self._wanted is not None:
            self.run_worker(self._show(self._wanted), group="brief")

    async def _show(self, id: str) -> BriefView | None:
        """Show a brief unless another was wanted meanwhile; one at a time, since a half-drawn one cannot be taken back."""
        with told(self):
            async with self._showing:
                if id == self._wanted:
                    view = await self._read(id)
                    await self.brief.show(view, self.now)
                    return view
        return None

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Open a brief."""
        event.stop()
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        self._wanted = event.row.id
        self.add_class("-reading")
        self.brief.focus()
        self.run_worker(self._open(event.row.id), group="brief")

    async def _open(self, id: str) -> None:
        view = await self._show(id)
        if view is not None and view.unread:
            with told(self):
                await self.office.shown(self.office.operator(), [view.number])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back needs a brief to go back from; going to and fro, two sides."""
        del parameters
        if action == "back":
            return True if self.reading or self.brief.has_focus else None
        return True if action != "other" or self._wide else None

    def action_other(self) -> None:
        """Give the keys to the brief beside the list, or back to the list; nothing is opened."""
        (self.listing if self.brief.has_focus else self.brief).focus()

    def action_back(self) -> None:
        """Go back to the list."""
        self.remove_class("-reading")
        self.listing.focus()
        current = self.listing.current
        if self._wide and current is not None:
            self._want(current.id)

    def on_resize(self) -> None:
        """Draw the brief under the cursor when there is room beside the list now; do not leave the keys where there is none."""
        if not self._wide and not self.reading:
            self.listing.focus()
        current = self.listing.current
        if self._wide and not self.reading and current is not None:
            self._want(current.id)

    def on_inbox_list_wanted(self, event: InboxList.Wanted) -> None:
        """Get the rows that the reader is coming to."""
        event.stop()
        if event.edge not in self._paging:
            self._paging.add(event.edge)
            self.run_worker(self._page(event.edge), group="page")

    async def _page(self, edge: Edge) -> None:
        window = self._window
        move = {
            Edge.NEWER: window.to_newer,
            Edge.OLDER: window.to_older,
            Edge.NEWEST: window.to_newest,
            Edge.OLDEST: window.to_oldest,
        }[edge]
        try:
            with told(self):
                await move()
        finally:
            self._paging.discard(edge)
        if edge in (Edge.NEWEST, Edge.OLDEST):
            self.listing.jump(window.rows, edge, newer=window.newer, older=window.older)
        else:
            self.listing.show(window.rows, newer=window.newer, older=window.older, now_ms=self.now)
