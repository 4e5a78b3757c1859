"""What the console's tests share: the console on a real office, and ways to look at it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from claudemail.model.brief import Draft
from claudemail.model.views import SendResult
from claudemail.office import Office
from claudemail.store.database import Database
from claudemail.tui.app import ConsoleApp
from claudemail.tui.panes.inbox import InboxPane
from claudemail.tui.widgets.headline import Headline
from tests.tui.hand import Hand

WIDE, NARROW, SMALL = (130, 36), (60, 20), (40, 12)


class Clock:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.now = 1_774_362_180_000

    def __call__(self) -> int:
        return self.now


class Seen:
    """The console as a test sees and works it."""

    def __init__(self, app: ConsoleApp, pilot: Hand, clock: Clock) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock

    @property
    def pane(self) -> InboxPane:
        """The inbox pane."""
        return self.app.screen_stack[0].query_one(InboxPane)

    @property
    def headline(self) -> Headline:
        """The headline."""
        return self.app.screen_stack[0].query_one(Headline)

    @property
    def title(self) -> str | None:
        """The title of the brief under the cursor."""
        row = self.pane.listing.current
        return None if row is None else row.title

    @property
    def shown(self) -> str | None:
        """The title of the brief that is drawn."""
        view = self.pane.brief.view
        return None if view is None else view.brief.title

    def lines(self) -> list[str]:
        """What stands on the screen, line by line."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        """Press keys and wait until they are dealt with."""
        await self.pilot.press(*keys)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        for _ in range(500):
            await self.pilot.pause()
            if true():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"it never came to be so; the screen:\n{self.text()}")

    async def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        await self.pilot.resize_terminal(width, height)


Console = Callable[..., AbstractAsyncContextManager[Seen]]
Send = Callable[..., Coroutine[Any, Any, SendResult]]


@pytest.fixture
def clock() -> Clock:
    """The wall clock of the console and of no office: what is sent is some years old to an office that has a clock of its own."""
    return Clock()


@pytest.fixture
def console(clock: Clock) -> Console:
    """A function that opens the console, for `async with`, on an office and at a size."""

    @asynccontextmanager
    async def opened(
        office: Office, size: tuple[int, int] = WIDE, kind: type[ConsoleApp] = ConsoleApp
    ) -> AsyncIterator[Seen]:
        app = kind(office, wall=clock)
        async with app.run_test(size=size):
            seen = Seen(app, Hand(app), clock)
            await seen.until(lambda: seen.headline.state is not None)
            yield seen

    return opened


@pytest.fixture
def send(office: Office) -> Send:
    """A function that sends a brief on `server1`, given the sender, the recipients, the title and more."""

    async def sent(sender: str, to: str, title: str, body: str = "", **fields: object) -> SendResult:
        draft = Draft.model_validate({"to": to, "title": title, "body": body, **fields})
        return await office.send(await office.party(sender), draft)

    return sent


@pytest.fixture
def many(office: Office, send: Send) -> Callable[[int], Awaitable[None]]:
    """Fill the mailboxes with `many(count)` briefs, every fifth one sent away and in no mailbox here."""

    async def filled(count: int) -> None:
        await send("operator", "alpha", "Report")
        database: Database = office._desk.mail
        await database.write(lambda connection: multiply(connection, count))

    return filled


def multiply(connection: sqlite3.Connection, count: int) -> None:
    """Copy the first brief until there are `count` in all, in the mailboxes of alpha, bravo and the operator."""
    fields = [row["name"] for row in connection.execute("PRAGMA table_info(briefs)")]
    changed = {"number": "n", "title": "title || ' ' || n", "at": "at + n", "accepted_at": "accepted_at + n"}
    changed |= {name: f"{name} || n" for name in ("id", "code", "ref", "thread")}
    connection.execute(
        "WITH RECURSIVE counted (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM counted WHERE n < ?)"
        f" INSERT INTO briefs ({', '.join(fields)}) SELECT {', '.join(changed.get(name, name) for name in fields)}"
        " FROM counted, (SELECT * FROM briefs WHERE number = 1)",
        (count,),
    )
    connection.execute(
        "INSERT INTO entries (mailbox, brief, priority)"
        " SELECT CASE number % 3 WHEN 0 THEN 'alpha' WHEN 1 THEN 'bravo' ELSE 'operator' END, number, priority"
        " FROM briefs WHERE number > 1 AND number % 5 > 0"
    )
