"""Which mail is listed: whose, and which of it; and being taken to a brief from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from claudemail.office import Office
from claudemail.tui.messages import Go
from claudemail.tui.needs import URGENT
from claudemail.tui.panes.inbox import InboxPane
from claudemail.tui.places import Place, Where
from claudemail.tui.scopes import Filter, Scope
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Seen, Send


def _titles(seen: Seen) -> list[str]:
    return [row.title for row in seen.pane.listing.rows]


async def _go(seen: Seen, what: str | None, mailbox: str | None = None) -> None:
    seen.pane.post_message(Go(Place(Where.INBOX, what, mailbox)))
    await seen.pilot.pause()


async def test_filters_in_turn(office: Office, console: Console, send: Send) -> None:
    """The key f lists what is unread, starred, sent, and all again, each named beside the panes, with what is empty said."""
    read = await send("alpha", "operator", "read")
    await office.shown(office.operator(), [read.number])
    async with console(office) as seen:
        assert "all on server1" in seen.lines()[1]
        await seen.press("f")
        await seen.until(lambda: "All is read. esc shows all mail." in seen.text())
        assert "unread · all on server1" in seen.lines()[1]
        await seen.until(lambda: seen.shown is None)
        await send("alpha", "bravo", "unread")
        await seen.until(lambda: _titles(seen) == ["unread"])
        await seen.until(lambda: seen.shown == "unread")
        await seen.press("f")
        await seen.until(lambda: "Nothing is starred. esc shows all mail." in seen.text())
        await office.star(office.operator(), read.ref)
        await seen.until(lambda: _titles(seen) == ["read"])
        assert any("★" in line and "read" in line for line in seen.lines())
        await seen.press("f")
        await seen.until(lambda: _titles(seen) == ["unread", "read"])
        [line] = [line for line in seen.lines() if line.lstrip(" ▌●★").startswith("operator")]
        assert "✓ read" in line
        await seen.press("f")
        await seen.until(lambda: seen.pane.scope == Scope() and _titles(seen) == ["unread", "read"])
        await seen.press("f", "escape")
        await seen.until(lambda: seen.pane.scope == Scope())


async def test_mine_and_whose(office: Office, console: Console, send: Send) -> None:
    """The key w lists one's own mail and all again; m asks whose, offering names with what is unread and who is there."""
    await send("alpha", "operator", "for me")
    await send("alpha", "bravo", "for bravo")
    await send("operator", "instance1", "for the instance")
    async with console(office) as seen:
        await seen.press("w")
        await seen.until(lambda: _titles(seen) == ["for me"])
        assert "mine" in seen.lines()[1]
        await seen.press("w")
        await seen.until(lambda: len(_titles(seen)) == 3)
        await seen.press("m")
        await seen.until(lambda: "bravo" in seen.text() and "1 unread · away · callsign of instance1" in seen.text())
        assert "yours · 1 unread" in seen.text()
        await seen.press(*"bravo", "enter")
        await seen.until(lambda: _titles(seen) == ["for the instance", "for bravo"])
        assert seen.lines()[1].rstrip().endswith("bravo")
        assert seen.pane.listing.has_focus
        await seen.press("m", *"alph", "enter", "f", "f")
        await seen.until(lambda: seen.pane.scope == Scope("alpha", Filter.STARRED))
        await seen.press("escape")
        await seen.press("m", "escape")
        assert seen.pane.scope == Scope("alpha")
        await seen.press("m", "down", "enter")
        await seen.until(lambda: len(_titles(seen)) == 3)


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_narrow_says_what_is_left_out(
    office: Office, console: Console, send: Send, size: tuple[int, int]
) -> None:
    """Where the line of panes has no room for it, the heading says what is listed."""
    await send("alpha", "operator", "a brief")
    async with console(office, size) as seen:
        await seen.press("f")
        await seen.until(lambda: any("unread · all on server1" in line for line in seen.lines()[2:4]))
        assert "a brief" in seen.text()
        await seen.press("f", "f")
        await seen.until(lambda: "✓ delivered" in seen.text() and "a brief" in seen.text())


async def test_the_cursor_stays_on_its_brief_through_filters(office: Office, console: Console, send: Send) -> None:
    """Another filter that lists the brief under the cursor keeps the cursor on it."""
    for number in range(5):
        await send("alpha", "bravo", f"brief {number}")
    async with console(office, NARROW) as seen:
        await seen.press("j", "j", "f")
        await seen.until(lambda: seen.pane.scope.filter is Filter.UNREAD and len(_titles(seen)) == 5)
        assert seen.title == "brief 2"


async def test_going_to_a_brief(
    office: Office, console: Console, send: Send, many: Callable[[int], Awaitable[None]]
) -> None:
    """One comes to a brief by its ref or id, far down too, with the keys on the list; to a mailbox alone as well."""
    await many(3_000)
    mine = await send("alpha", "operator", "for me")
    [report] = (await office.inbox(None, limit=1, after=0)).rows
    async with console(office) as seen:
        await _go(seen, report.id)
        await seen.until(lambda: seen.title == "Report" and seen.shown == "Report")
        assert seen.pane.listing.has_focus
        assert not seen.pane.reading
        await seen.press("k")
        assert seen.title == "Report 2"
        await _go(seen, mine.ref, "alpha")
        await seen.until(lambda: seen.shown == "for me" and seen.pane.reading)
        assert seen.pane.scope == Scope("alpha")
        await _go(seen, None, "operator")
        await seen.until(lambda: seen.pane.scope == Scope("operator") and seen.title == "for me")
        assert not seen.pane.reading


async def test_going_to_what_is_not_listed(office: Office, console: Console, send: Send) -> None:
    """A brief that was only sent from here, or is archived, is opened though no list has it; an unknown one is told."""
    away = await send("operator", "charlie", "sent away")
    old = await send("alpha", "operator", "archived")
    await office.shown(office.operator(), [old.number])
    await office.clean(office.operator(), ["operator"], days=0, apply=True)
    async with console(office, NARROW) as seen:
        await _go(seen, away.ref)
        await seen.until(lambda: seen.shown == "sent away" and seen.pane.reading)
        await seen.press("escape")
        assert not seen.pane.reading
        await _go(seen, old.id)
        await seen.until(lambda: seen.shown == "archived" and "; archived" in seen.text())
        await _go(seen, "zzzz")
        await seen.until(lambda: any("There is no brief" in one.message for one in seen.app._notifications))


async def test_the_next_urgent_one(office: Office, console: Console, send: Send) -> None:
    """What needs you leads to the oldest urgent brief that is unread, then to the next, in whatever was listed before."""
    for number in range(2):
        await send("alpha", "bravo", f"urgent {number}", priority="urgent")
        await send("alpha", "bravo", f"other {number}")
    async with console(office) as seen:
        await seen.press("w")
        await seen.until(lambda: _titles(seen) == [])
        await _go(seen, URGENT)
        await seen.until(lambda: seen.title == "urgent 0")
        assert seen.pane.scope == Scope()
        await _go(seen, URGENT)
        await seen.until(lambda: seen.title == "urgent 1")
        await _go(seen, URGENT)
        await seen.until(lambda: seen.title == "urgent 0")


async def test_what_is_remembered(office: Office, console: Console, send: Send) -> None:
    """Mailbox, filter and room are taken up again; what makes no sense or names nobody is passed over."""
    await send("alpha", "bravo", "for bravo")
    await send("alpha", "operator", "for me")
    async with console(office, WIDE) as seen:
        await seen.press("w", "f", "z")
        kept = seen.pane.memory()
        assert kept == {"mailbox": "operator", "filter": "unread", "zoomed": True}
    async with console(office, WIDE) as seen:
        InboxPane(office, seen.clock).recall(kept)  # before it is seen, too
        seen.pane.recall(kept)
        seen.app.ask_again()
        await seen.until(lambda: _titles(seen) == ["for me"])
        assert not seen.pane.brief.is_on_screen
        seen.pane.recall({"mailbox": "nobody-now", "filter": 7, "zoomed": "x"})
        seen.app.ask_again()
        await seen.until(lambda: seen.pane.scope == Scope() and len(_titles(seen)) == 2)
        assert seen.pane.brief.is_on_screen
