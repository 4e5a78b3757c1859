"""What commands work in: this node's configuration, and its office while a coroutine runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from claudemail import config as configuration

if TYPE_CHECKING:
    from claudemail.office import Office

T = TypeVar("T")


def with_office(work: Callable[[Office], Awaitable[T]]) -> T:
    """Open this node's office, run `work` with it, close it; return what `work` returned.

    Raises:
        ClaudeMailError: the configuration or the database is not as it should be, or `work` failed.
    """
    import asyncio

    from claudemail.office import Office

    config = configuration.load()

    async def run() -> T:
        async with await Office.open(config) as office:
            return await work(office)

    return asyncio.run(run())
