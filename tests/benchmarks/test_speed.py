"""Figures beside their budgets: run `pytest -n 0 -m benchmark -s tests/benchmarks`. Nothing here asserts on a clock."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from claudemail.office import Office
from claudemail.testing import Fleet

pytestmark = pytest.mark.benchmark
Connect = Callable[..., Any]
SENDS = 500


def report(what: str, seconds: list[float], budget: str) -> None:
    """Print the median, the 99th percentile and the largest of some durations, in milliseconds."""
    ordered = sorted(value * 1000 for value in seconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    print(
        f"{what}: p50 {statistics.median(ordered):.2f} ms, p99 {p99:.2f} ms, max {ordered[-1]:.2f} ms,"
        f" n {len(ordered)} (budget {budget})"
    )


def raw_fsync(folder: Path, count: int = 300) -> list[float]:
    """Return how long this machine takes to append 4 KB and fsync."""
    taken = []
    with (folder / "raw").open("wb", buffering=0) as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    return taken


@pytest.mark.parametrize("peer", ["down", "up"])
async def test_send_through_stdio(fleet: Fleet, connect: Connect, tmp_path: Path, peer: str) -> None:
    """A send by a real session, durable when it returns, to a peer that is down or takes it meanwhile."""
    if peer == "up":
        fleet.start()
    else:
        fleet["server1"].start()
    report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
    async with connect(fleet["server1"]) as alpha:
        taken = []
        for number in range(SENDS):
            started = time.perf_counter()
            await alpha("send", to="charlie", title=f"t{number}", body="y" * 1000)
            taken.append(time.perf_counter() - started)
        started = time.perf_counter()
        calls = []
        for _ in range(200):
            started = time.perf_counter()
            await alpha("check")
            calls.append(time.perf_counter() - started)
        assert f"{SENDS} sent from here" in await alpha("status")
    report(f"send through stdio, peer {peer}", taken, "p50 <= 5 ms, p99 <= 20 ms")
    report("check through stdio", calls, "none of its own")


async def test_accepted_here_readable_there(fleet: Fleet, connect: Connect, tmp_path: Path) -> None:
    """From the answer to a send on one node until another process reads it from the other node's database."""
    fleet.start()
    report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
    async with httpx.AsyncClient(trust_env=False) as http:
        posts = []
        for _ in range(200):
            started = time.perf_counter()
            await http.get(f"{fleet['server2'].config.node.url}/v1/ping")
            posts.append(time.perf_counter() - started)
    report("bare loopback request to the peer", posts, "the machine's")
    rung = asyncio.Event()
    async with await Office.open(fleet["server2"].config) as there, connect(fleet["server1"]) as alpha:
        there.subscribe(rung.set)
        charlie = await there.party("charlie")
        taken, whole = [], []
        for number in range(200):
            sent = time.perf_counter()
            await alpha("send", to="charlie", title=f"t{number}", body="y" * 1000)
            started = time.perf_counter()
            while (await there.check(charlie)).unread <= number:
                rung.clear()
                if (await there.check(charlie)).unread <= number:
                    await rung.wait()
            taken.append(time.perf_counter() - started)
            whole.append(time.perf_counter() - sent)
    report("accepted on A -> readable on B", taken, "p50 <= 10 ms")
    report("send called on A -> readable on B", whole, "none of its own")


async def test_a_backlog_drains(fleet: Fleet) -> None:
    """10,000 briefs of 1 KB for one peer, accepted while it was down, from its start until it has them all."""
    from claudemail.model.brief import Draft

    count = 10_000
    async with await Office.open(fleet["server1"].config) as here:
        operator = here.operator()
        draft = Draft(to=["charlie"], title="backlog", body="y" * 1000)
        started = time.perf_counter()
        await asyncio.gather(*(here.send(operator, draft) for _ in range(count)))
        print(f"accept {count} at once: {count / (time.perf_counter() - started):.0f} briefs/s")
        fleet["server2"].start()
        started = time.perf_counter()
        fleet["server1"].start()
        drained = asyncio.Event()
        here.subscribe(drained.set)
        while (await here.status()).lanes[0].waiting:
            drained.clear()
            await asyncio.wait([asyncio.create_task(drained.wait())], timeout=1)
        print(
            f"backlog of {count} x 1 KB: {time.perf_counter() - started:.2f} s with the gateway's start (budget <= 2 s)"
        )


def test_the_session_process_is_small(fleet: Fleet) -> None:
    """From the start of `claudemail mcp` to its answer to `initialize`, and its resident memory then."""
    fleet["server1"].start()
    client = {"name": "benchmark", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode() + b"\n"
    command = Path(sys.executable).with_name("claudemail")
    taken, sizes, bare = [], [], []
    for _ in range(15):
        started = time.perf_counter()
        with subprocess.Popen(
            [str(command), "mcp"], env=fleet["server1"].environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line)
            process.stdin.flush()
            assert b'"serverInfo"' in process.stdout.readline()
            taken.append(time.perf_counter() - started)
            status = Path(f"/proc/{process.pid}/status").read_text()
            sizes.append(int(status.split("VmRSS:")[1].split()[0]) / 1024)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import json, select, fcntl"], check=True)
        bare.append(time.perf_counter() - started)
    report("python -c 'import json, select, fcntl'", bare, "the machine's")
    report("session process to initialize", taken, "<= 50 ms")
    print(f"session process: {statistics.median(sizes):.1f} MiB resident (budget <= 12 MB)")
