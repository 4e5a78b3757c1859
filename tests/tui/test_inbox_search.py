"""Searching in the inbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable

import pytest
from textual.events import Paste

from claudemail.config import Config
from claudemail.office import Office
from claudemail.store import text_index
from claudemail.tui.widgets.find_line import as_typed
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Seen, Send
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting


def _found(seen: Seen) -> list[str]:
    return [row.title for row in seen.pane.results.rows] if seen.pane.found is not None else ["nothing is searched for"]


async def _type(seen: Seen, text: str, *keys: str) -> None:
    """Have a text stand in the line, as if it had been typed, and press keys."""
    if not seen.pane.find_line.is_typed_into:
        await seen.press("slash")
    seen.pane.find_line._input.value = text
    await seen.pilot.pause()
    if keys:
        await seen.press(*keys)


async def test_finding_as_one_types(office: Office, console: Console, send: Send) -> None:
    """What is typed is looked for, a word that is still being typed by its start; enter gives the keys to what was found."""
    await send("alpha", "bravo", "Migration of the users table", "see the script")
    await send("alpha", "operator", "Lunch", "after the migration")
    await send("bravo", "alpha", "Other things")
    async with console(office) as seen:
        await seen.press("j", "j")
        await seen.press("slash", *"migr")
        await seen.until(lambda: _found(seen) == ["Lunch", "Migration of the users table"])
        assert "2 found · all on server1" in seen.text()
        await seen.until(lambda: seen.shown == "Lunch")
        assert (await office.check(office.operator())).unread == 1
        await _type(seen, "migration from:alpha xyz")
        await seen.until(lambda: _found(seen) == [])
        assert "Nothing found. esc shows the inbox." in seen.text()
        await _type(seen, "migration from:alpha")
        await seen.until(lambda: len(_found(seen)) == 2)
        await seen.press("enter")
        assert seen.pane.results.has_focus
        assert seen.pane.find_line.display
        await seen.press("n")
        assert seen.title == "Migration of the users table"
        await seen.press("N")
        assert seen.title == "Lunch"
        await seen.press("enter")
        await seen.until(lambda: seen.pane.reading and seen.shown == "Lunch" and "yours, read" in seen.text())
        await seen.press("n")
        await seen.until(lambda: seen.pane.reading and seen.shown == "Migration of the users table")
        await seen.press("n")
        assert seen.title == "Migration of the users table"
        await seen.press("escape", "s")
        await seen.until(lambda: seen.pane.results.rows[1].starred)
        await seen.press("slash", "x")
        await seen.until(lambda: _found(seen) == [])
        await seen.press("escape")
        assert not seen.pane.find_line.display


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_going_back_to_the_list_as_it_was(
    office: Office, console: Console, many: Callable[[int], Awaitable[None]], size: tuple[int, int]
) -> None:
    """After a search the cursor, what is seen and the marks are as they were, far down a long list too."""
    await many(1_000)
    await office._desk.mail.write(text_index.refill)
    async with console(office, size) as seen:
        await seen.press("G")
        await seen.until(lambda: seen.title == "Report")
        await seen.press("k", "space", "k", "k", "k")
        listing = seen.pane.listing
        before = (seen.title, listing.top, set(listing.marked))
        assert before[2]
        await _type(seen, "report is:unread", "down")
        await seen.until(lambda: seen.pane.found is not None and seen.pane.results.has_focus)
        await seen.press("j", "j", "enter", "escape")
        await seen.press("escape")
        assert seen.pane.listing is listing
        assert (seen.title, listing.top, set(listing.marked)) == before
        assert listing.has_focus
        assert seen.title is not None
        assert seen.title in seen.text()


async def test_searches_page_on(
    office: Office, console: Console, many: Callable[[int], Awaitable[None]], send: Send
) -> None:
    """Of very many that are found the first hundred show, and more as one goes down; what comes in shows on top."""
    await many(2_000)
    await office._desk.mail.write(text_index.refill)
    async with console(office, NARROW) as seen:
        await _type(seen, "report", "enter")
        await seen.until(lambda: len(_found(seen)) == 100)
        assert "100 or more found" in seen.text()
        await seen.press("G")
        await seen.until(lambda: len(_found(seen)) >= 200)
        await seen.press("G")
        await seen.until(lambda: len(_found(seen)) >= 300)
        at = seen.title
        await send("alpha", "bravo", "Report of today")
        await seen.until(lambda: _found(seen)[0] == "Report of today")
        assert len(_found(seen)) >= 300
        assert seen.title == at


async def test_searches_go_with_filter_and_mailbox(office: Office, console: Console, send: Send) -> None:
    """A search finds what is in the mailbox and the filter that were chosen, and goes along when they change."""
    for to in ("alpha", "bravo", "operator", "charlie"):
        await send("bravo", to, f"word for {to}")
    await office.star(office.operator(), (await send("alpha", "bravo", "word starred")).ref)
    async with console(office) as seen:
        await _type(seen, "word", "enter")
        await seen.until(lambda: len(_found(seen)) == 5)
        await seen.press("w")
        await seen.until(lambda: _found(seen) == ["word for operator"])
        await seen.press("w", "f")
        await seen.until(lambda: len(_found(seen)) == 4)
        await seen.press("f")
        await seen.until(lambda: _found(seen) == ["word starred"])
        await seen.press("f")
        await seen.until(lambda: len(_found(seen)) == 5)
        await seen.press("m", *"bravo", "enter")
        await seen.until(lambda: len(_found(seen)) == 4)
        assert "sent · bravo" in seen.text()


async def test_what_is_wrong_is_said_below_the_line(
    config: Config, office: Office, console: Console, send: Send
) -> None:
    """A query that means nothing, and a store that fails, are told below the line; what was found before stays."""
    await send("alpha", "bravo", "known", "word")
    async with console(office) as seen:
        await _type(seen, "word")
        await seen.until(lambda: _found(seen) == ["known"])
        for query, said in (
            ("is:odd", "is:odd is not known. Use is: with one of"),
            ("after:never", "'never' is not a day"),
            ("from:zulu", "No mail is from 'zulu'"),
            ("thread:zzzz", "There is no brief 'zzzz'"),
            ("...", "Nothing to look for yet"),
        ):
            await _type(seen, query)
            await seen.until(lambda said=said: said in seen.text())  # type: ignore[misc]
            assert len(seen.app._notifications) == 0
        with sqlite3.connect(config.db_path) as connection:
            connection.execute("ALTER TABLE briefs_text RENAME TO gone")
        await _type(seen, "word ")
        await seen.until(lambda: "no such table: briefs_text" in " ".join(seen.text().split()))
        with sqlite3.connect(config.db_path) as connection:
            connection.execute("ALTER TABLE gone RENAME TO briefs_text")
        connection.close()
        await _type(seen, "known")
        await seen.until(lambda: _found(seen) == ["known"])


async def test_the_newest_search_stands(office: Office, console: Console, send: Send) -> None:
    """However fast is typed, what shows in the end is what the last text finds."""
    for word in ("apple", "apricot", "banana"):
        await send("alpha", "bravo", word)
    async with console(office) as seen:
        await seen.press("slash")
        line = seen.pane.find_line
        for text in ("app", "apple", "apr", "apricot", "b", "banana", "zebra", "apr"):
            line._input.value = text
            await seen.pilot.pause()
            seen.pane._search()
        await seen.until(lambda: _found(seen) == ["apricot"])
        assert "1 found" in seen.text()


async def test_nothing_is_written_while_a_search_stands(office: Office, console: Console, send: Send) -> None:
    """With a search and a filter on, asking the office again writes nothing when nothing changed."""
    await send("alpha", "operator", "word")
    async with console(office, kind=Counting) as seen:
        await seen.press("f")
        await _type(seen, "word", "enter")
        await seen.until(lambda: _found(seen) == ["word"] and seen.shown == "word")
        for _ in range(5):
            await seen.pilot.pause()
        assert isinstance(seen.app, Counting)
        seen.app.frames = 0
        for _ in range(3):
            asked = seen.app.asked
            seen.app.ask_again()
            await seen.until(lambda asked=asked: seen.app.asked > asked)  # type: ignore[misc]
        assert seen.app.frames == 0


async def test_hostile_words_in_the_line_and_in_what_is_found(office: Office, console: Console, send: Send) -> None:
    """Whatever is pasted is text to be looked for, and what is found is text as well."""
    for text in NASTY:
        await send("alpha", "operator", f"findme {text}", text)
    async with console(office, NARROW) as seen:
        await seen.press("slash")
        for text in NASTY[:9]:
            seen.app.post_message(Paste(text))
            await seen.press("ctrl+e")
            _check(seen)
        seen.pane.find_line._input.value = "findme"
        await seen.until(lambda: len(_found(seen)) == len(NASTY))
        _check(seen)
        await seen.press("enter", "G")
        _check(seen)
        assert seen.app.is_running


@pytest.mark.parametrize(
    ("typed", "looked_for"),
    [
        ("migr", "migr*"),
        ("a migration", "a migration*"),
        ("mi", "mi"),
        ("migr ", "migr "),
        ('"not nu', '"not nu'),
        ("from:alpha", "from:alpha"),
        ("-migr", "-migr"),
        ("migr*", "migr*"),
        ("", ""),
    ],
)
def test_a_word_still_being_typed(typed: str, looked_for: str) -> None:
    """The last word is looked for by its start, if it is long enough and nothing but a word."""
    assert as_typed(typed) == looked_for
