"""The checkup pane: what wants attention, where it is, and snoozing it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from claudemail.checkup import Finding, Rule
from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.office.actions import NewAction
from claudemail.tui.examined import Examined
from claudemail.tui.panes.checkup import CheckupPane, place_of
from claudemail.tui.places import Place, Where
from tests.tui.conftest import NARROW, SMALL, WIDE, Clock, Console
from tests.tui.fleet import HOUR, again, at, gateway, hear, told, where
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting


@pytest.fixture
async def office(config: Config, clock: Clock) -> AsyncIterator[Office]:
    """The office of server1 by the console's clock: an action is overdue, urgent mail unread, mail to server2 waits."""
    async with await Office.open(config, wall=clock) as office:
        now = clock.now
        await hear(office, clock, ago=4 * HOUR)
        clock.now = now - 3 * HOUR
        await office.create_action(office.operator(), NewAction(text="Rotate", assignee="alpha", due="2026-03-20"))
        await office.send(office.operator(), Draft(to=["alpha"], title="Wake up", priority="urgent"))
        await office.send(office.operator(), Draft(to=["charlie"], title="Waits"))
        clock.now = now
        yield office


def rules(pane: CheckupPane) -> list[str]:
    """Return the rules of the findings in the list."""
    return [str(row.rule) for row in pane.listing.rows]


FOUND = ["undelivered", "overdue", "silent node", "urgent unread", "unverified peer", "version mismatch"]


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
async def test_findings_by_severity(office: Office, console: Console, size: tuple[int, int]) -> None:
    """The gravest come first, by glyph and word, with what to do about the one under the cursor, at any size."""
    with gateway(office.config):
        async with console(office, size) as seen:
            await seen.press("5")
            pane = at(seen, CheckupPane)
            await seen.until(lambda: rules(pane) == FOUND)
            text = seen.text()
            assert "▲ critical" in text
            assert "undelivered" in text
            assert "See that server2 runs a gateway" in " ".join(pane.facts.content.plain.split())
            if size != SMALL:
                assert "! warning" in text
                assert "See that server2 runs" in text
            await seen.press("tab", "ctrl+d")
            assert "See that" in seen.text()
            await seen.press("escape", "G")
            assert "i info" in seen.text()
            assert "version mismatch" in seen.text()


async def test_enter_goes_to_the_thing(office: Office, console: Console) -> None:
    """Enter and o go to the pane that has what a finding is about; y and Y copy."""
    with gateway(office.config):
        async with console(office) as seen:
            pane = at(seen, CheckupPane)
            await seen.press("5", "Y")
            assert seen.app.clipboard == "server2"
            await seen.press("y")
            assert seen.app.clipboard.startswith("critical, undelivered: 1 brief for server2 waits")
            for index, key, there in ((0, "enter", "nodes"), (1, "o", "actions"), (3, "enter", "inbox")):
                await seen.press("5")
                pane.listing.move_to(index)
                await seen.press(key)
                await seen.until(lambda wanted=there: where(seen) == wanted)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("about", "place"),
    [
        ({"rule": "overdue", "action": "k7qd", "name": "alpha"}, Place(Where.ACTIONS, "k7qd")),
        ({"rule": "dead letters", "brief": "k7qd", "node": "b"}, Place(Where.INBOX, "k7qd")),
        ({"rule": "dead letters", "node": "b"}, Place(Where.NODES, "b")),
        ({"rule": "gateway"}, Place(Where.NODES, "a")),
        ({"rule": "gone mailbox", "name": "x"}, Place(Where.INBOX, mailbox="x")),
        ({"rule": "unbalanced load", "name": "x"}, Place(Where.ROSTER, "x")),
        ({"rule": "stale wip"}, None),
    ],
)
def test_places(about: dict[str, str], place: Place | None) -> None:
    """Each kind of finding has its place."""
    finding = Finding.model_validate({"severity": "info", "what": "w", "remedy": "r"} | about)
    assert place_of(finding, "a") == place


async def test_snooze(office: Office, console: Console) -> None:
    """X snoozes a finding for a day: it goes to the end, out of the tab, the count and what needs you; u or x takes it back."""
    with gateway(office.config):
        async with console(office) as seen:
            pane = at(seen, CheckupPane)
            await seen.press("5")
            await seen.until(lambda: rules(pane) == FOUND)
            assert "5 Checkup 6" in seen.text()
            assert "undelivered to server2" in seen.lines()[0]
            await seen.press("x")
            await seen.until(lambda: rules(pane)[-1] == "undelivered")
            await seen.until(lambda: "5 Checkup 5" in seen.text() and "undelivered to" not in seen.lines()[0])
            assert pane.aside == "1 snoozed"
            assert "undelivered, snoozed" in seen.text()
            assert [one.rule for one in (await office.checkup()).snoozed] == [Rule.UNDELIVERED]
            await seen.press("f")
            assert rules(pane) == []
            assert "Nothing is critical." in seen.text()
            await seen.press("f")
            assert rules(pane) == ["undelivered"]
            assert pane.memory() == {"filter": "snoozed"}
            await seen.press("u")
            await seen.until(lambda: rules(pane) == [])
            assert "Nothing is snoozed." in seen.text()
            await seen.press("f")
            assert rules(pane) == FOUND
            await seen.press("G", "x")
            await seen.until(lambda: pane.aside == "1 snoozed")
            await seen.press("G", "x")
            await seen.until(lambda: rules(pane) == FOUND and pane.aside == "")
            pane.recall({"filter": "critical"})
            await again(seen)
            await seen.until(lambda: rules(pane) == ["undelivered"])


async def test_a_clean_state_says_when_it_looked(
    seed: dict[str, Any], configure: Callable[..., Config], tmp_path: Path, console: Console, clock: Clock
) -> None:
    """Where nothing is found, that is said, with the time and by how many rules."""
    lone = seed | {"nodes": seed["nodes"][:1], "instances": seed["instances"][:1], "checkup": {"disk_low_mb": 1}}
    config = configure(lone, tmp_path / "lone", "server1")
    async with await Office.open(config, wall=clock) as office, console(office, SMALL) as seen:
        await seen.press("5", "x", "enter", "y", "Y", "o")
        await seen.until(lambda: "Nothing needs attention." in seen.text())
        assert "by 14 rules." in seen.text()
        assert ":23," in seen.text()


async def test_a_checkup_is_kept_for_a_moment(office: Office) -> None:
    """Who wants to know how it was lately is given the last checkup; who looks is given a new one."""
    examined = Examined(office)
    first = await examined.lately()
    assert await examined.lately() is first
    second = await examined.now()
    assert second is not first
    assert await examined.lately() is second


async def test_a_store_that_fails(office: Office, console: Console) -> None:
    """A snooze that the store cannot note is told of, and the finding stays."""
    with gateway(office.config):
        async with console(office) as seen:
            pane = at(seen, CheckupPane)
            await seen.press("5")
            await seen.until(lambda: rules(pane) == FOUND)
            with sqlite3.connect(office.config.registry_db_path) as connection:
                connection.execute("ALTER TABLE snoozes RENAME TO gone")
            connection.close()
            await seen.press("x")
            await seen.until(lambda: "no such table" in told(seen))
            assert rules(pane) == FOUND


async def test_nothing_changed_nothing_written(office: Office, console: Console, clock: Clock) -> None:
    """Looking again within the minute writes nothing."""
    with gateway(office.config):
        async with console(office, kind=Counting) as seen:
            assert isinstance(seen.app, Counting)
            await seen.press("5")
            await seen.until(lambda: rules(at(seen, CheckupPane)) == FOUND)
            for _ in range(5):
                await seen.pilot.pause()
            seen.app.frames = 0
            for _ in range(2):
                clock.now += 10_000
                await again(seen)
            assert seen.app.frames == 0


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_nasty_words(office: Office, console: Console, size: tuple[int, int]) -> None:
    """Titles, texts and versions in findings are text and nothing else."""
    for text in NASTY:
        if text.strip():
            await office.create_action(office.operator(), NewAction(text=text[:200], due="2020-01-01"))
    async with console(office, size) as seen:
        await seen.press("5")
        pane = at(seen, CheckupPane)
        await seen.until(lambda: len(pane.listing.rows) > 20)
        for index in range(0, len(pane.listing.rows), 4):
            pane.listing.move_to(index)
            await seen.pilot.pause()
            _check(seen)
