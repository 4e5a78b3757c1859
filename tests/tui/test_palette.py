"""The palette: keys, panes, themes, names, briefs and actions, found by a few letters."""

from __future__ import annotations

import pytest

from claudemail.config import Config
from claudemail.office import Office
from claudemail.tui.screens.compose import ComposeScreen
from claudemail.tui.screens.palette import PaletteScreen
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Seen, Send
from tests.tui.test_compose import toasts, writing
from tests.tui.test_hostile import NASTY, _check


async def choose(seen: Seen, *keys: str, key: str = "colon") -> None:
    """Open the palette, press keys, and take what stands out."""
    await seen.press(key)
    await seen.until(lambda: isinstance(seen.app.screen, PaletteScreen))
    await seen.press(*keys, "enter")


def at(seen: Seen, pane: str) -> bool:
    """Whether a pane is seen."""
    return len(seen.app.screen_stack) == 1 and bool(seen.app.screen_stack[0].query_one(f"#{pane}").display)


async def test_panes_themes_names_and_keys(office: Office, console: Console) -> None:
    """A few letters lead to a pane, change the theme or the bell, begin a brief, do what a key does, or nothing at all."""
    async with console(office) as seen:
        await choose(seen, *"nodes")
        await seen.until(lambda: at(seen, "nodes"))
        await choose(seen, *"theme claudemail-pap", key="ctrl+p")
        await seen.until(lambda: seen.app.theme == "claudemail-paper")
        await choose(seen, *"bell")
        await seen.until(lambda: "The bell is off." in toasts(seen))
        await choose(seen, *"bell on")
        await seen.until(lambda: "The bell is on." in toasts(seen))
        await choose(seen, *"next theme")
        await seen.until(lambda: seen.app.theme == "claudemail-tide")
        await choose(seen, *"sent last")
        await seen.until(lambda: "Nothing was sent from here yet." in toasts(seen))
        await choose(seen, *"write to cha")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        assert writing(seen).draft.to == "charlie@server2"
        await seen.press("escape")
        await choose(seen, *"mail of alp")
        await seen.until(lambda: at(seen, "inbox"))
        await choose(seen, *"zzzzz")
        assert isinstance(seen.app.screen, PaletteScreen)
        await seen.press("escape")
        assert at(seen, "inbox")


async def test_going_through_what_is_found(office: Office, console: Console) -> None:
    """Arrows and clicks choose too, at any size."""
    async with console(office, SMALL) as seen:
        await seen.press("colon", *"go to", "down", "up", "down", "down", "enter")
        await seen.until(lambda: at(seen, "roster"))
        await seen.press("colon", *"go to che")
        await seen.pilot.click("#choices", offset=(4, 0))
        await seen.until(lambda: at(seen, "checkup"))


async def test_briefs_and_actions_are_found(office: Office, console: Console, send: Send) -> None:
    """Words of a brief or an action find it."""
    await send("alpha", "bravo", "The migration plan", "text", actions=[{"text": "Warm the caches"}])
    async with console(office, WIDE) as seen:
        await seen.press("colon", *"migr")
        await seen.until(lambda: any("Brief" in line and "The migration plan" in line for line in seen.lines()))
        await seen.press("enter")
        await seen.until(lambda: at(seen, "inbox"))
        await seen.press("colon", *"warm the")
        await seen.until(lambda: any("Action" in line and "Warm the caches" in line for line in seen.lines()))
        await seen.press(*["backspace"] * 8, *'-"')
        await seen.press("enter")


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_hostile_text_in_the_palette(office: Office, console: Console, send: Send, size: tuple[int, int]) -> None:
    """Titles that are found, and what is typed or pasted, are text."""
    for text in NASTY[:8]:
        await send("alpha", "bravo", f"{text} word", actions=[{"text": f"{text} word"}])
    async with console(office, size) as seen:
        await seen.press("colon", *"word")
        await seen.until(lambda: "Brief" in seen.text())
        for _ in range(4):
            _check(seen)
            await seen.press("down", "down")
        seen.app.screen.query_one("#answer").value = "\x1b]0;x\x07[/x]"  # type: ignore[attr-defined]
        await seen.pilot.pause()
        _check(seen)


async def test_a_store_that_fails(config: Config, office: Office, console: Console) -> None:
    """An error while searching is told, and the palette goes on."""
    import sqlite3

    async with console(office, NARROW) as seen:
        await seen.press("colon")
        with sqlite3.connect(config.db_path) as connection:
            connection.execute("ALTER TABLE briefs RENAME TO gone")
        connection.close()
        await seen.press(*"migr")
        await seen.until(lambda: "no such table" in toasts(seen))
        assert isinstance(seen.app.screen, PaletteScreen)
