"""The window on a long inbox."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from claudemail.office import Office
from claudemail.tui.inbox_window import MOST, PAGE, InboxWindow, Source
from claudemail.tui.scopes import Scope, page
from tests.tui.conftest import Send

Many = Callable[[int], Awaitable[None]]


def office_page(office: Office) -> Source:
    """Return where the rows of all of an office's mail come from."""
    return partial(page, office, Scope())


async def _all(office: Office) -> list[int]:
    return [row.number for row in (await office.inbox(None, limit=10_000)).rows]


@pytest.mark.parametrize("count", [1, 7, 99, 126, 127, 500, 1_300])
async def test_any_walk_sees_neighbours(office: Office, many: Many, send: Send, count: int) -> None:
    """However the window is moved, and whatever arrives, its rows are neighbours in the inbox, and its ends are told right."""
    await many(count)
    dice = random.Random(count)
    window = InboxWindow(office_page(office))
    moves = (window.refresh, window.to_older, window.to_newer, window.to_newest, window.to_oldest)
    for step in range(30):
        await dice.choice(moves)()
        numbers = [row.number for row in window.rows]
        everything = await _all(office)
        if not numbers:
            continue
        start = everything.index(numbers[0])
        assert numbers == everything[start : start + len(numbers)]
        assert window.newer == (start > 0)
        assert window.older == (start + len(numbers) < len(everything))
        assert len(numbers) <= MOST
        if step % 7 == 0:
            await send("alpha", "bravo", f"new {step}")
            await window.refresh()


async def test_both_ends_can_be_walked_to(office: Office, many: Many) -> None:
    """Page by page the window comes to the oldest row and back to the newest."""
    await many(2_000)
    everything = await _all(office)
    window = InboxWindow(office_page(office))
    await window.refresh()
    assert len(window.rows) == PAGE
    while window.older:
        await window.to_older()
    assert window.rows[-1].number == everything[-1]
    while window.newer:
        await window.to_newer()
    assert window.rows[0].number == everything[0]


async def test_the_row_to_keep_stays(office: Office, many: Many, send: Send) -> None:
    """After a burst larger than the window the row that must stay is there, and newer ones are known to exist."""
    await send("alpha", "bravo", "kept")
    window = InboxWindow(office_page(office))
    await window.refresh()
    kept = window.rows[0]
    from tests.tui.conftest import multiply

    await office._desk.mail.write(lambda connection: multiply(connection, 2_000))
    await window.refresh(kept.number)
    assert kept.id in {row.id for row in window.rows}
    assert window.newer


async def test_refreshing_does_not_make_it_longer(office: Office, many: Many) -> None:
    """Only the reader makes the window longer: refreshed many times, it has the rows it had."""
    await many(2_000)
    window = InboxWindow(office_page(office))
    for _ in range(5):
        await window.refresh()
    assert len(window.rows) == PAGE
