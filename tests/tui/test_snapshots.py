"""What each screen of the console looks like at four sizes, and what one looks like in each theme.

The kept looks are beside this file: all screens of a size in one text, a theme as one SVG. After a change that is wanted, run
`pytest -n 0 tests/tui/test_snapshots.py --snapshot-update`, and read what `git diff` shows: it is what operators will see.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.events import Paste

from claudemail.keys import NodeKey
from claudemail.office import Office
from claudemail.themes.loader import builtin
from claudemail.tui.app import ConsoleApp
from claudemail.tui.widgets.headline import Headline
from tests.tui.fleet import gateway
from tests.tui.hand import Hand
from tests.tui.make_screenshots import NODES, Clock, node_config, seeded, text_of

SIZES = [(40, 12), (60, 20), (100, 30), (200, 60)]
LOOK_S, STILL, LOOKS = 0.07, 3, 200
"""How long between two looks; so many in a row must find the same, which is longer than typing rests; the most that are taken."""


class Step(NamedTuple):
    """What the screen is called that some keys lead to from the step before."""

    name: str
    keys: tuple[str, ...] = ()
    text: str = ""
    """What is typed then."""
    shows: str = ""
    """What is on the screen at last, where that takes longer than the screen stands still meanwhile."""


STEPS = (
    Step("inbox"),
    Step("brief", ("j", "enter")),
    Step("source", ("v",)),
    Step("thread", ("v", "K", "i")),
    Step("whose mail", ("escape", "escape", "m")),
    Step("find", ("escape", "slash"), "cache", "4 found"),
    Step("nothing found", (), "xyz", "0 found"),
    Step("actions", ("escape", "2")),
    Step("action", ("l", "enter")),
    Step("assign", ("escape", "a")),
    Step("due", ("escape", "t", "ctrl+u"), "fri"),
    Step("new action", ("escape", "n"), "Water the plants @bravo !high due:+2d"),
    Step("roster", ("escape", "3", "j")),
    Step("nodes", ("4", "j", "j")),
    Step("checkup", ("5", "j")),
    Step("help", ("question_mark",)),
    Step("palette", ("escape", "colon")),
    Step("palette, narrowed", (), "bravo", "Brief"),
    Step("compose", ("escape", "1", "c"), "ch", "kept"),
    Step("discard question", ("ctrl+g",)),
    Step("reply", ("down", "enter", "r"), "Looking at it now.", "kept"),
    Step("preview", ("ctrl+p",)),
)


class TextExtension(SingleFileSnapshotExtension):
    """Keeps a text in a file of its own."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for all tests of this module: the fleet is seeded once."""
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _utc() -> Iterator[None]:
    """Times of day are told in UTC, whoever runs this and wherever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module")
async def fleet_folder(tmp_path_factory: pytest.TempPathFactory, _utc: None) -> Path:
    """The folder of the fleet of the screenshots, at rest."""
    folder = tmp_path_factory.mktemp("fleet")
    async with seeded(folder):
        pass
    return folder


@pytest.fixture
async def app(fleet_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ConsoleApp]:
    """A console on a copy of its server1, which nobody has looked at yet."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    keys = {node: NodeKey.load_or_create(fleet_folder / node).public for node in NODES if node != "server3"}
    folder = tmp_path / "server1"
    shutil.copytree(fleet_folder / "server1", folder)
    clock = Clock()
    async with await Office.open(node_config("server1", folder, keys), wall=clock) as office:
        with gateway(office.config):
            yield ConsoleApp(office, wall=clock)


async def settled(app: ConsoleApp, pilot: Hand, shows: str = "") -> str:
    """Return what is on the screen once it shows something and stands still, with nothing told in passing over it."""
    before, still = "", 0
    for _ in range(LOOKS):
        await pilot.pause()
        app.clear_notifications()
        now = text_of(app)
        still = still + 1 if now == before else 0
        before = now
        if still >= STILL and shows in now and app.screen_stack[0].query_one(Headline).state is not None:
            return "\n".join(line.rstrip() for line in now.splitlines())
        await asyncio.sleep(LOOK_S)
    raise TimeoutError(f"the console did not settle:\n{before}")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
async def test_every_screen(app: ConsoleApp, snapshot: SnapshotAssertion, size: tuple[int, int]) -> None:
    """Every pane, what opens in it, and every dialog, one after the other."""
    seen = []
    async with app.run_test(size=size):
        pilot = Hand(app)
        for step in STEPS:
            await pilot.press(*step.keys)
            if step.text:
                await settled(app, pilot)  # what is pasted goes to whatever has the keys by then
                app.post_message(Paste(step.text))
            text = await settled(app, pilot, step.shows)
            seen.append(f"{f' {step.name} ':=^{size[0]}}\n{text}\n")
    assert "\n".join(seen) == snapshot(extension_class=TextExtension)


async def test_every_theme(app: ConsoleApp, snapshot: SnapshotAssertion) -> None:
    """The lanes and an action, which have all of the colours, in each of our themes."""
    snapshot = snapshot.use_extension(SVGImageExtension)
    async with app.run_test(size=(110, 24)):
        pilot = Hand(app)
        await pilot.press("2", "l")
        for theme in builtin():
            app.theme = theme.name
            await settled(app, pilot)
            assert _drawn(app) == snapshot(name=theme.name)


@pytest.fixture
def colourless(app: ConsoleApp, monkeypatch: pytest.MonkeyPatch) -> ConsoleApp:
    """The same console where NO_COLOR is set."""
    monkeypatch.setenv("NO_COLOR", "1")
    return ConsoleApp(app._office, wall=Clock())


async def test_no_colour(colourless: ConsoleApp, snapshot: SnapshotAssertion) -> None:
    """With NO_COLOR, what matters stands out by the terminal's own means."""
    async with colourless.run_test(size=(110, 24)):
        pilot = Hand(colourless)
        await pilot.press("2", "l")
        await settled(colourless, pilot)
        assert _drawn(colourless) == snapshot(extension_class=SVGImageExtension)


def _drawn(app: ConsoleApp) -> str:
    """Return the screen as SVG, without what depends on the release of Rich only."""
    svg: Any = app.export_screenshot(title="ClaudeMail", simplify=True)
    return re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
