"""Reading in the inbox: on from one brief to the next, the whole thread, the source, and the room that a side has."""

from __future__ import annotations

import pytest

from claudemail.model import document
from claudemail.office import Office
from claudemail.tui.widgets.side import Mode
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Seen, Send
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting


async def _thread(send: Send, count: int = 3) -> list[str]:
    """Have alpha and the operator answer each other; return the ids."""
    ids: list[str] = []
    for number in range(count):
        sender, to = ("alpha", "operator") if number % 2 == 0 else ("operator", "alpha")
        more = {"reply_to": ids[-1]} if ids else {}
        ids.append((await send(sender, to, f"part {number}", f"text {number}\n" * 4, **more)).id)
    return ids


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_on_to_the_next(office: Office, console: Console, send: Send, size: tuple[int, int]) -> None:
    """While one is read, J and K read the next and the one before, and one's own is read then; in the list they do nothing."""
    for number in range(4):
        await send("alpha", "operator", f"brief {number}", f"text of {number}")
    async with console(office, size) as seen:
        await seen.press("J", "j")
        assert seen.title == "brief 2"
        await seen.press("enter")
        await seen.until(lambda: "text of 2" in seen.text())
        await seen.press("J")
        await seen.until(lambda: "text of 1" in seen.text())
        assert seen.pane.reading
        assert seen.title == "brief 1"
        await seen.press("K", "K")
        await seen.until(lambda: "text of 3" in seen.text() and "yours, read" in seen.text())
        await seen.press("K")
        await seen.until(lambda: any("That is the first." in one.message for one in seen.app._notifications))
        await seen.until(lambda: [row.unread for row in seen.pane.listing.rows] == [False, False, False, True])
        await seen.press("escape")
        assert seen.title == "brief 3"
        assert seen.pane.listing.has_focus


async def test_on_through_what_is_unread(office: Office, console: Console, send: Send) -> None:
    """Among unread mail each that is read leaves the list, and J goes to the next below it all the same."""
    for number in range(4):
        await send("alpha", "operator", f"brief {number}", f"text of {number}")
    async with console(office) as seen:
        await seen.press("f", "j", "enter")
        await seen.until(lambda: seen.shown == "brief 2" and len(seen.pane.listing.rows) == 3)
        await seen.press("J")
        await seen.until(lambda: seen.shown == "brief 1" and len(seen.pane.listing.rows) == 2)
        await seen.press("K")
        await seen.until(lambda: seen.shown == "brief 3" and len(seen.pane.listing.rows) == 1)
        await seen.press("escape")
        await seen.until(lambda: seen.shown == seen.title == "brief 0")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_the_whole_thread(office: Office, console: Console, send: Send, size: tuple[int, int]) -> None:
    """The key i shows a thread in order, from the brief one came from on, and goes back; one's own of it is read then."""
    ids = await _thread(send)
    await send("alpha", "bravo", "something else")
    async with console(office, size) as seen:
        await seen.press("j", "i")
        await seen.until(lambda: seen.pane.side.mode is Mode.THREAD and "text 2" in seen.text())
        thread = seen.pane.side.thread
        assert [view.brief.id for view in thread.views] == ids
        assert thread.has_focus
        assert any("▌" in line and "part 2" in line for line in seen.lines())
        assert (await office.check(office.operator())).unread == 0
        await seen.press("K", "s")
        await seen.until(lambda: thread.views[1].starred)
        assert any("▌" in line and "★ part 1" in line for line in seen.lines())
        await seen.press("g")
        await seen.until(lambda: "part 0" in seen.text())
        await seen.press("i")
        await seen.until(lambda: seen.pane.side.mode is Mode.BRIEF and "part 2" in seen.text())
        assert seen.shown == "part 2"
        await seen.press("i")
        await seen.until(lambda: thread.has_focus and thread.picked == 2)
        await seen.press("K", "K", "enter")
        await seen.until(lambda: seen.shown == "part 0" and seen.pane.side.mode is Mode.BRIEF)
        await seen.press("i", "escape", "escape")
        assert seen.pane.listing.has_focus


async def test_a_thread_that_grows(office: Office, console: Console, send: Send) -> None:
    """An answer that comes in shows in the thread, and nothing is written while nothing changes."""
    ids = await _thread(send, 2)
    async with console(office, kind=Counting) as seen:
        await seen.press("i")
        await seen.until(lambda: seen.pane.side.mode is Mode.THREAD and seen.pane.side.thread.has_focus)
        await send("alpha", "operator", "the answer", "the text of it", reply_to=ids[-1])
        await seen.until(lambda: "the text of it" in seen.text())
        assert seen.pane.side.thread.view is not None
        assert seen.pane.side.thread.view.brief.title == "part 1"
        for _ in range(10):
            await seen.pilot.pause()
        assert isinstance(seen.app, Counting)
        seen.app.frames = 0
        for _ in range(2):
            asked = seen.app.asked
            seen.app.ask_again()
            await seen.until(lambda asked=asked: seen.app.asked > asked)  # type: ignore[misc]
        assert seen.app.frames == 0


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_source(office: Office, console: Console, send: Send, size: tuple[int, int]) -> None:
    """The key v shows a brief as `claudemail read --raw` gives it, and goes back; it scrolls as everything does."""
    sent = await send(
        "alpha", "operator", "title: [/x]", "\n".join(f"line {number}" for number in range(90)), labels=["db"]
    )
    source = document.format((await office.read(office.operator(), sent.id)).brief)
    async with console(office, size) as seen:
        await seen.press("v")
        await seen.until(lambda: seen.pane.side.mode is Mode.SOURCE and "title: 'title: [/x]'" in seen.text())
        for line in source.splitlines()[:6]:
            assert line in seen.text()
        await seen.press("G")
        await seen.until(lambda: "line 89" in seen.text())
        await seen.press("ctrl+u", "k", "j", "ctrl+d", "v")
        assert seen.pane.side.mode is Mode.BRIEF
        assert seen.pane.reading
        await seen.press("v", "escape", "escape")
        assert seen.pane.listing.has_focus
        assert (await office.check(office.operator())).unread == 0


async def test_nasty_threads_and_sources(office: Office, console: Console, send: Send) -> None:
    """Whatever the briefs of a thread hold, it is text in the thread and in the source."""
    first = await send("alpha", "operator", NASTY[0], "\n\n".join(NASTY))
    for text in NASTY[1:8]:
        await send("alpha", "operator", text, text, reply_to=first.id)
    async with console(office) as seen:
        await seen.press("i")
        await seen.until(lambda: seen.pane.side.mode is Mode.THREAD)
        _check(seen)
        await seen.pilot.click(seen.pane.side.thread._posts[-1])
        for key in ("K", "g", "G"):
            await seen.press(key)
            _check(seen)
        await seen.press("escape", "G", "enter", "v")
        await seen.until(lambda: seen.pane.side.mode is Mode.SOURCE)
        _check(seen)
        assert seen.app.is_running


async def test_all_the_room(office: Office, console: Console, send: Send) -> None:
    """The key z gives the list, or the brief that has the keys, all of the room, and shows both again."""
    await send("alpha", "operator", "for me", "text of it")
    async with console(office) as seen:
        await seen.until(lambda: "text of it" in seen.text())
        await seen.press("z")
        assert not seen.pane.brief.is_on_screen
        assert seen.pane.listing.size.width == WIDE[0]
        await seen.press("enter")
        await seen.until(lambda: "text of it" in seen.text() and not seen.pane.listing.is_on_screen)
        await seen.press("escape")
        assert seen.pane.listing.is_on_screen
        await seen.press("z", "tab")
        assert seen.pane.brief.has_focus
        await seen.press("z")
        assert seen.pane.brief.size.width > WIDE[0] - 4
        await seen.press("z")
        assert seen.pane.listing.is_on_screen
        await seen.resize(*NARROW)
        await seen.press("z", "tab")
        assert seen.pane.listing.is_on_screen is not seen.pane.brief.is_on_screen


async def test_a_very_wide_terminal(office: Office, console: Console, send: Send) -> None:
    """At 200 columns the list says each brief's ref, and the brief has more of the room than at 130."""
    sent = await send("alpha", "operator", "title", "text")
    async with console(office, (200, 60)) as seen:
        await seen.until(lambda: seen.shown == "title")
        [line] = [line.split("│")[0] for line in seen.lines() if "▌" in line]
        assert line.split() == ["▌", "●", "alpha", "title", "operator", sent.ref, "now"]
        assert seen.pane.brief.size.width >= 90


def _focus(seen: Seen) -> str | None:
    return seen.app.focused.id if seen.app.focused is not None else None


async def test_tab_and_find_from_anywhere(office: Office, console: Console, send: Send) -> None:
    """Tab goes between the sides and from the line to what was found; / comes back to the list first."""
    await send("alpha", "operator", "word", "text")
    async with console(office) as seen:
        await seen.press("tab")
        assert _focus(seen) == "brief"
        await seen.press("slash", *"wor")
        await seen.until(lambda: seen.pane.found is not None)
        await seen.press("tab")
        assert _focus(seen) == "results"
        await seen.press("tab")
        assert _focus(seen) == "brief"
        await seen.press("tab", "escape")
        assert _focus(seen) == "list"
