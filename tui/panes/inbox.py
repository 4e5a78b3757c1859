"""The inbox pane: mail of the node in a list, and the brief under the cursor beside it, or over it where it is narrow."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from claudemail.clock import WallClock
from claudemail.config import OPERATOR
from claudemail.errors import UnknownName
from claudemail.model.brief import Priority
from claudemail.office import Office
from claudemail.tui.bindings import FILTER
from claudemail.tui.inbox_window import Feed, InboxWindow
from claudemail.tui.messages import AsideChanged
from claudemail.tui.needs import URGENT
from claudemail.tui.panes.inbox_search import InboxSearch
from claudemail.tui.places import Place, Where
from claudemail.tui.scopes import Filter, Scope, page
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.trouble import EXPECTED, told
from claudemail.tui.widgets.choices import Choice
from claudemail.tui.widgets.headline import WIDE
from claudemail.tui.widgets.inbox_list import Edge, InboxList
from claudemail.tui.widgets.side import Mode

_EVERYONE = "@"
"""What is chosen for the mail of all: no name is so."""
_FOR_READING = ("next", "previous")
_FOR_SEARCHES = ("find_next", "find_previous")


class InboxPane(InboxSearch):
    """List and brief. Looking at a brief beside the list marks nothing; opening one's own marks it read."""

    WHERE: ClassVar[Where] = Where.INBOX
    BINDINGS: ClassVar[list[BindingType]] = FILTER

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self._window = InboxWindow(partial(page, office, self.scope))
        self._paging: set[Edge] = set()

    def compose(self) -> ComposeResult:
        """Lay out the lists, of which one is seen, and the brief."""
        with Vertical(id="rows"):
            yield self.inbox
            yield self.results
            yield self.find_line
        yield self.side

    @property
    def _feed(self) -> Feed:
        return self._window if self.found is None else self.found

    @property
    def aside(self) -> str:
        """What is listed."""
        return self.scope.words(self.office.config.node_id)

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
        self._want_current()

    def take_keys(self) -> None:
        """Give the keys to the list, or to the brief where only that is seen."""
        self.screen.set_focus(self.side.seen if self.reading and not self._split else self.listing)

    # What is listed

    def _list_scope(self, scope: Scope) -> None:
        """List other mail; a search goes on in that."""
        self._use(scope)
        self._begin()

    def _use(self, scope: Scope) -> None:
        self.scope = scope
        self._window = InboxWindow(partial(page, self.office, scope))
        self.inbox.empty = scope.nothing
        words = scope.words(self.office.config.node_id) if scope.narrow else ""
        self.inbox.narrowed = self.results.narrowed = words
        self.post_message(AsideChanged())

    @work(group="scope", exclusive=True)
    async def _begin(self) -> None:
        window = self._window
        current = self.inbox.current
        with told(self):
            await window.refresh()
            if window is self._window:
                self.inbox.begin(window, self.now, None if current is None else current.id)
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
            self.inbox.begin(self._window, self.now, None if view is None else view.brief.id)
            self._show_rows(self._window, self.inbox)
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
        self.screen.set_focus(self.listing if to_list else self.side.seen)

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
            self.screen.set_focus(self.listing)
        self._want_current()
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
