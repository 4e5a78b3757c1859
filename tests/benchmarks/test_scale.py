"""A node with a million briefs: how long the questions take that sessions and operators ask all the time.

Run `pytest -n 0 -m benchmark -s tests/benchmarks/test_scale.py`; it takes some minutes and 4 GB to make the mail. With
CLAUDEMAIL_BIG=FOLDER it is made there once, by `python -m tests.benchmarks.generate FOLDER`, and used again.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from claudemail.model.action import CLOSED, OPEN
from claudemail.model.brief import Priority
from claudemail.model.query import parse
from claudemail.office import Office
from claudemail.office.actions import Wanted
from claudemail.store import entries
from tests.benchmarks import generate
from tests.benchmarks.test_speed import report

pytestmark = pytest.mark.benchmark
RUNS = 200
TODAY = date(2026, 11, 25)
ALPHA = ("alpha", "web")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for all tests of this module: the mail is made once."""
    return "asyncio"


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """The office of the node with a million briefs."""
    made = os.environ.get("CLAUDEMAIL_BIG")
    folder = Path(made) if made else tmp_path_factory.mktemp("big")
    settings = generate.config(folder)
    if not Path(settings.db_path).exists():
        await generate.fill(settings)
    async with await Office.open(settings) as office:
        yield office


def timed(work: Callable[[], Any], runs: int = RUNS) -> list[float]:
    """Return how long each of some runs takes, in seconds."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return taken


async def asked(work: Callable[[], Awaitable[Any]], runs: int = RUNS) -> list[float]:
    """Return how long each of some questions to the office takes, in seconds."""
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - started)
    return taken


async def test_counting_and_listing(office: Office) -> None:
    """Unread counts and the newest mail."""
    alpha = await office.party("alpha")
    with closing(sqlite3.connect(office.config.db_path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        (briefs,) = connection.execute("SELECT count(*) FROM briefs").fetchone()
        print(f"\n{briefs} briefs, {Path(office.config.db_path).stat().st_size / 2**30:.1f} GiB")
        unread, _ = entries.counts(connection, ALPHA)
        assert sum(unread.values()) > 10
        report("check in the store: unread by priority", timed(lambda: entries.counts(connection, ALPHA)), "<= 0.1 ms")

        def check() -> None:
            counted, _ = entries.counts(connection, ALPHA)
            entries.unread_by_sender(connection, ALPHA)
            entries.oldest_unread(connection, ALPHA, counted)

        report("check in the store: with senders and oldest", timed(check), "none of its own")
        page = timed(lambda: entries.page(connection, ALPHA, unread=False, limit=20))
        report("list of 20 in the store", page, "<= 3 ms")
        fresh = timed(lambda: entries.page(connection, ALPHA, unread=True, limit=20))
        report("list of 20 unread in the store", fresh, "<= 3 ms")
        whole = timed(lambda: entries.page(connection, None, unread=False, limit=20))
        report("list of 20 of all mailboxes in the store", whole, "<= 3 ms")
    report("check through the office", await asked(lambda: office.check(alpha)), "none of its own")
    report("list of 20 through the office", await asked(lambda: office.inbox(alpha.mailboxes)), "<= 3 ms")
    report("digest through the office", await asked(lambda: office.digest(alpha), 50), "none of its own")
    report("status through the office", await asked(office.status, 50), "none of its own")
    report("checkup through the office", await asked(office.checkup, 20), "none of its own")


@pytest.mark.parametrize(
    "text",
    [
        "report", "baba0", "baba0 babe1 babi2", "report 999983", '"baba0 babe1"', "report -baba0", "bub*", "kekuli*", "nowhere",
        "from:charlie report", "report is:unread", "report is:starred", "report is:archived", "is:unread",
        "after:2025-12-01 report", "before:2025-02-01 report", "after:2025-03-01 before:2025-03-03 baba0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["alpha", "operator"])
async def test_searching(office: Office, name: str, text: str) -> None:
    """Twenty hits with their excerpts, for a session and for the operator of the node."""
    party = await office.party(name)
    query = parse(text, TODAY)
    page = await office.search(party, query)
    taken = await asked(lambda: office.search(party, query), 20)
    report(f"search {text!r} as {name}: {len(page.hits)} hits of {page.looked_at} looked at", taken, "<= 50 ms")


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(), Wanted(assignee="alpha"), Wanted(assignee="me"), Wanted(priority=Priority.URGENT), Wanted(overdue=True),
        Wanted(statuses=CLOSED), Wanted(statuses=(*OPEN, *CLOSED)), Wanted(asker="charlie"), Wanted(text="baba0"),
        Wanted(text="kekuli*"), Wanted(text="nowhere"), Wanted(statuses=CLOSED, text="baba0", assignee="alpha"),
    ],
    ids=repr,
)  # fmt: skip
async def test_listing_actions(office: Office, wanted: Wanted) -> None:
    """Twenty actions of fifty thousand."""
    alpha = await office.party("alpha")
    page = await office.list_actions(alpha, wanted)
    taken = await asked(lambda: office.list_actions(alpha, wanted), 50)
    shown = wanted.model_dump(exclude_defaults=True, mode="json")
    report(f"action list {shown}: {len(page.rows)} rows", taken, "<= 10 ms")


async def test_my_actions_and_what_i_wait_for(office: Office) -> None:
    """What a session has to do, and what it waits for."""
    alpha = await office.party("alpha")
    with closing(sqlite3.connect(office.config.db_path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM actions").fetchone()
    print(f"\n{count} actions")
    report("my actions through the office", await asked(lambda: office.my_actions(alpha), 50), "<= 10 ms")
    report("waiting through the office", await asked(lambda: office.waiting(alpha, days=3650), 20), "none of its own")
