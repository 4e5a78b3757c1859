"""The actions pane: what it shows at which size, how one moves in it, what it is narrowed to, and what comes from elsewhere."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import pytest

from claudemail.config import Config
from claudemail.model.action import ActionStatus
from claudemail.model.parcel import Answer, Origin
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate
from claudemail.store.database import Database
from claudemail.tui.messages import Go
from claudemail.tui.needs import OVERDUE
from claudemail.tui.places import Place, Where
from tests.conftest import node_config
from tests.tui.board import Board, make
from tests.tui.conftest import NARROW, SMALL, WIDE, Clock, Console, Send
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting

BROAD = (200, 60)
DAY = 86_400_000


@pytest.fixture
async def office(config: Config, clock: Clock) -> AsyncIterator[Office]:
    """The office of `server1`, which goes by the console's clock: Tuesday, 24 March 2026."""
    async with await Office.open(config, wall=clock) as office:
        yield office


@pytest.fixture
async def other(seed: dict[str, Any], tmp_path: Any, clock: Clock) -> AsyncIterator[Office]:
    """The office of `server2`, whose key nobody here knows."""
    async with await Office.open(node_config(seed, tmp_path / "server2", "server2"), wall=clock) as office:
        yield office


async def carry(src: Office, dst: Office) -> None:
    """Carry all that one office has for the other."""
    while (batch := await src.transit.next_batch(dst.config.node_id)) is not None:
        answer = await dst.transit.take_in(Origin(node=src.config.node_id, verified=False), batch)
        assert isinstance(answer, Answer)
        await src.transit.acknowledged(dst.config.node_id, batch, answer)


async def test_cards_say_what_matters(office: Office, other: Office, console: Console, clock: Clock) -> None:
    """A card says how pressing it is, whose, until when, for how long, why it is blocked, and from which node it comes."""
    now = clock.now
    clock.now = now - 5 * DAY
    await make(office, "in work for long", status="wip", assignee="charlie")
    clock.now = now - 2 * DAY
    await make(office, "over", assignee="alpha", due="2026-03-21", priority="urgent")
    await make(office, "waits", status="blocked", note="for ops")
    await make(office, "finished", status="done")
    await make(office, "given up", status="dropped")
    await make(office, "mine", assignee="me", due="2026-12-24")
    await make(other, "from elsewhere", by="charlie")
    await carry(other, office)
    clock.now = now
    async with console(office) as seen:
        board = await Board.opened(seen)
        text = [" ".join(line.split()) for line in seen.lines()]
        assert text[2].replace(" │", "") == "pending 3 wip 1 blocked 1 done 2 · 1 dropped"
        assert board.lanes == [
            ["over", "mine", "from elsewhere"], ["in work for long"], ["waits"], ["given up", "finished"],
        ]  # fmt: skip
        whole = "\n".join(text)
        for words in ("▌ !! over", "▌ alpha · 3d over 2d", "you · due 24 dec 2d", "nobody · from server2 2d",
                      "charlie stale 5d", "nobody · for ops 2d", "× given up", "dropped · nobody 2d", "✓ finished"):  # fmt: skip
            assert words in whole, words


async def test_moving(office: Office, console: Console) -> None:
    """Between lanes the cursor keeps its height as far as there are cards; the ends of the board are its ends."""
    await make(office, *(f"p{number}" for number in range(30)))
    await make(office, *(f"w{number}" for number in range(3)), status="wip")
    await make(office, "d0", status="done")
    async with console(office) as seen:
        board = await Board.opened(seen)
        for keys, card in (
            (("j", "down", "k"), "p1"), (("l",), "w1"), (("h", "G"), "p29"), (("right",), "w2"), (("l",), None),
            (("l",), "d0"), (("l",), "d0"), (("left", "h"), "w0"), (("h", "g"), "p0"), (("ctrl+d", "up"), "p7"), (("h",), "p7"),
        ):  # fmt: skip
            await board.press(*keys)
            assert board.card == card, keys
        assert "Nothing blocked." in seen.text()


@pytest.mark.parametrize("size", [NARROW, SMALL])
async def test_narrow(office: Office, console: Console, size: tuple[int, int]) -> None:
    """Where it is narrow there is one lane with a line of all of them above it, and an action in its place."""
    await make(office, "first", "second", note="a note")
    await make(office, "working", status="wip")
    async with console(office, size) as seen:
        board = await Board.opened(seen, "j")
        assert "pending 2  wip 1  blocked 0  done 0" in seen.text()
        assert "first" in seen.text()
        assert "working" not in seen.text()
        await board.press("enter")
        await seen.until(lambda: board.detail == "second" and "Note  a note" in seen.text())
        assert "first" not in seen.text()
        await board.press("l", "escape")
        assert board.card == "second"
        await board.press("k", "L", "l")
        assert board.card == "first"
        assert "second" not in seen.text()
        await board.press("h")
        await seen.pilot.click("#strip", offset=(12, 0))
        assert board.card == "first"
        await seen.resize(*WIDE)
        await seen.until(lambda: "second" in seen.text() and "working" in seen.text())
        assert board.card == "first"


async def test_detail_below_beside_and_zoomed(office: Office, console: Console) -> None:
    """A wide console shows an opened action below the lanes, a broad one beside them; a lane alone has it beside it."""
    await make(office, "first", "second")
    await make(office, "working", status="wip")
    async with console(office, WIDE) as seen:
        board = await Board.opened(seen)
        assert board.detail is None
        await board.press("enter")
        await seen.until(lambda: board.detail == "first")
        assert board.pane.detail.has_focus
        assert board.pane.detail.region.y > board.pane.lane.region.y
        await board.press("tab", "j")
        await seen.until(lambda: board.detail == "second")
        assert board.pane.lane.has_focus
        await board.press("l")
        await seen.until(lambda: board.detail == "working")
        await board.press("escape")
        assert board.detail is None
        await board.press("z")
        await seen.until(lambda: board.detail == "working")
        assert "second" not in seen.text()
        assert board.pane.detail.region.y == board.pane.lane.region.y
        await board.press("escape")
        assert "second" in seen.text()
        await seen.resize(*BROAD)
        await seen.until(lambda: board.detail == "working")
        assert "second" in seen.text()
        await seen.resize(*NARROW)
        assert board.detail is None
        assert board.card == "working"


async def test_history_in_words(office: Office, other: Office, console: Console, send: Send) -> None:
    """An action in full says who changed what and when, newest last, by whom that is not sure, and which brief asked for it."""
    await send("alpha", "bravo", "Please look", actions=[{"text": "look at it", "priority": "high"}])
    await carry(office, other)
    charlie = await other.party("charlie")
    for fields in (
        {"status": "wip"}, {"assignee": "charlie", "due": "2026-03-27"}, {"priority": "urgent"}, {"note": "[/b] half way"},
        {"assignee": "none", "due": "none"}, {"text": "look at it twice"}, {"note": ""},
    ):  # fmt: skip
        await other.update_action(charlie, "1", ActionUpdate.model_validate(fields))
    await carry(other, office)
    async with console(office, BROAD) as seen:
        board = await Board.opened(seen, "l")
        await seen.until(lambda: board.detail == "look at it twice")
        lines = [" ".join(line.partition("│")[2].rpartition("│")[2].split()) for line in seen.lines()]
        start = lines.index("History")
        changes = re.split(r" ?24 Mar [^)]*\(server\d\)(?: UNVERIFIED)? ", " ".join(filter(None, lines[start + 1 :])))
        assert changes[1:] == [
            "made it, for bravo, high", "pending → wip", "gave it to charlie, due 27 Mar", "high → urgent",
            "note: “[/b] half way”", "took it from charlie, no day any more", "reworded: “look at it twice”",
            "no note any more",
        ]  # fmt: skip
        assert sum("charlie (server2) UNVERIFIED" in line for line in lines) == 7
        assert any("alpha (server1)" in line and "UNVERIFIED" not in line for line in lines)
        whole = "\n".join(lines)
        assert "From the brief Please look" in whole
        gone: list[Place] = []
        seen.app.screen._go = gone.append  # type: ignore[attr-defined]
        await board.press("o")
        await seen.until(lambda: len(gone) == 1)
        assert gone[0].where is Where.INBOX
        assert (await office.read(office.operator(), str(gone[0].what))).brief.title == "Please look"


async def test_filters(office: Office, console: Console) -> None:
    """Quick filters, whose and words combine, are told beside the panes, and are taken off one by one."""
    await make(office, "mine and over", assignee="me", due="2026-03-01")
    await make(office, "mine", assignee="operator@server1", by="alpha")
    await make(office, "of charlie, over", assignee="charlie", due="2026-03-02", by="alpha")
    await make(office, "urgent", priority="urgent", status="wip", by="alpha")
    await make(office, "finished", status="done", assignee="charlie", by="alpha")
    async with console(office) as seen:
        board = await Board.opened(seen)
        everything, everyone = board.lanes, board.all
        for keys, texts, words in (
            (("f",), ["mine and over", "of charlie, over"], "overdue"), (("w",), ["mine and over"], "overdue, mine"),
            (("escape",), ["mine", "mine and over"], "mine"), (("w", "f", "f"), ["urgent"], "pressing"),
            (("f",), ["mine and over"], "asked by me"), (("f",), everyone, ""),
        ):  # fmt: skip
            await board.press(*keys)
            await seen.until(lambda words=words: ("esc back" in seen.text()) == bool(words))  # type: ignore[misc]
            await seen.until(lambda texts=texts: board.all == sorted(texts))  # type: ignore[misc]
            await seen.until(lambda words=words: seen.lines()[1].rstrip().endswith(words or "5"))  # type: ignore[misc]
        await board.press("m")
        await seen.until(lambda: "of its people, and what they asked for" in seen.text())
        assert "2 open" in seen.text()
        await board.answer(*"server2")
        assert board.lanes == [["of charlie, over"], [], [], ["finished"]]
        assert "Nothing in work that fits." in seen.text()
        for name, lanes in (
            ("nobody", [[], ["urgent"], [], []]), ("charlie", [["of charlie, over"], [], [], []]),
        ):  # fmt: skip
            await board.press("m")
            await board.answer(*name)
            assert board.lanes[:3] == lanes[:3]
        assert seen.lines()[1].rstrip().endswith("of charlie")
        await board.press("escape")
        assert board.lanes == everything


async def test_finding_as_one_types(office: Office, console: Console) -> None:
    """The board is narrowed while words are typed; enter keeps that, escape takes it back, and both say so."""
    await make(office, "Review the migration script", "Warm the cache", note="after deploy")
    async with console(office) as seen:
        board = await Board.opened(seen, "slash")
        await board.type("mig")
        await seen.until(lambda: board.lane("pending") == ["Review the migration script"])
        await board.type("- ")
        await seen.until(lambda: len(board.lane("pending")) == 2)
        await board.type("deploy cac")
        await seen.until(lambda: board.lane("pending") == ["Warm the cache"])
        await board.answer()
        await seen.until(lambda: seen.lines()[1].rstrip().endswith("with “deploy cac*”"))
        await board.press("slash")
        await board.type("nothing like it")
        await seen.until(lambda: board.lane("pending") == [])
        await board.press("escape")
        await seen.until(lambda: board.lane("pending") == ["Warm the cache"])
        await board.press("escape")
        assert len(board.lane("pending")) == 2


async def test_places(office: Office, console: Console) -> None:
    """A place is an action by ref or id, whatever keeps it from being seen, or what is overdue; what is not there is told."""
    [one] = await make(office, "one")
    [two] = await make(office, "two", status="blocked", due="2026-03-01")
    async with console(office) as seen:
        board = await Board.opened(seen, "w")
        await seen.until(lambda: board.lanes == [[], [], [], []])
        for word, text in ((one.ref, "one"), (two.id, "two")):
            seen.app.screen.post_message(Go(Place(Where.ACTIONS, word)))
            await seen.until(lambda text=text: board.detail == text)  # type: ignore[misc]
            assert board.card == text
        seen.app.screen.post_message(Go(Place(Where.ACTIONS, OVERDUE)))
        await seen.until(lambda: board.lanes == [[], [], ["two"], []])
        assert board.pane.filter.words == "overdue"
        assert board.detail is None
        assert board.pane.lane.has_focus
        seen.app.screen.post_message(Go(Place(Where.ACTIONS, "zzzz")))
        await seen.until(lambda: board.told("There is no action 'zzzz'"))
        assert board.card == "two"


async def test_others_change_things_in_place(office: Office, other: Office, console: Console) -> None:
    """What other nodes do appears without a key; the cursor stays on its card, or at its height where that went away."""
    made = await make(office, "a", "b", "c", "d")
    await carry(office, other)
    async with console(office) as seen:
        board = await Board.opened(seen, "j", "j")
        assert board.card == "c"
        party = other.operator()
        await other.update_action(party, made[0].id, ActionUpdate(status=ActionStatus.DONE))
        await make(other, "new and urgent", priority="urgent")
        await carry(other, office)
        await seen.until(lambda: board.lanes == [["new and urgent", "b", "c", "d"], [], [], ["a"]])
        assert board.card == "c"
        await other.update_action(party, made[2].id, ActionUpdate(status=ActionStatus.WIP))
        await carry(other, office)
        await seen.until(lambda: board.lane("wip") == ["c"])
        assert board.card == "d"
        assert board.pane.lane.has_focus
        assert any("▌" in line and " d " in line for line in seen.lines())


async def test_another_process_changes_things_in_place(config: Config, office: Office, console: Console) -> None:
    """What another process on the node does appears as well, in an open action too."""
    [made] = await make(office, "a")
    async with console(office) as seen, await Office.open(config) as elsewhere:
        board = await Board.opened(seen, "enter")
        await elsewhere.update_action(elsewhere.operator(), made.id, ActionUpdate(note="from elsewhere"))
        await seen.until(lambda: "Note  from elsewhere" in seen.text())
        assert board.pane.detail.has_focus


async def test_keys_in_an_open_action(office: Office, console: Console) -> None:
    """In an action the moving keys scroll it, and the cursor of the lane stays."""
    made = await make(office, "long", "short")
    for number in range(40):
        await office.update_action(office.operator(), made[0].id, ActionUpdate(note=f"note {number}"))
    async with console(office, NARROW) as seen:
        board = await Board.opened(seen, "enter")
        await seen.until(lambda: board.detail == "long")
        detail = board.pane.detail
        await board.press("j", "j", "k", "down", "up")
        assert detail.scroll_y == 1
        await board.press("G")
        await seen.until(lambda: "note: “note 39”" in seen.text())
        await board.press("ctrl+u", "pageup", "ctrl+d")
        assert detail.scroll_y == detail.max_scroll_y - detail.size.height // 2
        await board.press("g")
        assert detail.scroll_y == 0
        await board.press("escape")
        assert board.card == "long"


async def test_mouse(office: Office, console: Console) -> None:
    """A click goes to a lane and a card, a second one opens it."""
    await make(office, "first", "second")
    await make(office, "w0", "w1", status="wip")
    async with console(office) as seen:
        board = await Board.opened(seen)
        await seen.pilot.click("#lane-wip", offset=(5, 4))
        assert board.card == "w1"
        await seen.pilot.click("#lane-pending", offset=(5, 1), times=2)
        await seen.until(lambda: board.detail == "first")


async def test_ten_thousand(office: Office, console: Console) -> None:
    """A lane of ten thousand opens with a hundred cards held, and all of it can be reached."""
    await make(office, "the first", "many")
    database: Database = office._desk.mail
    await database.write(_multiply)
    async with console(office) as seen:
        board = await Board.opened(seen)
        lane = board.pane.lane
        assert "pending 10000" in seen.text()
        assert len(lane.rows) == 100
        await board.press("G")
        await seen.until(lambda: board.card == "many 10000")
        for _ in range(30):
            await seen.until(lambda: lane.cursor > 8)
            lane.action_half_up()
        await board.press()
        assert lane.current is not None
        assert lane.current.number == 10_000 - 30 * (lane.room // 2)
        assert len(lane.rows) <= 400
        number = lane.current.number
        await make(office, "and one more", priority="urgent")
        await seen.until(lambda: "pending 10001" in seen.text())
        assert lane.current.number == number
        await board.press("g")
        await seen.until(lambda: board.card == "and one more")
        await board.press("L")
        assert board.card == "the first"
        assert "pending 10000" in seen.text()


def _multiply(connection: sqlite3.Connection) -> None:
    fields = [row["name"] for row in connection.execute("PRAGMA table_info(actions)")]
    changed = {
        "number": "n",
        "text": "'many ' || n",
        "id": "substr(id, 1, 26) || printf('%010d', n)",
        "code": "code || n",
    }
    connection.execute(
        "WITH RECURSIVE counted (n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM counted WHERE n < 10000)"
        f" INSERT INTO actions ({', '.join(fields)}) SELECT {', '.join(changed.get(name, name) for name in fields)}"
        " FROM counted, (SELECT * FROM actions WHERE number = 2)",
    )
    connection.execute("UPDATE action_totals SET actions = 10000 WHERE status = 0")


@pytest.mark.parametrize("size", [BROAD, NARROW])
async def test_nasty_actions(office: Office, other: Office, console: Console, size: tuple[int, int]) -> None:
    """No markup, escape sequence or bidirectional override of an action reaches the terminal, and none acts."""
    for text in NASTY:
        [made] = await make(other, text[:300])
        for note in (text[:1_000], "plain"):
            await other.update_action(other.operator(), made.id, ActionUpdate(note=note, status=ActionStatus.BLOCKED))
    await carry(other, office)
    async with console(office, size) as seen:
        board = await Board.opened(seen, "l", "l")
        assert len(board.lane("blocked")) == len(NASTY)
        _check(seen)
        for _ in NASTY[:3]:
            await board.press("enter")
            await seen.until(lambda: board.detail == board.card)
            _check(seen)
            await board.press("escape", "j")
        for key in ("a", "t", "e", "E", "n"):
            await board.press(key)
            _check(seen)
            await board.press("escape")
        await board.press("d")
        await seen.until(lambda: board.told("→ done"))
        _check(seen)
        assert seen.app.is_running


async def test_nothing_changed_nothing_written(office: Office, console: Console) -> None:
    """Asking the office again writes nothing; a step repaints, and so is seen to be counted."""
    await make(office, "first", "second")
    async with console(office, BROAD, kind=Counting) as seen:
        board = await Board.opened(seen)
        await seen.until(lambda: board.detail == "first")
        await board.press("j")
        await seen.until(lambda: board.detail == "second")
        assert isinstance(seen.app, Counting)
        seen.app.frames = 0
        for _ in range(3):
            asked = seen.app.asked
            seen.app.ask_again()
            await seen.until(lambda asked=asked: seen.app.asked > asked)  # type: ignore[misc]
        assert seen.app.frames == 0
        await board.press("k")
        assert seen.app.frames > 0


async def test_memory(office: Office, console: Console) -> None:
    """Filter, whose, lane and zoom are remembered; what does not fit is passed over, also a name that is gone."""
    await make(office, "of charlie", assignee="charlie", priority="high", status="wip")
    async with console(office) as seen:
        board = await Board.opened(seen, "m")
        await board.answer(*"charlie")
        await board.press("f", "f", "l", "z")
        kept = board.pane.memory()
    async with console(office) as seen:
        board = Board(seen)
        board.pane.recall(kept)
        await Board.opened(seen)
        await seen.until(lambda: board.card == "of charlie")
        assert (board.pane.filter.words, board.pane.zoomed) == ("pressing, of charlie", True)
        assert board.pane.memory() == kept
        board.pane.recall({"quick": 7, "whose": "name", "name": "somebody", "lane": 99, "zoomed": "yes"})
        seen.app.ask_again()
        await seen.until(lambda: board.told("somebody"))
        assert board.pane.filter.words == ""
        await seen.until(lambda: board.lane("wip") == ["of charlie"])


async def test_an_empty_board(office: Office, console: Console) -> None:
    """With nothing on the board every key is harmless, and it says how to begin."""
    async with console(office) as seen:
        board = await Board.opened(seen)
        assert "n makes an action." in seen.text()
        await board.press(*"LHdx+-ateEyYo", "space", "enter", "tab", "z", "z")
        assert not board.asking
        assert board.lanes == [[], [], [], []]
        assert seen.app.is_running
    assert await office.action_loads() == {}
