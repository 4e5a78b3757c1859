"""Sixteen senders at once on one node: how many briefs it takes a second, durably, and how long a single send takes meanwhile.

Run `pytest -n 0 -m benchmark -s tests/benchmarks/test_load.py`. Nothing here asserts on a clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claudemail import config as configuration
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.testing import Fleet, Member
from tests.benchmarks.test_speed import raw_fsync, report

pytestmark = pytest.mark.benchmark
Connect = Callable[..., Any]
SENDERS = 16
SECONDS = 8.0


async def send_for(office: Office, seconds: float, to: str = "bravo") -> int:
    """Send briefs of 1 KB from sixteen callers for so long; return how many were accepted."""
    operator = office.operator()
    end = time.monotonic() + seconds
    accepted = 0

    async def one() -> None:
        nonlocal accepted
        while time.monotonic() < end:
            await office.send(operator, Draft(to=[to], title="load", body="y" * 1000))
            accepted += 1

    await asyncio.gather(*(one() for _ in range(SENDERS)))
    return accepted


def main() -> None:
    """Be one of the processes that send, until told to stop by the end of the time; print how many were accepted."""
    settings = configuration.load()

    async def run() -> None:
        async with await Office.open(settings) as office:
            operator, end = office.operator(), time.monotonic() + float(sys.argv[1])
            accepted = 0
            while time.monotonic() < end:
                await office.send(operator, Draft(to=["bravo"], title="load", body="y" * 1000))
                accepted += 1
            print(accepted)

    asyncio.run(run())


@contextlib.contextmanager
def processes(member: Member, count: int, seconds: float) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes that each send one brief after the other."""
    environment = {**member.environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", "from tests.benchmarks.test_load import main; main()", str(seconds)]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.wait()


async def test_sixteen_callers_of_one_office(fleet: Fleet, tmp_path: Path) -> None:
    """Callers that share an office share commits."""
    report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
    for to in ("bravo", "charlie"):
        async with await Office.open(fleet["server1"].config) as office:
            accepted = await send_for(office, SECONDS, to)
        print(f"16 callers, one office, to {to}: {accepted / SECONDS:.0f} briefs/s (budget >= 1,000)")


def test_sixteen_processes(fleet: Fleet, tmp_path: Path) -> None:
    """Processes with an office each pass one gate, one commit at a time."""
    report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
    with processes(fleet["server1"], SENDERS, SECONDS) as started:
        total = sum(int(process.communicate()[0]) for process in started)
    print(f"16 processes: {total / SECONDS:.0f} briefs/s (budget >= 1,000)")


async def test_a_send_through_stdio_under_load(fleet: Fleet, connect: Connect, tmp_path: Path) -> None:
    """One session's sends while sixteen callers of another process send as fast as they can."""
    fleet["server1"].start()
    report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
    async with connect(fleet["server1"]) as alpha:
        await alpha("send", to="bravo", title="first")
        environment = {**fleet["server1"].environment, "PYTHONPATH": str(Path(__file__).parents[2])}
        code = (
            "import asyncio; from claudemail import config; from claudemail.office import Office;"
            "from tests.benchmarks.test_load import send_for\n"
            "async def run():\n"
            " async with await Office.open(config.load()) as office: print(await send_for(office, 8.0))\n"
            "asyncio.run(run())"
        )
        load = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
        )
        taken: list[float] = []
        while load.returncode is None and len(taken) < 5_000:
            started = time.perf_counter()
            await alpha("send", to="bravo", title="single", body="y" * 1000)
            taken.append(time.perf_counter() - started)
        out, _ = await load.communicate()
    print(f"load meanwhile: {int(out) / SECONDS:.0f} briefs/s")
    report("send through stdio under that load", taken, "p99 <= 50 ms")


async def test_sixteen_sessions(fleet: Fleet, connect: Connect, tmp_path: Path) -> None:
    """Sixteen real sessions send one after the other, each through its own process and the one gateway."""
    fleet["server1"].start()
    report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
    async with contextlib.AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(connect(fleet["server1"])) for _ in range(SENDERS)]
        taken: list[float] = []
        end = time.monotonic() + SECONDS

        async def one(session: Any) -> None:
            while time.monotonic() < end:
                started = time.perf_counter()
                await session("send", to="bravo", title="load", body="y" * 1000)
                taken.append(time.perf_counter() - started)

        await asyncio.gather(*(one(session) for session in sessions))
    print(f"16 sessions through stdio: {len(taken) / SECONDS:.0f} briefs/s")
    report("a send among sixteen sessions", taken, "none of its own")
