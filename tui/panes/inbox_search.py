"""Searching in the inbox as one types: what is found stands in a list of its own, and the inbox below it stays as it was."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.timer import Timer

from claudemail.clock import WallClock, day_of
from claudemail.errors import InvalidInput, NotFound, UnknownName
from claudemail.model.query import Query, parse
from claudemail.model.views import SearchPage
from claudemail.office import Office
from claudemail.tui.bindings import FIND
from claudemail.tui.found import Found
from claudemail.tui.panes.inbox_reading import InboxReading
from claudemail.tui.scopes import Filter, Scope, mailboxes, narrowed
from claudemail.tui.trouble import EXPECTED, in_words
from claudemail.tui.widgets.find_line import HINT, FindLine, as_typed
from claudemail.tui.widgets.inbox_list import InboxList

_TYPED_S = 0.1
"""How long typing rests before it is searched for what is typed."""
_MISTYPED = (InvalidInput, UnknownName, NotFound)


class InboxSearch(InboxReading):
    """The part of the inbox that searches."""

    BINDINGS: ClassVar[list[BindingType]] = FIND

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self.scope = Scope()
        """Which mail is listed, and searched through."""
        self.find_line = FindLine(id="find")
        """Where a search is typed."""
        self.inbox = InboxList(id="list")
        """The inbox itself."""
        self.inbox.empty = self.scope.nothing
        self.results = InboxList(id="results")
        """What was found."""
        self.results.display = False
        self.results.empty = "Nothing found. esc shows the inbox."
        self.found: Found | None = None
        """What was found; None while nothing is searched for."""
        self._typing: Timer | None = None

    @property
    def listing(self) -> InboxList:
        """The list that is seen."""
        return self.inbox if self.found is None else self.results

    @property
    def searching(self) -> bool:
        """Whether there is a search, be it one that is still to be typed."""
        return self.find_line.display

    def on_find_line_changed(self, event: FindLine.Changed) -> None:
        """Search once the typing rests."""
        event.stop()
        self.search_soon()

    def search_soon(self) -> None:
        """Search for what is typed, in a moment."""
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(_TYPED_S, self._search)

    def _search(self) -> None:
        self._typing = None
        self._find(self.find_line.text)

    @work(group="find", exclusive=True)
    async def _find(self, text: str) -> None:
        """Show what a text finds. A newer text takes the place of this one at any time."""
        found = Found(partial(self._page, text))
        try:
            if self._query(text).is_empty:
                self.find_line.say("" if not text.strip() else f"Nothing to look for yet: {HINT}")
                self._leave_results()
                return
            await found.refresh()
        except EXPECTED as error:
            self.say_trouble(error)
            return
        if self.searching:
            self.found = found
            self.results.begin(found, self.now)
            self._show_results()
            self.find_line.say("")
            self.say_found()

    def _show_results(self) -> None:
        """Show what was found in place of the inbox."""
        had_keys = self.inbox.has_focus
        self.inbox.display, self.results.display = False, True
        if had_keys:
            self.screen.set_focus(self.results)
        self._want_current()

    def _leave_results(self) -> None:
        """Show the inbox as it was."""
        had_keys = self.results.has_focus
        self.found = None
        self.results.display, self.inbox.display = False, True
        if had_keys:
            self.screen.set_focus(self.inbox)
        self._want_current()
        self._do(self.refresh_pane())

    def _end_search(self) -> None:
        """Forget what was searched for."""
        self.find_line.close()
        self._leave_results()
        self.screen.set_focus(self.inbox)

    def _query(self, text: str) -> Query:
        query = parse(as_typed(text), day_of(self.office.now()))
        return query if query.is_empty else narrowed(query, self.scope, self.office.config.node_id)

    async def _page(self, text: str, *, limit: int, before: int | None = None) -> SearchPage:
        scope = self.scope
        # What somebody sent need not be in their mailboxes; the query names them.
        within = None if scope.filter is Filter.SENT else await mailboxes(self.office, scope)
        office = self.office
        return await office.search(office.operator(), self._query(text), limit=limit, before=before, within=within)

    def say_found(self) -> None:
        """Say how much was found, unless what is typed now is wrong: that stands until it is right."""
        if self.found is not None and not self.find_line.wrong:
            more = " or more" if self.found.older else ""
            where = self.scope.words(self.office.config.node_id)
            self.find_line.say(f"{len(self.found.rows)}{more} found · {where}")

    def say_trouble(self, error: Exception) -> None:
        """Say below the line why nothing can be found."""
        self.find_line.say(str(error) if isinstance(error, _MISTYPED) else in_words(error), wrong=True)

    def on_find_line_left(self, event: FindLine.Left) -> None:
        """Give the keys to what was found."""
        event.stop()
        self.take_keys()

    def action_find(self) -> None:
        """Type what to search for, before the list."""
        self._back_to_list()
        self.find_line.open()
        self.refresh_bindings()

    def action_find_next(self) -> None:
        """Go to the next brief that was found."""
        self.step(1)

    def action_find_previous(self) -> None:
        """Go to the one found before."""
        self.step(-1)
