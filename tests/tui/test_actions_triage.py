"""Triage: what keys do to cards, what is shown before it is stored, how it is undone, and what happens when it cannot be."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager

import pytest

from claudemail.config import Config
from claudemail.model.action import ActionStatus
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, Wanted
from claudemail.tui.messages import Write
from claudemail.tui.screens.console import ConsoleScreen
from tests.tui.board import Board, found, make
from tests.tui.conftest import NARROW, Clock, Console


@pytest.fixture
async def office(config: Config, clock: Clock) -> AsyncIterator[Office]:
    """The office of `server1`, which goes by the console's clock: Tuesday, 24 March 2026."""
    async with await Office.open(config, wall=clock) as office:
        yield office


@contextmanager
def no_room(config: Config) -> Iterator[None]:
    """Let no change of an action be stored."""
    with closing(sqlite3.connect(config.db_path)) as connection:
        connection.execute(
            "CREATE TRIGGER no_room BEFORE INSERT ON action_changes BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        yield
        connection.execute("DROP TRIGGER no_room")


async def test_cards_move(office: Office, console: Console) -> None:
    """Each key moves the card where it says; the cursor stays at its height, for the next one; undo goes back step by step."""
    made = await make(office, "a", "b", "c", "d", "e")
    start = [["a", "b", "c", "d", "e"], [], [], []]
    async with console(office) as seen:
        board = await Board.opened(seen, "j")
        steps = [
            (("L",), [["a", "c", "d", "e"], ["b"], [], []], "c"),
            (("d",), [["a", "d", "e"], ["b"], [], ["c"]], "d"),
            (("x",), [["a", "e"], ["b"], [], ["d", "c"]], "e"),
            (("l", "L"), [["a", "e"], [], ["b"], ["d", "c"]], None),
            (("l", "l", "x"), [["a", "d", "e"], [], ["b"], ["c"]], "c"),
            (("H",), [["a", "d", "e"], [], ["b", "c"], []], None),
            (("h", "L"), [["a", "d", "e"], [], ["c"], ["b"]], "c"),
        ]
        for keys, lanes, card in steps:
            await board.press(*keys)
            assert (board.lanes, board.card) == (lanes, card), keys
        await board.press("h", "h", "H", "l", "l", "l", "L")
        assert board.lanes == steps[-1][1]
        assert (await found(office, made[1])).status is ActionStatus.DONE
        for _, lanes, _ in [*steps[-2::-1], ((), start, None)]:
            await board.press("u")
            assert board.lanes == lanes
        assert [row.status for row in (await office.list_actions(office.operator(), Wanted())).rows] == ["pending"] * 5


async def test_marked_cards_are_one_step(office: Office, console: Console) -> None:
    """Keys act on all cards that are marked, in any lane; that is one step to undo; escape takes the marks away."""
    await make(office, "a", "b", "c", "d")
    await make(office, "w", status="wip")
    async with console(office) as seen:
        board = await Board.opened(seen, "space", "j", "space", "l", "space")
        assert sum("◆" in line for line in seen.lines()) >= 2
        await board.press("L")
        assert board.lanes == [["b", "d"], ["a", "c"], ["w"], []]
        assert board.told("3 actions moved")
        await board.press("u")
        assert board.lanes == [["a", "b", "c", "d"], ["w"], [], []]
        await board.press("h", "g", "space", "space", "plus", "plus", "d")
        assert board.lanes == [["c", "d"], ["w"], [], ["b", "a"]]
        await board.press("u", "u", "u")
        assert board.lanes == [["a", "b", "c", "d"], ["w"], [], []]
        assert {row.priority for row in board.pane.lanes[0].rows} == {"normal"}
        await board.press("g", "space", "escape", "d")
        assert board.lanes == [["a", "c", "d"], ["w"], [], ["b"]]


async def test_priority_and_the_cursor(office: Office, console: Console) -> None:
    """The card goes to its place by its new priority, the cursor with it; at either end nothing more is done."""
    made = await make(office, "a", "b", "c")
    async with console(office, NARROW) as seen:
        board = await Board.opened(seen, "G", "plus", "equals_sign", "plus")
        assert board.lane("pending") == ["c", "a", "b"]
        assert board.card == "c"
        assert "!! c" in " ".join(seen.text().split())
        await board.press("minus", "minus", "minus", "minus")
        assert board.lane("pending") == ["a", "b", "c"]
        changes = (await office.action(office.operator(), made[2].id)).changes
        assert [change.fields["priority"] for change in changes[1:]] == ["high", "urgent", "high", "normal", "low"]
        await board.press("u")
        assert (await found(office, made[2])).priority == "normal"


async def test_assigning(office: Office, console: Console) -> None:
    """A card is given to somebody of the fleet, who are offered with whether they are there and what they have to do."""
    made = await make(office, "a", "b", assignee="bravo")
    async with console(office) as seen:
        board = await Board.opened(seen, "a")
        await seen.until(lambda: "bravo server1, · no session yet · 2 open actions" in " ".join(seen.text().split()))
        assert "you, operator@server1 · 0 open actions" in seen.text()
        assert "○ the node is silent" in seen.text()
        await board.answer(*"chark")
        assert board.asking  # nobody is called that
        await board.type("charl")
        await board.answer()
        assert (await found(office, made[0])).assignee == "charlie"
        assert board.told("a → charlie")
        await board.press("a")
        await board.answer("down")
        assert (await found(office, made[0])).assignee == "operator@server1"
        await board.press("space", "space", "a")
        await board.answer(*"nob")
        assert [(await found(office, one)).assignee for one in made] == [None, None]
        assert board.told("2 actions → nobody")
        await board.press("u")
        assert [(await found(office, one)).assignee for one in made] == ["operator@server1", "bravo"]
        await board.press("a", "escape")
        assert (await found(office, made[0])).assignee == "operator@server1"


async def test_due(office: Office, console: Console) -> None:
    """What a day means is said while it is typed; nonsense is not taken; an empty line takes the day away."""
    [made] = await make(office, "a")
    async with console(office, NARROW) as seen:
        board = await Board.opened(seen, "t")
        await board.type("fr")
        assert "Write a day like" in seen.text()
        await board.answer()
        assert board.asking
        await board.type("fri")
        assert "Friday 27 March, in 3 days" in seen.text()
        await board.answer()
        assert (await found(office, made)).due == "2026-03-27"
        await seen.until(lambda: "nobody · due fri" in seen.text())
        await board.press("t")
        await board.type("")
        assert "no day" in seen.text()
        await board.answer()
        assert (await found(office, made)).due is None
        await board.press("u")
        assert (await found(office, made)).due == "2026-03-27"


async def test_a_new_action(office: Office, console: Console) -> None:
    """A new action is made of one line, of which is said what it means; it is under the cursor then; undo drops it."""
    await make(office, "a", "b")
    async with console(office) as seen:
        board = await Board.opened(seen, "f", "n")
        assert "What is to be done?" in seen.text()
        await board.type("Look at it @charlie !high due:fri @nobodyatall")
        assert "for charlie · ! high · due Friday 27 March, in 3 days" in seen.text()
        await board.answer()
        assert board.lane("pending") == ["Look at it @nobodyatall", "a", "b"]
        assert board.card == "Look at it @nobodyatall"
        assert board.pane.filter.words == ""
        await board.press("t")
        await board.answer()
        await board.press("u")
        assert board.lanes == [["a", "b"], [], [], ["Look at it @nobodyatall"]]
        await board.press("w", "n")
        await board.type("of mine")
        assert "for me" in seen.text()
        await board.answer()
        assert board.lane("pending") == ["of mine"]
        await board.press("L", "n")
        await board.type("second")
        await board.answer()
        second = board.pane.lane.current
        assert second is not None
        await office.update_action(office.operator(), second.id, ActionUpdate(status=ActionStatus.WIP))
        await board.press("u")
        assert board.told("second is wip by now, and left as it is.")


async def test_text_and_note(office: Office, console: Console) -> None:
    """Text and note can be written anew, also while the action is being read; a text is never empty, a note may be."""
    [made] = await make(office, "a", note="old")
    async with console(office, NARROW) as seen:
        board = await Board.opened(seen, "enter", "e")
        await board.type("")
        await board.answer()
        assert board.asking
        await board.type("x" * 501)
        assert "are the most" in seen.text()
        await board.type("b")
        await board.answer()
        await seen.until(lambda: board.detail == "b" and "reworded: “b”" in seen.text())
        await board.press("E")
        await board.type("")
        await board.answer()
        now = await found(office, made)
        assert (now.text, now.note) == ("b", None)
        await board.press("u", "u")
        now = await found(office, made)
        assert (now.text, now.note) == ("a", "old")
        await board.press("d", "G")
        await seen.until(lambda: "pending → done" in seen.text())
        assert board.detail == "a"


async def test_undo_leaves_what_others_did(office: Office, console: Console) -> None:
    """What somebody has changed since is left as it is, and said; the rest of the step is undone."""
    made = await make(office, "a", "b")
    async with console(office) as seen:
        board = await Board.opened(seen, "space", "space", "L")
        assert board.lane("wip") == ["a", "b"]
        alpha = await office.party("alpha")
        await office.update_action(alpha, made[0].id, ActionUpdate(status=ActionStatus.BLOCKED))
        await board.press("u")
        assert board.lanes == [["b"], [], ["a"], []]
        assert board.told("a: status changed since by alpha@server1, and left as it is now.")
        await board.press("u")
        assert board.told("There is nothing to undo.")


async def test_moves_show_before_they_are_stored(config: Config, office: Office, console: Console) -> None:
    """While another process writes, moves show at once, survive a refresh, and are stored in their order once it is done."""
    made = await make(office, "a", "b")
    async with console(office) as seen:
        board = await Board.opened(seen)
        with closing(sqlite3.connect(config.db_path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            await seen.press("L", "l", "L", "l", "h")
            assert board.lanes == [["b"], [], ["a"], []]
            assert "blocked 1" in seen.text()
            asked = seen.app.asked
            seen.app.ask_again()
            await seen.until(lambda: seen.app.asked > asked)
            assert board.lanes == [["b"], [], ["a"], []]
            assert (await found(office, made[0])).status is ActionStatus.PENDING
            writer.execute("ROLLBACK")
        await board.press()
        changes = (await office.action(office.operator(), made[0].id)).changes
        assert [change.fields.get("status") for change in changes] == ["pending", "wip", "blocked"]
        assert board.lanes == [["b"], [], ["a"], []]


async def test_what_cannot_be_stored_is_taken_back(config: Config, office: Office, console: Console) -> None:
    """A move that the store refuses goes back, with the cursor, and is said; what was typed is asked for again."""
    made = await make(office, "a", "b")
    async with console(office) as seen:
        board = await Board.opened(seen)
        with no_room(config):
            await board.press("L")
            assert board.told("no room")
            assert (board.lanes, board.card) == ([["a", "b"], [], [], []], "a")
            await board.press("u")
            assert board.told("There is nothing to undo.")
            await board.press("n")
            await board.type("a long thought")
            await seen.press("enter")
            await seen.until(lambda: board.asking and "a long thought" in seen.text())
            await board.press("escape")
            await board.press("E")
            await board.type("how it stands")
            await seen.press("enter")
            await seen.until(lambda: board.asking and "how it stands" in seen.text())
        await board.answer()
        assert (await found(office, made[0])).note == "how it stands"
        await board.press("L")
        assert board.lanes == [["b"], ["a"], [], []]


async def test_copying_and_writing(office: Office, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts and refs are copied, of all that are marked; a brief is begun to whoever has the card."""
    made = await make(office, "a", "b", assignee="charlie")
    async with console(office) as seen:
        board = await Board.opened(seen, "y")
        assert seen.app.clipboard == "a"
        await board.press("space", "space", "Y")
        assert seen.app.clipboard == " ".join(one.ref for one in made)
        written: list[Write] = []
        monkeypatch.setattr(ConsoleScreen, "on_write", lambda _, event: written.append(event), raising=False)
        await board.press("y", "c")
        assert seen.app.clipboard == "a\nb"
        await seen.until(lambda: len(written) == 1)
        assert written[0].to == "charlie"
        seen.app.ahead.release()  # no line to type into comes of it here
        await board.press("o")
        assert board.told("No brief asked for this action.")
