"""A window on a long inbox: some hundreds of neighbouring rows, moved as the reader moves, however many briefs there are."""

from __future__ import annotations

import asyncio
from typing import Protocol

from claudemail.model.views import InboxPage, InboxRow

PAGE = 100
MOST = 600
"""The most rows held. All of them are asked for again when something changed, which takes about 10 ms."""


class Source(Protocol):
    """Where pages come from: an office."""

    async def inbox(
        self, mailboxes: None, *, unread: bool = False, limit: int = PAGE, before: int | None = None
    ) -> InboxPage:
        """Return rows with numbers below `before`, newest first."""


class InboxWindow:
    """Neighbouring rows of the inbox of a whole node, newest first.

    A brief's number grows with every brief that the node accepts, so a place in the inbox is a number, and the window can be
    moved anywhere without counting rows.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self.rows: list[InboxRow] = []
        self.newer = False
        """Whether there are newer rows than the window's."""
        self.older = False
        """Whether there are older ones."""
        self.newest: int | None = None
        """The number of the newest brief in the inbox, as of the last look."""

    async def refresh(self, keep: int | None = None) -> None:
        """Ask for the rows of the window again, and for those that came since if it is at the newest.

        Args:
            keep: the number of a row that must stay in the window; after a great burst of mail, new rows are left out for it.
        """
        async with self._lock:
            if not self.rows:
                self._take(await self._source.inbox(None, limit=PAGE), newer=False)
                return
            if not self.newer:
                page = await self._source.inbox(None, limit=min(len(self.rows) + PAGE, MOST))
                if keep is None or page.cursor is None or page.rows[-1].number <= keep:
                    self._take(self._no_further(page), newer=False)
                    return
            page = await self._source.inbox(None, limit=len(self.rows), before=self.rows[0].number + 1)
            self._take(page, newer=True)
            await self._look_at_newest()

    async def to_newest(self) -> None:
        """Move the window to the newest rows."""
        async with self._lock:
            self._take(await self._source.inbox(None, limit=PAGE), newer=False)

    async def to_oldest(self) -> None:
        """Move the window to the oldest rows."""
        async with self._lock:
            page = await self._source.inbox(None, limit=PAGE)
            if page.cursor is None:
                self._take(page, newer=False)
                return
            self.newest = page.rows[0].number
            # Pages are counted from the newest, so the edge of the last one is searched for: the highest number with at
            # most a page of rows below it.
            low, high = 1, self.newest
            while high - low > 1:
                middle = (low + high) // 2
                page = await self._source.inbox(None, limit=PAGE, before=middle)
                if page.cursor is not None:
                    high = middle
                elif len(page.rows) > PAGE // 2:
                    break
                else:
                    low = middle
            if page.cursor is not None:
                page = await self._source.inbox(None, limit=PAGE, before=low)
            self._take(page, newer=True)

    async def to_older(self) -> None:
        """Take in a page of older rows, letting go of the newest where there are too many."""
        async with self._lock:
            if not self.rows or not self.older:
                return
            page = await self._source.inbox(None, limit=PAGE, before=self.rows[-1].number)
            rows = [*self.rows, *page.rows]
            self.newer = self.newer or len(rows) > MOST
            self.rows = rows[-MOST:]
            self.older = page.cursor is not None

    async def to_newer(self) -> None:
        """Take in a page of newer rows, letting go of the oldest where there are too many."""
        async with self._lock:
            await self._look_at_newest()
            if not self.rows or self.newest is None:
                return
            first, edge = self.rows[0].number, self.rows[0].number
            fresh: list[InboxRow] = []
            while not fresh and edge < self.newest:
                # As many numbers as the page has rows: none of those in between can be left out.
                edge += PAGE
                page = await self._source.inbox(None, limit=PAGE, before=edge + 1)
                fresh = [row for row in page.rows if row.number > first]
            rows = [*fresh, *self.rows]
            self.older = self.older or len(rows) > MOST
            self.rows = rows[:MOST]
            self.newer = edge < self.newest

    def _no_further(self, page: InboxPage) -> InboxPage:
        """Return the page without what lies beyond the window's last row: only its reader makes the window longer."""
        last = self.rows[-1].number
        length = max(sum(row.number >= last for row in page.rows), PAGE)
        if length >= len(page.rows):
            return page
        return page.model_copy(update={"rows": page.rows[:length], "cursor": page.rows[length - 1].number})

    async def _look_at_newest(self) -> None:
        page = await self._source.inbox(None, limit=1)
        self.newest = page.rows[0].number if page.rows else None
        self.newer = bool(self.rows) and self.newest is not None and self.rows[0].number < self.newest

    def _take(self, page: InboxPage, *, newer: bool) -> None:
        self.rows, self.older, self.newer = page.rows, page.cursor is not None, newer
        if not newer:
            self.newest = page.rows[0].number if page.rows else None
