"""Quiet: nothing is written to the terminal when nothing changed, and little when little did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from textual.geometry import Region

from claudemail.model.roster import Presence
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate
from claudemail.tui import app
from claudemail.tui.app import ConsoleApp
from tests.tui.board import Board, make
from tests.tui.conftest import NARROW, WIDE, Clock, Console, Seen, Send
from tests.tui.fleet import again, claim, hear


class Counting(ConsoleApp):
    """Counts what it writes."""

    frames = 0

    def _display(self, screen: Any, renderable: Any) -> None:
        self.frames += renderable is not None
        super()._display(screen, renderable)


async def test_nothing_changed_nothing_written(office: Office, console: Console, send: Send) -> None:
    """Asking the office again, and a commit that changes nothing that is seen, write nothing."""
    await send("alpha", "bravo", "title", "text")
    async with console(office, kind=Counting) as seen:
        await seen.until(lambda: seen.shown == "title" and "text" in seen.text())
        for _ in range(5):
            await seen.pilot.pause()
        assert isinstance(seen.app, Counting)
        seen.app.frames = 0
        for _ in range(3):
            asked = seen.app.asked
            seen.app.ask_again()
            await seen.until(lambda asked=asked: seen.app.asked > asked)  # type: ignore[misc]
        seen.clock.now += 20_000  # within the same minute
        asked = seen.app.asked
        await office._desk.mail.write(lambda connection: connection.execute("UPDATE meta SET value = value"))
        await seen.until(lambda: seen.app.asked > asked)
        assert seen.app.frames == 0


async def test_a_burst_is_taken_in_together(office: Office, console: Console, send: Send) -> None:
    """However fast briefs come, all of them are seen, and the office is asked at most once in each shortest refresh."""
    async with console(office, kind=Counting) as seen:
        now = asyncio.get_running_loop().time
        asked, began = seen.app.asked, now()
        await asyncio.gather(*(send("alpha", "operator", f"brief {number}") for number in range(100)))
        await seen.until(lambda: seen.headline.state is not None and seen.headline.state.unread == 100)
        for _ in range(5):  # as commits in a row do
            before = seen.app.asked
            seen.app.ask_again()
            await seen.until(lambda before=before: seen.app.asked > before)  # type: ignore[misc]
        assert seen.app.asked - asked <= (now() - began) / app._SHORTEST_REFRESH_S + 1


async def test_a_step_repaints_two_lines(
    office: Office, console: Console, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moving the cursor has the line that it left and the line that it came to repainted, and no other."""
    for number in range(10):
        await send("alpha", "bravo", f"brief {number}")
    async with console(office, NARROW) as seen:
        listing = seen.pane.listing
        await seen.pilot.pause()
        repainted: list[Region] = []
        refresh = listing.refresh

        def noted(*regions: Region, **more: Any) -> Any:
            repainted.extend(regions)
            return refresh(*regions, **more)

        monkeypatch.setattr(listing, "refresh", noted)
        listing.action_down()
        assert [region.y for region in repainted] == [1, 2]


async def test_ages_move_with_the_minute(office: Office, console: Console, send: Send) -> None:
    """When a minute has gone by, the ages are told anew."""
    await send("alpha", "bravo", "title")
    async with console(office, WIDE) as seen:
        row = seen.pane.listing.rows[0]
        seen.clock.now = row.at + 12 * 60_000
        seen.app.ask_again()
        await seen.until(lambda: any(("title" in line and "11m" in line) or "12m" in line for line in seen.lines()))


async def _frames_of(seen: Seen, change: Callable[[], Awaitable[object]]) -> int:
    """Return how many frames are written for what one change leads to."""
    app = seen.app
    assert isinstance(app, Counting)
    app.frames = 0
    asked = app.asked
    await change()
    await seen.until(lambda: app.asked > asked)
    await again(seen)
    return app.frames


async def test_a_change_of_many_cards_is_drawn_at_once(office: Office, console: Console) -> None:
    """Thirty actions that become pressing, or go to another lane, take no more frames than one does."""
    actions = await make(office, *(f"action {number}" for number in range(31)), assignee="me")
    async with console(office, kind=Counting) as seen:
        await Board.opened(seen)
        await again(seen)
        for fields in ({"priority": "high"}, {"status": "wip"}):
            wanted = ActionUpdate.model_validate(fields)
            one, thirty = [
                await _frames_of(seen, partial(office.update_actions, office.operator(), [(id, wanted) for id in ids]))
                for ids in ([actions[0].id], [action.id for action in actions[1:]])
            ]
            assert 1 <= thirty <= max(one, 2), fields


async def test_a_heartbeat_of_many_is_drawn_at_once(office: Office, console: Console, clock: Clock) -> None:
    """A heartbeat that changes every row of a node takes two frames at most: the rows, and the headline."""

    def roster(project: str) -> list[Presence]:
        names = [f"charlie-{number}" for number in range(2, 22)]
        return [Presence(instance="instance2", callsign=name, live=True, pid=7, project=project) for name in names]

    await claim(office, "alpha")
    await hear(office, clock, roster=roster("before"))
    async with console(office, kind=Counting) as seen:
        await seen.press("3")
        await seen.until(lambda: seen.text().count("before") == 20)
        await again(seen)
        frames = await _frames_of(seen, partial(hear, office, clock, roster=roster("after")))
        assert seen.text().count("after") == 20
        assert 1 <= frames <= 2


async def test_steps_in_one_go_come_to_rest(office: Office, console: Console) -> None:
    """However fast one goes through the lanes, the cursor ends where the last step led, and nothing is drawn after that."""
    await make(office, "pending")
    async with console(office, WIDE, kind=Counting) as seen:
        board = await Board.opened(seen)
        for key in "llhl":
            seen.app.simulate_key(key)
        await seen.pilot.pause()
        assert isinstance(seen.app, Counting)
        seen.app.frames = 0
        for _ in range(5):
            await seen.pilot.pause()
        assert (board.pane.at, seen.app.focused, seen.app.frames) == (2, board.pane.lanes[2], 0)
