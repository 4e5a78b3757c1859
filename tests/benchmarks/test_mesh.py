"""The mesh against its budgets. Run `pytest -n 0 -m benchmark -s tests/benchmarks/test_mesh.py`. Nothing asserts on a clock."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.model.brief import SIGNED_AS, Brief, Draft, Sender, canonical
from claudemail.model.ids import code_of, new_id
from claudemail.office import Office
from claudemail.testing import Fleet, Member
from tests.benchmarks.test_speed import raw_fsync, report
from tests.faults.test_hostile_peers import Gate, drip, garbage

pytestmark = pytest.mark.benchmark
PEERS = 16
BATCHES = 20
BATCH = 64
SETTLE_S = 10.0
IDLE_S = 60.0
FLOOD_S = 10.0


VOCABULARY = [f"{start}{end}" for start in "bdfgklmnprst" for end in range(1_000)]
_COMMON = list(itertools.accumulate(1 / rank for rank in range(1, len(VOCABULARY) + 1)))


def text(dice: random.Random) -> str:
    """Return 1 KB of words, each as often as words are."""
    return " ".join(dice.choices(VOCABULARY, cum_weights=_COMMON, k=220))[:1_000]


def request(key: NodeKey, node: str, first: int, target: str) -> tuple[bytes, dict[str, str]]:
    """Return a signed request with a batch of briefs of 1 KB from a node."""
    parcels = []
    now = int(time.time() * 1000)
    dice = random.Random(first)
    for seq in range(first, first + BATCH):
        id = new_id(now)
        brief = Brief(
            id=id, ref=code_of(id)[:4], stamp=f"{now:014d}-00000-{node}", at=now, sender=Sender(name="sender", node=node),
            to=["alpha"], title=f"{seq}", body=text(dice), thread=id,
        )  # fmt: skip
        content = brief.fields()
        signature = key.sign(SIGNED_AS + canonical(content).encode())
        body = {"brief": content, "signature": signature, "for": ["alpha"]}
        parcels.append({"seq": seq, "id": new_id(now), "kind": "brief", "body": body})
    data = json.dumps({"epoch": "0" * 16, "parcels": parcels}).encode()
    headers = signing.sign(
        key, node, method="POST", path="/v1/parcels", body=data, destination=target, now_s=now // 1000
    )
    return data, headers


async def test_one_gateway_takes_in_from_sixteen_peers(tmp_path: Path) -> None:
    """Batches of 64 briefs of 1 KB from sixteen peers at once: how many briefs a second are durable.

    The full text takes them in later; what that costs is measured for itself.
    """
    layout = {"server0": {"instance0": ["alpha"]}, **{f"peer{number}": {} for number in range(PEERS)}}
    with Fleet(tmp_path / "fleet", layout) as fleet:
        member = fleet["server0"]
        keys = {f"peer{number}": NodeKey.load_or_create(fleet[f"peer{number}"].folder) for number in range(PEERS)}
        ready = {
            node: [request(key, node, 1 + number * BATCH, "server0") for number in range(BATCHES)]
            for node, key in keys.items()
        }
        member.start()

        async def bring(node: str) -> None:
            async with httpx.AsyncClient(base_url=member.config.node.url, trust_env=False, timeout=60) as http:
                for body, headers in ready[node]:
                    answer = await http.post("/v1/parcels", content=body, headers=headers)
                    assert answer.json()["refused"] == [], answer.text

        report("raw append + fsync", raw_fsync(tmp_path), "the machine's")
        started, cpu = time.perf_counter(), cpu_s(member)
        await asyncio.gather(*(bring(node) for node in keys))
        seconds, cpu = time.perf_counter() - started, cpu_s(member) - cpu
        count = PEERS * BATCHES * BATCH
        with contextlib.closing(sqlite3.connect(member.config.db_path)) as connection:
            assert connection.execute("SELECT count(*) FROM briefs").fetchone() == (count,)
        print(
            f"taken in from {PEERS} peers: {count / seconds:.0f} briefs/s (budget >= 5,000),"
            f" {cpu / count * 1e6:.0f} us of CPU each in the gateway"
        )
        member.kill()
        async with await Office.open(member.config) as office:
            cpu, steps = time.process_time(), 0
            while await office.index_some():
                steps += 1
        print(
            f"full text, afterwards: {(time.process_time() - cpu) / steps * 1e4:.0f} us of CPU each, a hundred at once"
        )


def cpu_s(member: Member) -> float:
    """Return how many seconds of CPU a node's gateway has used."""
    assert member.gateway is not None
    fields = Path(f"/proc/{member.gateway.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def test_an_idle_gateway_uses_hardly_any_cpu(tmp_path: Path) -> None:
    """Three gateways with nothing to do, heartbeats and polls at their usual intervals."""
    layout = {f"server{number}": {f"instance{number}": ["a" * number]} for number in (1, 2, 3)}
    with Fleet(tmp_path / "fleet", layout) as fleet:
        fleet.start()
        await asyncio.sleep(SETTLE_S)
        before = {name: cpu_s(member) for name, member in fleet.nodes.items()}
        await asyncio.sleep(IDLE_S)
        for name, member in fleet.nodes.items():
            print(f"idle gateway {name}: {(cpu_s(member) - before[name]) / IDLE_S * 100:.2f} % CPU (budget <= 0.3 %)")


async def test_a_peer_that_is_down_costs_the_others_nothing(tmp_path: Path) -> None:
    """From accepted to delivered at a live peer, in turn with and without another peer that never answers and has mail due."""
    layout = {
        f"server{number}": {f"instance{number}": [name]} for number, name in enumerate(("alpha", "bravo", "charlie"), 1)
    }
    with Fleet(tmp_path / "fleet", layout) as fleet:
        fleet["server1"].start()
        fleet["server2"].start()
        silent = fleet["server3"].config.node
        async with await Office.open(fleet["server1"].config) as office:
            for round_number in range(2):
                report("delivered, no peer down", await delivered(office), "the measure")
                server = await asyncio.start_server(_never, silent.ip, silent.port)
                for number in range(50):
                    await office.send(office.operator(), Draft(to=["charlie"], title=f"{round_number} {number}"))
                report("delivered, a peer silent", await delivered(office), "p99 within 10 %")
                server.close()


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.closing(writer):
        while await reader.read(65_536):
            pass


async def delivered(office: Office, count: int = 200) -> list[float]:
    """Send to bravo one by one; return how long each took until it was delivered."""
    rung = asyncio.Event()
    unsubscribe = office.subscribe(rung.set)
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        sent = await office.send(office.operator(), Draft(to=["bravo"], title="t", body="y" * 1000))
        while (await office.read(office.operator(), sent.ref)).recipients[0].state == "queued":
            rung.clear()
            await asyncio.wait([asyncio.create_task(rung.wait())], timeout=0.05)
        taken.append(time.perf_counter() - started)
    unsubscribe()
    return taken


@pytest.fixture
async def gate(fleet: Fleet, connect: Callable[..., Any]) -> AsyncIterator[Gate]:
    """Server2, which is attacked."""
    fleet["server2"].start()
    async with connect(fleet["server2"]) as charlie:
        await charlie("check")
    gate = Gate(fleet)
    async with gate.knocker.http:
        yield gate


async def honest(gate: Gate, until: Callable[[], bool], least: int = 300) -> list[float]:
    """Bring briefs as an honest peer; return how long each took."""
    taken: list[float] = []
    while len(taken) < least or not until():
        started = time.perf_counter()
        await gate.honest()
        taken.append(time.perf_counter() - started)
        await asyncio.sleep(0.005)
    return taken


async def test_attacks_and_an_honest_peer(gate: Gate) -> None:
    """An honest peer's requests while nobody, two hundred slow senders, and sixteen senders of garbage are there.

    The senders of garbage are a process of their own. What they cost an honest peer by taking cores, and not by what they
    send, is seen when it is another node that they flood.
    """
    before = gate.memory()
    report("honest, in peace", await honest(gate, lambda: True), "the measure")
    body = b"x" * 100_000
    slow = [asyncio.create_task(drip(gate, gate.head(body) + body, 10)) for _ in range(200)]
    report(
        "honest, among 200 slow senders",
        await honest(gate, lambda: all(map(asyncio.Task.done, slow))),
        "p99 at most doubled",
    )
    await asyncio.gather(*slow)
    gate.fleet["server1"].start()
    for node, what in (("server1", "while another node is flooded"), ("server2", "in a flood of garbage")):
        with flood(gate.fleet[node]):
            end = time.perf_counter() + FLOOD_S
            taken = await honest(gate, lambda end=end: time.perf_counter() > end)  # type: ignore[misc]
        report(f"honest, {what}", taken, "p99 at most doubled")
    print(f"memory grew by {(gate.memory() - before) / 1e6:.1f} MB (budget <= 20 MB)")


@contextlib.contextmanager
def flood(target: Member) -> Iterator[None]:
    """Have a node flooded by another process, and print how many requests it answered."""
    command = [sys.executable, "-c", "from tests.benchmarks.test_mesh import attack; attack()", target.config.node.url]
    environment = {**target.environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attackers:
        assert attackers.stdout is not None
        assert attackers.stdin is not None
        assert attackers.stdout.readline() == "ready\n"
        started = time.perf_counter()
        yield
        attackers.stdin.close()
        answered = int(attackers.stdout.read())
        print(f"garbage answered by {target.config.node_id}: {answered / (time.perf_counter() - started):.0f}/s")


def attack() -> None:
    """Be sixteen senders of garbage to an address, until stdin ends; print how many requests were answered."""
    url, sent = sys.argv[1], [0]
    some = [[garbage(dice) for _ in range(200)] for dice in map(random.Random, range(16))]
    print("ready", flush=True)

    async def run() -> None:
        senders = [asyncio.create_task(_send_garbage(url, requests, sent)) for requests in some]
        await asyncio.to_thread(sys.stdin.read)
        print(sent[0])
        for sender in senders:
            sender.cancel()
        await asyncio.wait(senders)

    asyncio.run(run())


async def _send_garbage(url: str, requests: list[tuple[str, bytes, dict[str, str]]], sent: list[int]) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        for path, body, headers in itertools.cycle(requests):
            encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
            with contextlib.suppress(httpx.TransportError):
                await http.post(path, content=body, headers=encoded)
                sent[0] += 1
