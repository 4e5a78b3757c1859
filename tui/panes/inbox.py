"""The inbox pane: mail of the node in a list, and the brief under the cursor beside it, or over it where it is narrow."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.timer import Timer

from claudemail.clock import WallClock
from claudemail.config import OPERATOR
from claudemail.errors import NotFound, UnknownName
from claudemail.model.brief import Priority
from claudemail.model.views import BriefView
from claudemail.office import Office
from claudemail.tui.bindings import BACK, FILTER, SIDES
from claudemail.tui.inbox_window import Feed, InboxWindow
from claudemail.tui.messages import AsideChanged
from claudemail.tui.needs import URGENT
from claudemail.tui.panes.brief_keys import Target
from claudemail.tui.panes.inbox_search import InboxSearch
from claudemail.tui.places import Place, Where
from claudemail.tui.scopes import Filter, Scope, page
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.trouble import EXPECTED, told
from claudemail.tui.widgets.brief_pane import BriefPane
from claudemail.tui.widgets.choices import Choice
from claudemail.tui.widgets.headline import WIDE
from claudemail.tui.widgets.inbox_list import Edge, InboxList
from claudemail.tui.widgets.row_list import RowList
from claudemail.tui.widgets.side import Mode, Side
from claudemail.tui.widgets.thread_pane import ThreadPane

_PREVIEW_S = 0.1
"""How long the cursor rests on a brief before it is drawn beside the list: a held key does not draw all it passes."""
_MOST_THREAD = 50
_EVERYONE = "@"
"""What is chosen for the mail of all: no name is so."""
_FOR_READING = ("next", "previous")
_FOR_SEARCHES = ("find_next", "find_previous")


class InboxPane(InboxSearch):
    """List and brief. Looking at a brief beside the list marks nothing; opening one's own marks it read."""

    WHERE: ClassVar[Where] = Where.INBOX
    BINDINGS: ClassVar[list[BindingType]] = [*BACK, *SIDES, *FILTER]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self._window = InboxWindow(partial(page, office, self.scope))
        self._wanted: str | None = None
        self._showing = asyncio.Lock()
        self._rest: Timer | None = None
        self._paging: set[Edge] = set()
        self._list = InboxList(id="list")
        self._list.empty_words = self.scope.nothing
        self.side = Side(id="side")
        """Where mail is read."""

    def compose(self) -> ComposeResult:
        """Lay out the lists, of which one is seen, and the brief."""
        with Vertical(id="rows"):
            yield self._list
            yield self.results
            yield self.find_line
        yield self.side

    @property
    def listing(self) -> InboxList:
        """The list that is seen."""
        return self._list if self.found is None else self.results

    @property
    def brief(self) -> BriefPane:
        """The brief under the cursor, or the one that was opened."""
        return self.side.brief

    @property
    def _feed(self) -> Feed:
        return self._window if self.found is None else self.found

    @property
    def _split(self) -> bool:
        """Whether list and brief are seen side by side."""
        return self.size.width >= WIDE and not self.has_class("-zoomed")

    @property
    def reading(self) -> bool:
        """Whether a brief has been opened."""
        return self.has_class("-reading")

    @property
    def aside(self) -> str:
        """What is listed."""
        return self.scope.words(self.office.config.node_id)

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

    async def refresh_pane(self) -> None:
        """Ask again for what is shown, and show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        feed, listing = self._feed, self.listing
        try:
            await feed.refresh(listing.keep)
        except EXPECTED as error:
            if feed is self.found:
                self.say_trouble(error)
            elif isinstance(error, UnknownName):  # whoever it was has gone from the configuration
                self._list_scope(Scope(filter=self.scope.filter))
            else:
                raise
            return
        if feed is self._feed:
            self._show_rows(feed, listing)
        await self._refresh_side()

    def _show_rows(self, feed: Feed, listing: InboxList) -> None:
        listing.show(feed, self.now)
        if feed is self.found:
            self.say_found()
        if self._split and not self.reading:
            self._want(None if listing.current is None else listing.current.id)

    async def _refresh_side(self) -> None:
        id = self._wanted
        if id is None or self._rest is not None or not (self._split or self.reading):
            return
        async with self._showing:
            if id == self._wanted:
                await self.side.show(await self._read(id), self.now)
                if self.side.mode is Mode.THREAD and self.side.view is not None:
                    await self._draw_thread(id, self.side.view.brief.id)

    def take_keys(self) -> None:
        """Give the keys to the list, or to the brief where only that is seen."""
        (self.side.seen if self.reading and not self._split else self.listing).focus()

    async def _read(self, id: str) -> BriefView | None:
        try:
            return await self.office.read(self.office.operator(), id)
        except NotFound:
            return None

    # What is listed

    def _list_scope(self, scope: Scope) -> None:
        """List other mail; a search goes on in that."""
        self._use(scope)
        self.run_worker(self._begin(), group="scope", exclusive=True)

    def _use(self, scope: Scope) -> None:
        self.scope = scope
        self._window = InboxWindow(partial(page, self.office, scope))
        self._list.empty_words = scope.nothing
        words = scope.words(self.office.config.node_id) if scope.narrow else ""
        self._list.narrowed = self.results.narrowed = words
        self.post_message(AsideChanged())

    async def _begin(self) -> None:
        window = self._window
        current = self._list.current
        with told(self):
            await window.refresh()
            if window is self._window:
                self._list.begin(window, self.now, None if current is None else current.id)
                self._show_rows(self._feed, self.listing)
                if self.searching:
                    self.search_soon()

    def action_filter(self) -> None:
        """List the next part: what is unread, starred, sent, all."""
        self._back_to_list()
        self._list_scope(self.scope._replace(filter=self.scope.filter.next))

    def action_mine(self) -> None:
        """List one's own mail, or all."""
        self._back_to_list()
        self._list_scope(self.scope._replace(name=None if self.scope.name == OPERATOR else OPERATOR))

    def action_whose(self) -> None:
        """Ask whose mail to list."""
        self.run_worker(self._ask_whose(), group="whose")

    async def _ask_whose(self) -> None:
        with told(self):
            name = await self.app.push_screen_wait(
                AskScreen(Question("Whose mail?", choices=await self._whose(), only_choices=True))
            )
            if name is not None:
                self._back_to_list()
                self._list_scope(self.scope._replace(name=None if name == _EVERYONE else name))

    async def _whose(self) -> list[Choice]:
        node = self.office.config.node_id
        unread = (await self.office.check(self.office.operator())).unread
        choices = [Choice(_EVERYONE, "everyone's mail", f"all on {node}"), Choice(OPERATOR, f"yours · {unread} unread")]
        here = next((one for one in (await self.office.roster()).nodes if one.here), None)
        for presence in here.presences if here is not None else []:
            there = "live" if presence.live else "away"
            what = f"callsign of {presence.instance}" if presence.callsign else "instance"
            choices.append(Choice(presence.name, f"{presence.unread} unread · {there} · {what}"))
        return choices

    def show_results(self) -> None:
        """Show what was found in place of the inbox."""
        had_keys = self._list.has_focus
        self._list.display, self.results.display = False, True
        if had_keys:
            self.results.focus()
        if not self.results.rows:
            self._want(None)

    def leave_results(self) -> None:
        """Show the inbox as it was."""
        had_keys = self.results.has_focus
        self.results.display, self._list.display = False, True
        if had_keys:
            self._list.focus()
        if self._split and not self.reading:
            self._want(None if self._list.current is None else self._list.current.id)
        self.run_worker(self._refresh_told(), group="page")

    async def _refresh_told(self) -> None:
        with told(self):
            await self.refresh_pane()

    def _end_search(self) -> None:
        self.found = None
        self._list.focus()
        self.find_line.close()
        self.leave_results()

    async def go(self, place: Place) -> None:
        """Put the cursor on a brief; open one that is not listed.

        Raises:
            NotFound: there is no such brief.
            UnknownName: there is nobody whose mail is asked for.
            StoreError: the database could not say.
        """
        if place.mailbox is not None:
            await self.office.party(place.mailbox)
            self._use(Scope(place.mailbox))
        word = place.what
        if word == URGENT:
            word = await self._next_urgent()
            if word is None:
                self._tell("Nothing urgent is unread.")
                return
        view = None if word is None else await self.office.read(self.office.operator(), word)
        if self.searching:
            self._end_search()
        self._back_to_list()
        if view is None or await self._is_listed(view.number):
            await (self._window.refresh() if view is None else self._window.to(view.number))
            self._list.begin(self._window, self.now, None if view is None else view.brief.id)
            self._show_rows(self._window, self._list)
        else:
            self._open_id(view.brief.id)

    async def _next_urgent(self) -> str | None:
        """Return the id of the oldest urgent brief that is unread, after the one that is pointed at, and list all mail."""
        rows = await self.office.unread_of(Priority.URGENT, limit=1_000)
        if not rows:
            return None
        if self.scope != Scope():
            self._use(Scope())
        at = self.target.number if self.target is not None else 0
        return next((row.id for row in rows if row.number > at), rows[0].id)

    async def _is_listed(self, number: int) -> bool:
        found = await page(self.office, self.scope, limit=1, before=number + 1)
        return any(row.number == number for row in found.rows)

    # What is read

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Draw the brief under the cursor, once it rests."""
        event.stop()
        if self._split and event.list is self.listing and event.row.id != self._wanted:
            self.remove_class("-reading")
            self._want(event.row.id)
        self.refresh_bindings()

    def _want(self, id: str | None) -> None:
        if id == self._wanted:
            return
        self._wanted = id
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(_PREVIEW_S, self._preview)

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
        self.side.seen.focus()
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

    async def _draw_thread(self, id: str, at: str) -> None:
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
        self.side.seen.focus()
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

    # Where the keys are

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back needs something to go back from; going to and fro, two sides; the next one, a reader or a search."""
        del parameters
        if action == "back":
            return True if self._has_a_way_back() else None
        if action in _FOR_READING:
            return True if self.reading or self.side.has_keys else None
        if action in _FOR_SEARCHES:
            return True if self.found is not None else None
        if action == "zoom":
            return True if self.size.width >= WIDE else None
        if action == "ping":
            return False
        return True if action != "other" or self._split or self.find_line.is_typed_into else None

    def _has_a_way_back(self) -> bool:
        aside = self.reading or self.side.has_keys or self.searching
        return aside or bool(self.listing.marked) or self.scope.filter is not Filter.ALL

    def action_other(self) -> None:
        """Give the keys to the brief beside the list, or back to the list; nothing is opened."""
        to_list = self.side.has_keys or self.find_line.is_typed_into
        (self.listing if to_list else self.side.seen).focus()

    def action_find(self) -> None:
        """Type what to search for, before the list."""
        self._back_to_list()
        super().action_find()

    def action_back(self) -> None:
        """Go one step back: from thread or source to the brief, to the list, from marks, from a search, from a filter."""
        if self.find_line.is_typed_into:
            self._end_search()
        elif self.side.mode is not Mode.BRIEF and (self.reading or self.side.has_keys):
            self._turn_back()
        elif self.reading or self.side.has_keys:
            self._back_to_list()
        elif self.listing.marked:
            self.listing.unmark()
        elif self.searching:
            self._end_search()
        elif self.scope.filter is not Filter.ALL:
            self._list_scope(self.scope._replace(filter=Filter.ALL))
        self.refresh_bindings()

    def _back_to_list(self) -> None:
        self.remove_class("-reading")
        self.listing.focus()
        if self._split and self.listing.current is not None:
            self._want(self.listing.current.id)

    def action_zoom(self) -> None:
        """Give all of the room to the side that has the keys, or show both again."""
        if not self.has_class("-zoomed") and self.side.has_keys:
            self.add_class("-reading")
        self.toggle_class("-zoomed")
        self._laid_out()

    def on_resize(self) -> None:
        """Draw the brief under the cursor when there is room beside the list now; do not leave the keys where there is none."""
        self._laid_out()

    def _laid_out(self) -> None:
        if not self._split and not self.reading and not self.find_line.is_typed_into:
            self.listing.focus()
        current = self.listing.current
        if self._split and not self.reading and current is not None:
            self._want(current.id)
        self.refresh_bindings()

    def on_inbox_list_wanted(self, event: InboxList.Wanted) -> None:
        """Get the rows that the reader is coming to."""
        event.stop()
        if event.list is self.listing and event.edge not in self._paging:
            self._paging.add(event.edge)
            self.run_worker(self._page_to(event.edge), group="page")

    async def _page_to(self, edge: Edge) -> None:
        feed, listing = self._feed, self.listing
        move = {
            Edge.NEWER: feed.to_newer,
            Edge.OLDER: feed.to_older,
            Edge.NEWEST: feed.to_newest,
            Edge.OLDEST: feed.to_oldest,
        }[edge]
        try:
            with told(self):
                await move()
        finally:
            self._paging.discard(edge)
        if feed is not self._feed:
            return
        if edge in (Edge.NEWEST, Edge.OLDEST):
            listing.jump(feed, edge)
        else:
            listing.show(feed, self.now)
        self.say_found()

    # What is remembered

    def memory(self) -> dict[str, object]:
        """Return whose mail was listed, which of it, and whether one side had all of the room."""
        return {
            "mailbox": self.scope.name,
            "filter": str(self.scope.filter),
            "zoomed": self.has_class("-zoomed"),
        }

    def recall(self, kept: dict[str, object]) -> None:
        """Take that up again."""
        name, word = kept.get("mailbox"), kept.get("filter")
        part = next((one for one in Filter if one == word), Filter.ALL)
        self._use(Scope(name if isinstance(name, str) else None, part))
        self.set_class(kept.get("zoomed") is True, "-zoomed")
