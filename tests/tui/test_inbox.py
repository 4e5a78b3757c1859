"""The inbox pane: keys, mouse, what is marked read, and what happens while mail arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.office import Office
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Send


async def _three(send: Send) -> None:
    for title in ("first", "second", "third"):
        await send("alpha", "bravo", title, f"The body of the {title}.")


async def test_newest_is_on_top_and_previewed(office: Office, console: Console, send: Send) -> None:
    """The newest brief is on top, under the cursor, and drawn beside the list."""
    await _three(send)
    async with console(office) as seen:
        await seen.until(lambda: seen.shown == "third")
        assert seen.title == "third"
        assert "The body of the third." in seen.text()


MOVES = [
    (("j",), "brief 38"),
    (("down", "down"), "brief 37"),
    (("j", "j", "k"), "brief 38"),
    (("j", "j", "up"), "brief 38"),
    (("G",), "brief 0"),
    (("end",), "brief 0"),
    (("G", "g"), "brief 39"),
    (("G", "home"), "brief 39"),
    (("k",), "brief 39"),
    (("ctrl+d",), "brief 32"),
    (("pagedown", "ctrl+d"), "brief 25"),
    (("pagedown", "ctrl+d", "ctrl+u"), "brief 32"),
    (("pagedown", "pageup"), "brief 39"),
]


async def test_moving(office: Office, console: Console, send: Send) -> None:
    """Each moving key puts the cursor where it says, and the row is on the screen."""
    for number in range(40):
        await send("alpha", "bravo", f"brief {number}")
    async with console(office, NARROW) as seen:
        for keys, title in MOVES:
            await seen.press("g", *keys)
            assert seen.title == title, keys
            assert any("▌" in line and title in line for line in seen.lines())


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_narrow_shows_one_thing_at_a_time(
    office: Office, console: Console, send: Send, size: tuple[int, int]
) -> None:
    """Where it is narrow, enter opens the brief in place of the list, and escape goes back to the same row."""
    await _three(send)
    async with console(office, size) as seen:
        await seen.press("j")
        assert "first" in seen.text()
        await seen.press("enter")
        await seen.until(lambda: seen.shown == "second" and "body" in seen.text())
        assert "first" not in seen.text()
        await seen.press("escape")
        assert "first" in seen.text()
        assert seen.title == "second"


async def test_the_same_console_turns_wide_and_narrow(office: Office, console: Console, send: Send) -> None:
    """A terminal made wider shows list and brief; made narrower again, the list alone, with the keys."""
    await _three(send)
    async with console(office, NARROW) as seen:
        assert seen.shown is None
        await seen.resize(*WIDE)
        await seen.until(lambda: seen.shown == "third" and "The body" in seen.text())
        await seen.press("tab")
        assert seen.pane.brief.has_focus
        await seen.resize(*NARROW)
        await seen.until(lambda: seen.pane.listing.has_focus)
        assert "first" in seen.text()
        assert "The body" not in seen.text()


async def test_keys_of_an_open_brief(office: Office, console: Console, send: Send) -> None:
    """In a brief the moving keys scroll it, and the cursor of the list stays."""
    await send("alpha", "bravo", "short")
    await send("alpha", "bravo", "long", "\n".join(f"line {number}" for number in range(300)))
    async with console(office) as seen:
        await seen.press("enter")
        await seen.until(lambda: "line 5" in seen.text())
        brief = seen.pane.brief
        await seen.press("j", "j", "k", "down", "up")
        assert brief.scroll_y == 1
        await seen.press("G")
        await seen.until(lambda: "line 299" in seen.text())
        await seen.press("ctrl+u", "pageup")
        assert brief.scroll_y == brief.max_scroll_y - 2 * (brief.size.height // 2)
        await seen.press("g")
        assert brief.scroll_y == 0
        await seen.press("ctrl+d")
        assert brief.scroll_y == brief.size.height // 2
        assert seen.title == "long"
        await seen.press("escape", "j")
        assert seen.title == "short"


async def test_tab_reads_on_without_opening(office: Office, console: Console, send: Send) -> None:
    """Beside the list, tab gives the keys to the brief and back, and marks nothing read."""
    await send("alpha", "operator", "for me", "\n".join(f"line {number}" for number in range(300)))
    async with console(office) as seen:
        await seen.until(lambda: "line 5" in seen.text())
        await seen.press("tab", "G")
        await seen.until(lambda: "line 299" in seen.text())
        await seen.press("escape")
        assert seen.pane.listing.has_focus
        assert (await office.check(office.operator())).unread == 1


async def test_opening_ones_own_marks_it_read(office: Office, console: Console, send: Send) -> None:
    """A brief to the operator is read once it is opened, not before, and its row says so."""
    await send("alpha", "operator", "for me")
    async with console(office) as seen:
        await seen.until(lambda: seen.shown == "for me")
        assert (await office.check(office.operator())).unread == 1
        assert any("●" in line and "for me" in line for line in seen.lines())
        await seen.press("enter")
        await seen.until(lambda: "0 unread" in seen.lines()[0] and "yours, read" in seen.text())
        assert (await office.check(office.operator())).unread == 0
        assert not any("● alpha" in line for line in seen.lines())


async def test_peeking_marks_nothing(office: Office, console: Console, send: Send) -> None:
    """Opening a brief in someone else's mailbox leaves it unread there, and the brief says so."""
    await send("alpha", "bravo", "for bravo", "text")
    async with console(office, NARROW) as seen:
        await seen.press("enter")
        await seen.until(lambda: "for bravo; looking marks nothing read" in seen.text())
        assert (await office.check(await office.party("bravo"))).unread == 1


async def test_mouse(office: Office, console: Console, send: Send) -> None:
    """A click puts the cursor on a row, a double click opens it, and the wheel scrolls."""
    await send("alpha", "operator", "clicked")
    for number in range(60):
        await send("alpha", "bravo", f"brief {number}")
    async with console(office) as seen:
        await seen.pilot.click("#list", offset=(10, 3))
        assert seen.title == "brief 57"
        await seen.pilot._post_mouse_events([_wheel()], "#list", offset=(10, 3))
        await seen.pilot.pause()
        assert seen.pane.listing.top == 3
        assert seen.title == "brief 57"
        await seen.press("G")
        await seen.pilot.click("#list", offset=(10, seen.pane.listing.size.height - 1), times=2)
        await seen.until(lambda: seen.pane.reading and seen.shown == "clicked")


def _wheel() -> type:
    from textual.events import MouseScrollDown

    return MouseScrollDown


async def test_mail_from_another_process_appears(config: Config, office: Office, console: Console) -> None:
    """What another process on the node stores is on the screen without a key being pressed."""
    async with console(office) as seen, await Office.open(config) as other:
        assert "No mail yet." in seen.text()
        await other.send(other.operator(), Draft(to=["alpha"], title="from elsewhere"))
        await seen.until(lambda: "from elsewhere" in seen.text() and "1 unread" in seen.lines()[0])


async def test_receipts_appear_in_an_open_brief(config: Config, office: Office, console: Console, send: Send) -> None:
    """An open brief keeps its scroll while a recipient reads it, and then says who did."""
    sent = await send("alpha", "bravo", "long", "\n".join(f"line {number}" for number in range(300)))
    async with console(office) as seen, await Office.open(config) as other:
        await seen.press("enter", "j")
        await seen.until(lambda: "bravo@server1 ✓ delivered" in seen.text())
        await other.shown(await other.party("bravo"), [sent.number])
        await seen.until(lambda: "bravo@server1 ✓ read" in seen.text())
        assert seen.pane.brief.scroll_y == 1


@pytest.mark.parametrize("down", [0, 5, 80])
async def test_cursor_stays_while_mail_arrives(office: Office, console: Console, send: Send, down: int) -> None:
    """The cursor stays on its brief while others arrive, at the top and far below."""
    for number in range(120):
        await send("alpha", "bravo", f"old {number}")
    async with console(office) as seen:
        await seen.press(*["j"] * min(down, 5))
        seen.pane.listing.move_to(down)
        title = seen.title
        assert title == f"old {119 - down}"
        for number in range(7):
            await send("alpha", "bravo", f"new {number}")
        await seen.until(lambda: seen.pane.listing.rows[0].title == "new 6")
        assert seen.title == title
        assert any("▌" in line and f"{title} " in line for line in seen.lines())
        assert seen.shown in (None, title) or down
        assert seen.pane.listing.has_focus


async def test_new_rows_show_at_the_top_and_are_counted_elsewhere(office: Office, console: Console, send: Send) -> None:
    """At the top new rows are seen at once; below, what is seen stays where it is and the heading counts what came."""
    for number in range(80):
        await send("alpha", "bravo", f"old {number}")
    async with console(office) as seen:
        await send("alpha", "bravo", "seen at once")
        await seen.until(lambda: "seen at once" in seen.text())
        await seen.press("G")
        rows = [line[:60] for line in seen.lines()[3:-1]]
        await send("alpha", "bravo", "not seen yet")
        await send("alpha", "bravo", "nor this")
        await seen.until(lambda: "↑ 2 new above" in seen.text())
        assert [line[:60] for line in seen.lines()[3:-1]] == rows
        await seen.press("g")
        assert "not seen yet" in seen.text()
        assert "new above" not in seen.text()


async def test_a_hundred_thousand(
    office: Office, console: Console, many: Callable[[int], Awaitable[None]], send: Send
) -> None:
    """A hundred thousand briefs open with some hundred rows loaded, and both ends and the way between can be reached."""
    await many(100_000)
    await send("alpha", "bravo", "the newest")
    async with console(office, NARROW) as seen:
        listing = seen.pane.listing
        assert seen.title == "the newest"
        assert len(listing.rows) <= 100
        await seen.press("G")
        await seen.until(lambda: seen.title == "Report")
        assert len(listing.rows) <= 200
        numbers = [number for number in range(1, 1_000) if number % 5 > 0]
        for step in range(1, 31):
            await seen.until(lambda: listing.cursor > 8)
            listing.action_half_up()
            assert listing.current is not None
            assert listing.current.number == numbers[step * 7]
        await seen.press("g")
        await seen.until(lambda: seen.title == "the newest")


async def test_columns_go_with_the_width(office: Office, console: Console, send: Send) -> None:
    """A wide list says whose mail it is and names the priority; a narrow one keeps sender, title, sign and age."""
    ref = (await send("alpha", "bravo", "A title", priority="urgent", action=["do it"], actions=["do it"])).ref
    async with console(office, (99, 20)) as seen:
        [line] = [line for line in seen.lines() if "A title" in line]
        assert line.split() == ["▌", "●", "alpha", "A", "title", "bravo", "□1", "!!", "urgent", ref, "now"]
        await seen.resize(*SMALL)
        [line] = [line for line in seen.lines() if "A title" in line]
        assert line.split() == ["▌", "●", "alpha", "A", "title", "!!", "now"]


async def test_quit(office: Office, console: Console) -> None:
    """The key q ends the console, from the help screen too."""
    async with console(office) as seen:
        await seen.press("question_mark", "q")
        assert not seen.app.is_running


async def test_quit_while_mail_arrives(office: Office, console: Console, send: Send) -> None:
    """A console that is closed in the middle of a burst of mail closes quietly."""
    for _ in range(3):
        async with console(office) as seen, asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(send("alpha", "operator", f"brief {number}", "text"))
            await seen.pilot.press("enter", "escape", "q")


async def test_help_is_made_from_the_bindings(office: Office, console: Console) -> None:
    """The help screen lists every key with what it does, also where a keymap has moved it, and closes again."""
    async with console(office, (80, 80)) as seen:
        seen.app.set_keymap({"move.down": "n"})
        await seen.press("question_mark")
        text = seen.text()
        for words in ("n", "Half a page down", "Open; your own mail is then read", "Quit"):
            assert words in text
        assert "j ↓" not in text
        await seen.press("escape")
        assert seen.pane.listing.has_focus


async def test_help_scrolls_where_it_is_small(office: Office, console: Console) -> None:
    """In a small terminal the help screen scrolls by the usual keys and closes by its own."""
    async with console(office, SMALL) as seen:
        await seen.press("question_mark", "G")
        assert "heard of its node" in seen.text()
        await seen.press("g")
        assert "ClaudeMail" in seen.text()
        await seen.press("ctrl+d", "ctrl+u", "j", "k", "question_mark")
        assert seen.pane.listing.has_focus
