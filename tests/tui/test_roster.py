"""The roster: who is there and at work, how much they have read, and the ways from there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from rich.cells import cell_len
from rich.style import Style

from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.model.roster import Presence
from claudemail.model.views import NodeView
from claudemail.office import Office
from claudemail.tui import fleet_words
from claudemail.tui.messages import Go
from claudemail.tui.panes.roster import RosterPane
from claudemail.tui.places import Place, Where
from claudemail.tui.widgets.roster_list import NameRow, NodeRow, RosterList, columns
from tests.tui.conftest import NARROW, SMALL, WIDE, Clock, Console
from tests.tui.fleet import HOUR, MINUTE, again, at, claim, gateway, hear, told, where, writes
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting

SLOT = 2 * MINUTE


@pytest.fixture
async def office(config: Config, clock: Clock) -> AsyncIterator[Office]:
    """The office of server1 by the console's clock: alpha is there with unread mail, charlie on server2."""
    async with await Office.open(config, wall=clock) as office:
        now = clock.now
        clock.now = now - HOUR
        await claim(office, "alpha")
        for _ in range(2):
            await office.send(office.operator(), Draft(to=["alpha"], title="t"))
        await office.shown(await office.party("alpha"), [1])
        clock.now = now
        await hear(office, clock, charlie={"active_at": now - 3 * MINUTE, "received": 4, "unread": 1})
        yield office


def keys(pane: RosterPane) -> list[str]:
    """Return the keys of the rows."""
    return [pane.listing.key(row) for row in pane.listing.rows]


EVERYONE = [
    "@server1", "instance1@server1", "alpha@server1", "bravo@server1", "@server2", "instance2@server2", "charlie@server2",
]  # fmt: skip


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL, (200, 60)])
async def test_everyone_is_seen(office: Office, console: Console, size: tuple[int, int]) -> None:
    """At any size everyone is listed by node, with liveness in words, unread mail and how old it all is."""
    with gateway(office.config):
        async with console(office, size) as seen:
            await seen.press("3")
            pane = at(seen, RosterPane)
            await seen.until(lambda: keys(pane) == EVERYONE)
            alpha = next(line for line in seen.lines() if "alpha" in line)
            assert "● live" in alpha
            assert "1h" in alpha
            assert ("1 new" if size == SMALL else "1 unread") in alpha
            assert "· away" in next(line for line in seen.lines() if "bravo" in line)
            await seen.press("G")
            charlie = next(line for line in seen.lines() if "charlie" in line)
            assert "● live" in charlie
            if size != SMALL:
                assert "50%" in alpha
                assert "75%" in charlie
                assert "wareho" in charlie
                assert "server2 ● live 12 ms · nothing waits" in " ".join(seen.text().split())
            if size[0] >= 130:
                assert "4711" in alpha


async def test_gaps_are_gaps(office: Office, console: Console, clock: Clock) -> None:
    """A slot in which nothing was heard is a blank; being there is a low bar, work a higher one, being away a dot."""
    first = clock.now // SLOT * SLOT - 5 * SLOT
    for slot, there, worked in ((0, True, 0), (1, True, first + SLOT), (3, False, 0), (4, True, first)):
        ago = clock.now - first - slot * SLOT
        await hear(office, clock, ago=ago, charlie={"live": there, "active_at": worked})
    async with console(office) as seen:
        await seen.press("3")
        pane = at(seen, RosterPane)
        await seen.until(lambda: bool(pane.listing.rows))
        charlie = next(line for line in seen.lines() if "charlie" in line)
        assert f"{' ' * 15}▁▃ ·▁ " in charlie
        assert "beats of the last 40 min, a cell 2 min:" in seen.text()
        assert "gap: node not heard" in seen.text()


async def test_late_and_silent_nodes(office: Office, console: Console, clock: Clock) -> None:
    """Of a node that is late or silent nobody is surely there, and for how long nothing was heard is said."""
    async with console(office) as seen:
        await seen.press("3")
        pane = at(seen, RosterPane)
        for minutes, state in ((4, "◐ late"), (30, "○ stale")):
            clock.now += minutes * MINUTE
            await again(seen)
            await seen.until(lambda state=state: state in next(line for line in seen.lines() if "charlie" in line))  # type: ignore[misc]
        assert "silent for 34m" in seen.text()
        assert isinstance(pane.listing.rows[4], NodeRow)


async def test_keys(office: Office, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter and o go to mail and nodes, c writes to one or to all marked, y and Y copy, escape takes marks away."""
    async with console(office) as seen:
        pane = at(seen, RosterPane)
        asked = writes(monkeypatch, seen, pane)
        await seen.press("3", "j", "j", "c")
        assert asked == ["alpha"]
        await seen.press("space", "space", "space", "c")
        assert asked[-1] == "alpha, bravo, @server2"
        await seen.press("Y")
        assert seen.app.clipboard == "alpha, bravo, @server2"
        await seen.press("y")
        assert "alpha (instance1 on server1): live, in shop, 1 unread, 50% read" in seen.app.clipboard
        await seen.press("escape")
        assert not pane.listing.marked
        await seen.press("G", "enter")
        assert "charlie's mail is on server2" in told(seen)
        assert where(seen) == "roster"
        for key, row, pane_after in (("o", "charlie@server2", "nodes"), ("enter", "@server2", "nodes"),
                                     ("enter", "alpha@server1", "inbox"), ("o", "alpha@server1", "inbox")):  # fmt: skip
            await seen.press("3")
            pane.listing.go_to(row)
            await seen.press(key)
            await seen.until(lambda wanted=pane_after: where(seen) == wanted)  # type: ignore[misc]


async def test_filters_and_finding(office: Office, console: Console) -> None:
    """F and w narrow the list and say so, / narrows it while it is typed, escape shows all again."""
    async with console(office, NARROW) as seen:
        pane = at(seen, RosterPane)
        await seen.press("3")
        await seen.until(lambda: keys(pane) == EVERYONE)
        await seen.press("f")
        assert keys(pane) == ["@server1", "instance1@server1", "alpha@server1", "@server2", "charlie@server2"]
        assert "live" in seen.lines()[2]
        await seen.press("f", "w")
        assert keys(pane) == ["@server1", "alpha@server1"]
        assert pane.aside == "with unread, on server1"
        assert pane.memory() == {"filter": "unread", "here": True}
        await seen.press("f", "w")
        assert keys(pane) == EVERYONE
        await seen.press("slash", "w", "a", "r", "e")
        assert keys(pane) == ["@server2", "charlie@server2"]
        await seen.press("enter", "G")
        assert pane.listing.has_focus
        assert pane.aside == "/ware"
        await seen.press("slash", "x")
        assert keys(pane) == []
        await seen.until(lambda: "Nobody fits /x" in seen.text())
        await seen.press("escape")
        assert keys(pane) == EVERYONE
        pane.recall({"filter": "live", "here": False})
        pane.recall({"filter": 7})
        await again(seen)
        assert keys(pane)[-1] == "charlie@server2"
        assert len(keys(pane)) == 5


async def test_the_cursor_stays_with_its_name(office: Office, console: Console) -> None:
    """When others come, the cursor stays on the one it was on; going to a name that is narrowed out shows all."""
    async with console(office) as seen:
        pane = at(seen, RosterPane)
        await seen.press("3", "j", "j", "j")
        assert pane.listing.key(pane.listing.rows[pane.listing.cursor]) == "bravo@server1"
        await claim(office, "aardvark")
        await claim(office, "bravo")
        await seen.until(lambda: "aardvark@server1" in keys(pane))
        assert pane.listing.key(pane.listing.rows[pane.listing.cursor]) == "bravo@server1"
        await seen.press("w")
        pane.post_message(Go(Place(Where.ROSTER, "charlie")))
        await seen.until(lambda: pane.listing.cursor == len(pane.listing.rows) - 1)
        pane.post_message(Go(Place(Where.ROSTER, "nobody")))
        await seen.until(lambda: "nobody is not on the roster" in told(seen))


async def test_nothing_changed_nothing_written(office: Office, console: Console, clock: Clock) -> None:
    """A refresh within the minute writes nothing, and a heartbeat that says the same neither."""
    async with console(office, kind=Counting) as seen:
        assert isinstance(seen.app, Counting)
        await seen.press("3")
        await seen.until(lambda: bool(at(seen, RosterPane).listing.rows))
        for _ in range(5):
            await seen.pilot.pause()
        seen.app.frames = 0
        clock.now += 10_000
        await hear(office, clock, charlie={"active_at": clock.now - 10_000 - 3 * MINUTE, "received": 4, "unread": 1})
        await again(seen)
        await again(seen)
        assert seen.app.frames == 0


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_nasty_words(office: Office, console: Console, clock: Clock, size: tuple[int, int]) -> None:
    """Project names and errors of peers are text and nothing else."""
    for text in NASTY:
        project = Presence(instance="i", project=text[:200]).project
        await hear(office, clock, charlie={"project": project})
        await office.transit.unreachable("server2", text, clock.now + HOUR)
        await office.send(office.operator(), Draft(to=["charlie"], title="t"))
    async with console(office, size) as seen:
        await seen.press("3", "G")
        await seen.until(lambda: bool(at(seen, RosterPane).listing.rows))
        _check(seen)
        await office._desk.registry.write(
            lambda connection: connection.execute("UPDATE peers SET error = ?", (NASTY[1] + NASTY[5],))
        )
        await again(seen)
        _check(seen)
        await seen.press("slash", *"[/x]")
        _check(seen)


def test_any_width_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """At any width the columns fit it, the name and the state among them, whatever stands in them."""
    presence = Presence(
        instance="instance1", callsign="alpha", live=True, project="漢字" * 20, unread=123, received=456
    )
    node = NodeView(node="server1", url="", here=True, liveness="live", heard_at=0, presences=[presence])
    row = NameRow(node, presence, (True,) * 30, (None,) * 30)
    listing = RosterList()
    listing.rows = [row]
    monkeypatch.setattr(listing, "style_of", lambda _: Style.null())
    for width in range(36, 220):
        assert [column.name for column in columns(width, ["alpha"])][:2] == ["name", "state"]
        [line] = listing.parts(row, width)
        assert cell_len("".join(text for text, _ in line).rstrip()) <= width
    assert fleet_words.bars((True,), (9,), 3) == "  ▇"
