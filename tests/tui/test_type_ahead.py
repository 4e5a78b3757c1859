"""Keys that are typed faster than a line to type into comes belong to that line, and do nothing else."""

from __future__ import annotations

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.widgets import Input, TextArea

from claudemail.office import Office
from claudemail.tui.drafts import KeptDraft
from claudemail.tui.screens.compose import ComposeScreen
from tests.tui.board import Board, found, make
from tests.tui.conftest import NARROW, Console, Seen, Send

_CONTROL = {"\r": "enter", "\t": "tab"}


def _at_once(seen: Seen, text: str) -> None:
    for character in text:
        key = _CONTROL.get(character) or _character_to_key(character)
        seen.app.post_message(events.Key(key, None if character in _CONTROL else character))


def _typed(seen: Seen) -> str:
    field = seen.app.focused
    return field.value if isinstance(field, Input) else field.text if isinstance(field, TextArea) else ""


def _draft(seen: Seen) -> KeptDraft:
    assert isinstance(seen.app.screen, ComposeScreen)
    return seen.app.screen.draft


@pytest.mark.parametrize(
    ("keys", "typed"),
    [("1rdone", "done"), ("1calpha", "alpha"), ("1mbravo", "bravo"), ("1/xd", "xd"), ("1:theme", "theme"),
     ("2ndo it", "do it"), ("2tfri", "fri"), ("2abravo", "bravo"), ("2/xdL", "xdL"), ("3/charlie", "charlie"),
     ("2ely", "Cardly")],
)  # fmt: skip
async def test_typed_in_one_go(office: Office, console: Console, send: Send, keys: str, typed: str) -> None:
    """What follows a key that asks for something is typed into its line, even if all comes at once, as over a slow line."""
    await send("alpha", "operator", "Question")
    [card] = await make(office, "Card")
    async with console(office, NARROW) as seen:
        await Board.opened(seen)
        await seen.press(keys[0])
        _at_once(seen, keys[1:])
        await seen.until(lambda: typed in _typed(seen))
        assert _typed(seen) == typed
        assert await found(office, card) == card


@pytest.mark.parametrize("keys", ["2n", "1r", "1c", "2/", "1:"])
async def test_pasted_at_once(office: Office, console: Console, send: Send, keys: str) -> None:
    """What is pasted right behind a key that asks for something goes into its line, before what is typed behind it."""
    await send("alpha", "operator", "Question")
    async with console(office, NARROW) as seen:
        await Board.opened(seen)
        await seen.press(keys[0])
        _at_once(seen, keys[1:])
        seen.app.post_message(events.Paste("past ed"))
        _at_once(seen, "!x")
        await seen.until(lambda: _typed(seen) == "past ed!x")


async def test_fields_in_one_go(office: Office, console: Console) -> None:
    """What is typed behind enter or tab goes into the next field, and behind an answer to the pane."""
    await make(office, "Card", "Other")
    async with console(office) as seen:
        board = await Board.opened(seen)
        _at_once(seen, "abravo\rj")
        await seen.until(lambda: board.pane.lane.cursor == 1)
        assert not board.asking
        _at_once(seen, "c")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        _at_once(seen, "alpha\rHello\rfri\tthe body")
        await seen.until(lambda: _draft(seen).body == "the body")
        draft = _draft(seen)
        assert (draft.to, draft.title, draft.due) == ("alpha", "Hello", "fri")


async def test_nothing_to_ask(office: Office, console: Console) -> None:
    """Where there is nothing to ask about, the next key is a key of the pane as ever; and after escape it always is."""
    await make(office, "Card")
    async with console(office, NARROW) as seen:
        board = await Board.opened(seen, "l")
        await seen.press("a", "t", "e", "E", "h")  # an empty lane
        assert board.pane.at == 0
        seen.app.ahead.wait()
        await seen.press("l")
        assert board.pane.at == 0
        await seen.press("escape", "l")
        assert board.pane.at == 1
        await seen.press("1", "r", "R", "F", "2")  # an empty inbox
        await seen.until(lambda: board.pane.lane.has_focus)
