"""A window on a long list of mail: some hundreds of neighbouring rows, moved as the reader moves, however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from claudemail.model.views import InboxPage, InboxRow, SentPage

PAGE = 100
MOST = 600
"""The most rows held. All of them are asked for again when something changed, which takes about 10 ms."""


class Source(Protocol):
    """Where pages come from."""

    async def __call__(
        self, *, limit: int, before: int | None = None, after: int | None = None
    ) -> InboxPage | SentPage:
        """Return rows next below the number `before`, or next above `after`; newest first."""


class Feed(Protocol):
    """Rows for a list, some of those that there are."""

    rows: Sequence[InboxRow]
    newer: bool
    older: bool

    async def refresh(self, keep: int | None = None) -> None:
        """Ask for the rows again."""

    async def to_newest(self) -> None:
        """Get the newest rows."""

    async def to_oldest(self) -> None:
        """Get the oldest rows, or what comes after those that are there."""

    async def to_newer(self) -> None:
        """Get more rows above."""

    async def to_older(self) -> None:
        """Get more rows below."""


class InboxWindow:
    """Neighbouring rows, newest first.

    A brief's number grows with every brief that the node accepts, so a place in the list is a number, and the window can be
    moved anywhere without counting rows.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = asyncio.Lock()
        self.rows: Sequence[InboxRow] = []
        self.newer = False
        """Whether there are newer rows than the window's."""
        self.older = False
        """Whether there are older ones."""

    async def refresh(self, keep: int | None = None) -> None:
        """Ask for the rows of the window again, and for those that came since if it is at the newest.

        Args:
            keep: the number of a row that must stay in the window; after a great burst of mail, new rows are left out for it.
        """
        async with self._lock:
            if not self.rows:
                await self._take_newest()
                return
            if not self.newer:
                page = await self._source(limit=min(len(self.rows) + PAGE, MOST))
                if keep is None or page.cursor is None or page.rows[-1].number <= keep:
                    rows = self._no_further(page.rows)
                    self._take(rows, older=page.cursor is not None or len(rows) < len(page.rows), newer=False)
                    return
            first = self.rows[0].number
            page = await self._source(limit=len(self.rows), before=first + 1)
            if page.rows:
                self._take(page.rows, older=page.cursor is not None, newer=await self._is_any_above(first))
            else:
                await self._take_newest()

    async def to_newest(self) -> None:
        """Move the window to the newest rows."""
        async with self._lock:
            await self._take_newest()

    async def to_oldest(self) -> None:
        """Move the window to the oldest rows."""
        async with self._lock:
            page = await self._source(limit=PAGE, after=0)
            self._take(page.rows, older=False, newer=page.cursor is not None)

    async def to(self, number: int) -> None:
        """Move the window to where the brief of a number is, if the list has it."""
        async with self._lock:
            below = await self._source(limit=PAGE, before=number + 1)
            above = await self._source(limit=PAGE, after=number)
            rows = [*above.rows, *below.rows]
            self._take(rows, older=below.cursor is not None, newer=above.cursor is not None)

    async def to_older(self) -> None:
        """Take in a page of older rows, letting go of the newest where there are too many."""
        async with self._lock:
            if self.rows and self.older:
                page = await self._source(limit=PAGE, before=self.rows[-1].number)
                rows = [*self.rows, *page.rows]
                self._take(rows[-MOST:], older=page.cursor is not None, newer=self.newer or len(rows) > MOST)

    async def to_newer(self) -> None:
        """Take in a page of newer rows, letting go of the oldest where there are too many."""
        async with self._lock:
            if self.rows:
                page = await self._source(limit=PAGE, after=self.rows[0].number)
                rows = [*page.rows, *self.rows]
                self._take(rows[:MOST], older=self.older or len(rows) > MOST, newer=page.cursor is not None)

    def _no_further(self, rows: Sequence[InboxRow]) -> Sequence[InboxRow]:
        """Return the rows without what lies beyond the window's last one: only its reader makes the window longer."""
        last = self.rows[-1].number
        return rows[: max(sum(row.number >= last for row in rows), PAGE)]

    async def _is_any_above(self, number: int) -> bool:
        return bool((await self._source(limit=1, after=number)).rows)

    async def _take_newest(self) -> None:
        page = await self._source(limit=PAGE)
        self._take(page.rows, older=page.cursor is not None, newer=False)

    def _take(self, rows: Sequence[InboxRow], *, older: bool, newer: bool) -> None:
        self.rows, self.older, self.newer = rows, older, newer
