"""The console on a node with 100,000 briefs and 10,000 actions: first paint, from a key to its paint, and memory.

Run `pytest -n 0 -m benchmark -s tests/benchmarks/test_console.py`; it takes a minute or two to make the mail, which
CLAUDEMAIL_BIG_CONSOLE=FOLDER keeps there. What is timed is the real command on a pseudo-terminal.
Nothing here asserts on a clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.office.actions import NewAction
from claudemail.testing import Member
from claudemail.tui import memory
from tests.benchmarks import generate
from tests.benchmarks.test_speed import report
from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.benchmark
BRIEFS, ACTIONS = 100_000, 10_000
RUNS = 10
KEYS = 30
NEWEST = "the newest of all"
IMPORTS = "import claudemail.__main__, claudemail.cli.console, claudemail.tui.app, textual.drivers.linux_driver"


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Member:
    """The node with all that mail; no gateway runs."""
    made = os.environ.get("CLAUDEMAIL_BIG_CONSOLE")
    folder = Path(made) if made else tmp_path_factory.mktemp("console")
    settings = generate.config(folder)
    if not Path(settings.db_path).exists():
        asyncio.run(_fill(settings))
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "node_id": "server1"}))
    return Member(path)


async def _fill(settings: Config) -> None:
    await generate.fill(settings, BRIEFS)
    async with await Office.open(settings) as office:
        for number in range(ACTIONS - BRIEFS // 20):
            await office.create_action(office.operator(), NewAction(text=f"action {number}", assignee="me"))
        await office.send(await office.party("alpha"), Draft(to=["operator"], title=NEWEST, body="word " * 100))


@contextlib.contextmanager
def opened(member: Member) -> Iterator[Terminal]:
    """The console of a newcomer, once it has drawn its inbox and is at rest."""
    _forget(member)
    with terminal(member, "console") as shown:
        shown.until(NEWEST.encode())
        shown.until_still()
        yield shown
        shown.type(b"q")
        shown.until(b"")


def _forget(member: Member) -> None:
    """Have the next console begin with the inbox."""
    Path(member.config.state_dir, memory.FILE).unlink(missing_ok=True)


def _resident_mb(shown: Terminal) -> float:
    """Return how much of the console's process is in memory."""
    status = Path(f"/proc/{shown.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def test_first_paint(member: Member) -> None:
    """From the start of the process until the newest brief is drawn, with and without what Python takes to import all of it."""
    whole, imports = [], []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True)
        imports.append(time.perf_counter() - started)
        _forget(member)
        started = time.perf_counter()
        with terminal(member, "console") as shown:
            shown.until(NEWEST.encode())
            whole.append(time.perf_counter() - started)
    print()
    report("python and the imports alone", imports, "the machine's")
    report("first paint, from the start of the process", whole, "none of its own")
    after = [one - other for one, other in zip(whole, imports, strict=True)]
    report(f"first paint with {BRIEFS} briefs, after imports", after, "<= 500 ms")


@pytest.mark.parametrize(
    ("what", "before", "keys"),
    [
        ("j in the inbox", b"1", (b"j",)),
        ("opening the next brief", b"\r", (b"J",)),
        ("j on the board", b"2", (b"j",)),
        ("h and l on the board", b"2", (b"l", b"h")),
        ("panes, one after the other", b"1", (b"2", b"3", b"4", b"5", b"1")),
    ],
)
def test_from_a_key_to_its_paint(member: Member, what: str, before: bytes, keys: tuple[bytes, ...]) -> None:
    """From the write of a key to the terminal until the first of its paint is there, and until all of it is."""
    firsts, lasts = [], []
    with opened(member) as shown:
        shown.type(before)
        shown.until_still()
        for number in range(KEYS):
            first, last = shown.timed(keys[number % len(keys)])
            firsts.append(first)
            lasts.append(last)
        resident = _resident_mb(shown)
    print()
    report(f"{what}: to the first of its paint", firsts, "p50 <= 30 ms")
    report(f"{what}: until all is drawn, previews too", lasts, "none of its own")
    print(f"{what}: {resident:.0f} MB resident after it")


def test_memory(member: Member) -> None:
    """What is resident when the console is open, and when everything was looked at."""
    fresh, used = [], []
    for _ in range(3):
        with opened(member) as shown:
            fresh.append(_resident_mb(shown))
            for key in (b"j", b"\r", b"\x1b", b"G", b"g", b"2", b"j", b"G", b"3", b"4", b"5", b"1"):
                shown.timed(key)
            used.append(_resident_mb(shown))
    print(
        f"\nconsole with {BRIEFS} briefs and {ACTIONS} actions: {statistics.median(fresh):.0f} MB resident at rest,"
        f" {statistics.median(used):.0f} MB after a look at everything (budget 100 MB)"
    )
