"""What a search has found so far: rows that grow as the reader goes down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from claudemail.model.views import InboxRow, SearchPage

PAGE = 100


class Search(Protocol):
    """A search that is asked for page by page."""

    async def __call__(self, *, limit: int, before: int | None = None) -> SearchPage:
        """Return what was found below a page's cursor, newest first."""


class Found:
    """The newest of what a search finds. Nothing of it is let go: what lies above is known."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._lock = asyncio.Lock()
        self._cursor: int | None = None
        self.rows: Sequence[InboxRow] = []
        self.newer = False
        """There is never more above."""
        self.older = False
        """Whether there may be more below."""

    async def refresh(self, keep: int | None = None) -> None:
        """Search again for as many as there are."""
        del keep
        async with self._lock:
            rows, cursor = await self._look(max(len(self.rows), PAGE), None)
            self._take(rows, cursor)

    async def to_newest(self) -> None:
        """Search again from the newest on."""
        await self.refresh()

    async def to_newer(self) -> None:
        """Do nothing: all that lies above is there."""

    async def to_oldest(self) -> None:
        """Search on; how many there are in all nobody has counted."""
        await self.to_older()

    async def to_older(self) -> None:
        """Search on below what was found."""
        async with self._lock:
            if self._cursor is not None:
                rows, cursor = await self._look(PAGE, self._cursor)
                self._take([*self.rows, *rows], cursor)

    async def _look(self, limit: int, before: int | None) -> tuple[list[InboxRow], int | None]:
        """Return what is found below a number, and where to go on; a page of a search may be empty and not the last."""
        while True:
            page = await self._search(limit=limit, before=before)
            before = page.cursor
            if page.hits or before is None:
                return [hit.row for hit in page.hits], before

    def _take(self, rows: Sequence[InboxRow], cursor: int | None) -> None:
        self.rows, self._cursor, self.older = rows, cursor, cursor is not None
