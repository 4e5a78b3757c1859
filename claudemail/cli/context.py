"""What commands work in: this node's configuration, and its office while a coroutine runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from claudemail import config as configuration

if TYPE_CHECKING:
    from claudemail.config import Config
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


def have_carried(config: Config) -> None:
    """Have a gateway carry what was just accepted for other nodes.

    One that does not start is no failure of the command: what was accepted is safe, and waits for the next.
    """
    from claudemail import running
    from claudemail.cli.printing import warn
    from claudemail.errors import ClaudeMailError

    if not config.peers:
        return
    try:
        running.start(config)
    except (ClaudeMailError, OSError) as error:
        warn(f"It is safe, and waits for other nodes to be told: this node's gateway could not be started. {error}")
