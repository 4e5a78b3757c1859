"""The nodes pane: each node's lane, error and clock in words; pinging one and trying again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from claudemail.config import Config
from claudemail.keys import KEY_FILE
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Refusal
from claudemail.office import Office
from claudemail.testing import Fleet
from claudemail.tui.panes.checkup import CheckupPane
from claudemail.tui.panes.nodes import NodesPane
from claudemail.tui.screens.ask import AskScreen
from tests.tui.conftest import NARROW, SMALL, WIDE, Clock, Console
from tests.tui.fleet import HOUR, MINUTE, again, at, gateway, hear, told, where, writes
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting


@pytest.fixture
async def office(config: Config, clock: Clock) -> AsyncIterator[Office]:
    """The office of server1 by the console's clock."""
    async with await Office.open(config, wall=clock) as office:
        yield office


@pytest.fixture
def ill(office: Office, clock: Clock) -> Callable[[], Awaitable[None]]:
    """A function after which server2 is silent for four hours, with mail that waits, and a dead letter."""

    async def made() -> None:
        await hear(office, clock, ago=4 * HOUR, at=clock.now - 4 * HOUR + 5_000)
        now = clock.now
        clock.now = now - 3 * HOUR
        for title in ("Lost", "Waits", "Waits too"):
            await office.send(office.operator(), Draft(to=["charlie"], title=title))
        batch = await office.transit.next_batch("server2", 1)
        assert batch is not None
        refusal = Refusal(seq=batch.parcels[0].seq, code="unknown_name", reason="Nobody is called charlie.")
        await office.transit.acknowledged("server2", batch, Answer(have=refusal.seq, refused=[refusal]))
        await office.transit.unreachable("server2", "server2 cannot be reached: connection refused.", now + 90_000)
        clock.now = now

    return made


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
async def test_a_sick_node_in_words(
    office: Office, console: Console, ill: Callable[[], Awaitable[None]], size: tuple[int, int]
) -> None:
    """What waits for a silent node, since when, why and until when are said; all facts are one key away at any size."""
    await ill()
    with gateway(office.config):
        async with console(office, size) as seen:
            await seen.press("4", "j")
            pane = at(seen, NodesPane)
            await seen.until(lambda: len(pane.listing.rows) == 2)
            text = seen.text()
            assert "○ stale" in text
            assert "silent for 4h" in text
            assert "2 parcels wait, oldest 3h" in text
            await seen.press("enter")
            facts = pane.facts.content.plain
            for words in (
                "4h ago", "12 ms, 4h ago", "cannot be reached: connection refused", "tried again within 2m", "0.9.1",
                "5s ahead", "not verified", "1 dead letter", 'Lost"', "Nobody is called charlie.", "http://127.0.0.1:3301",
            ):  # fmt: skip
                assert words in facts
            assert pane.facts.has_focus
            assert "heard" in seen.text()
            await seen.press("G", "g", "escape")
            assert pane.listing.has_focus
            await seen.press("k")
            assert "gateway listens on 127.0.0.1:3300" in seen.text()


async def test_the_gateway_down_is_said(office: Office, console: Console, ill: Callable[[], Awaitable[None]]) -> None:
    """With the gateway down the pane works, says so, and p and ctrl+r say what to do."""
    await ill()
    async with console(office) as seen:
        await seen.press("4")
        await seen.until(lambda: "gateway down: mail waits" in seen.text())
        assert "start it with `claudemail gateway start`" in seen.text()
        await seen.press("ctrl+r")
        assert "server1 is this node" in told(seen)
        await seen.press("j", "p")
        await seen.until(lambda: "The gateway of server1 is down" in told(seen))
        assert "tried again once this gateway runs" in at(seen, NodesPane).facts.content.plain
        await seen.press("ctrl+r")
        await seen.until(lambda: isinstance(seen.app.screen, AskScreen))
        await seen.press("escape")
        assert (await office.status()).lanes[0].dead == 1


async def test_trying_again_asks_of_dead_letters(
    office: Office, console: Console, ill: Callable[[], Awaitable[None]]
) -> None:
    """ctrl+r asks whether dead letters go out again, and leaves them alone or not, as it is told."""
    await ill()
    with gateway(office.config):
        async with console(office) as seen:
            await seen.press("4", "j", "ctrl+r")
            await seen.until(lambda: isinstance(seen.app.screen, AskScreen))
            assert "1 dead letter to server2" in seen.text()
            await seen.press("o", "n", "l", "y", "enter")
            await seen.until(lambda: "Trying server2 now, 2 parcels waiting." in told(seen))
            assert (await office.status()).lanes[0].dead == 1
            await seen.press("ctrl+r")
            await seen.until(lambda: isinstance(seen.app.screen, AskScreen))
            await seen.press("down", "enter")
            await seen.until(lambda: "1 dead letter on the way again. Trying server2 now, 3" in told(seen))
            assert (await office.status()).lanes[0].dead == 0


async def test_keys(office: Office, console: Console, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """C writes to a node, o goes to its findings, y and Y copy; tab and z give the keys and the room to either side."""
    await hear(office, clock)
    with gateway(office.config):
        async with console(office) as seen:
            pane = at(seen, NodesPane)
            asked = writes(monkeypatch, seen, pane)
            await seen.press("4", "j", "c")
            assert asked == ["@server2"]
            await seen.press("Y")
            assert seen.app.clipboard == "server2"
            await seen.press("y")
            assert "http://127.0.0.1:3301" in seen.app.clipboard
            await seen.press("ctrl+r")
            await seen.until(lambda: "Nothing waits for server2; p asks" in told(seen))
            await seen.press("p")
            await seen.until(lambda: "The gateway of server1 does not answer." in told(seen))
            await seen.press("tab")
            assert pane.facts.has_focus
            await seen.press("z")
            assert not pane.listing.display or not pane.listing.region
            await seen.press("z", "shift+tab", "z")
            assert not pane.facts.region
            await seen.press("escape")
            assert pane.facts.region
            await seen.press("o")
            await seen.until(lambda: where(seen) == "checkup")
            checkup = at(seen, CheckupPane)
            await seen.until(lambda: checkup.listing.current is not None and checkup.listing.current.node == "server2")


async def test_ping_through_a_real_gateway(fleet: Fleet, console: Console) -> None:
    """P shows the round trip of a node that is there, and why one that is not does not answer."""
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office, console(office, NARROW) as seen:
        await seen.press("4", "p")
        await seen.until(lambda: "server1 answers in" in told(seen))
        await seen.press("j", "p")
        await seen.until(lambda: "server2 answers in" in told(seen))
        await asyncio.to_thread(fleet["server2"].kill)
        await seen.press("p")
        await seen.until(lambda: "server2 cannot be reached: connection refused." in told(seen))
        await seen.until(lambda: "connection refused" in seen.text())


async def test_nothing_changed_nothing_written(office: Office, console: Console, clock: Clock) -> None:
    """Times of the next try and of the last contact are told to the minute: within it nothing is written."""
    await hear(office, clock, ago=10 * MINUTE)
    await office.transit.unreachable("server2", "server2 did not answer in time.", clock.now + 38_000)
    with gateway(office.config):
        async with console(office, kind=Counting) as seen:
            assert isinstance(seen.app, Counting)
            await seen.press("4", "j")
            await seen.until(lambda: "did not answer in time" in seen.text())
            for _ in range(5):
                await seen.pilot.pause()
            seen.app.frames = 0
            for _ in range(3):
                clock.now += 10_000
                await again(seen)
            assert seen.app.frames == 0
            clock.now += MINUTE
            await again(seen)
            await seen.until(lambda: "the next try is due" in seen.text())


async def test_a_key_that_cannot_be_read_is_said(office: Office, console: Console) -> None:
    """Where this node's own key is broken, that stands in its place, and the pane works."""
    Path(office.config.state_dir, KEY_FILE).write_text("no key")
    async with console(office) as seen:
        await seen.press("4")
        await seen.until(lambda: KEY_FILE in at(seen, NodesPane).facts.content.plain)
        assert "this node" in seen.text()


async def spoil(office: Office, text: str) -> None:
    """Put a text wherever a peer's words are kept."""
    peers = "UPDATE peers SET error = ?1, version = ?1"
    dead = "UPDATE outbox SET reason = ? WHERE dead_code IS NOT NULL"
    await office._desk.registry.write(lambda connection: connection.execute(peers, (text,)))
    await office._desk.mail.write(lambda connection: connection.execute(dead, (text,)))


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_nasty_words(
    office: Office, console: Console, ill: Callable[[], Awaitable[None]], size: tuple[int, int]
) -> None:
    """Errors, versions and reasons of peers are text and nothing else."""
    await ill()
    async with console(office, size) as seen:
        await seen.press("4", "j", "enter")
        for first in range(0, len(NASTY), 5):
            await spoil(office, " ".join(NASTY[first : first + 5]))
            await again(seen)
            _check(seen)
        await seen.press("escape")
        _check(seen)
