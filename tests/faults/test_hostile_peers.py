"""Hostile peers, and strangers: whatever they bring, the gateway stays up and small, and mail of honest peers is taken.

The short form runs with all tests; `-m soak` runs the long one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import hashlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.mesh.connection import RECEIVE_S
from claudemail.office import Office
from claudemail.testing import Fleet
from tests.mesh.conftest import Knocker

PAGE = os.sysconf("SC_PAGE_SIZE")
MOST_GROWTH = 20 * 1024 * 1024


class Gate:
    """The door of server2, with an honest peer before it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        member = fleet["server2"]
        assert member.gateway is not None
        self.pid = member.gateway.pid
        self.node = member.config.node
        self.knocker = Knocker(fleet)
        self._seq = 0

    async def honest(self) -> None:
        """Bring a brief as an honest peer does, and see it taken."""
        self._seq += 1
        answer = await self.knocker.deliver(self.knocker.parcel(self._seq, title=f"{self._seq}"))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"have": self._seq, "refused": []}

    async def all_there(self) -> None:
        """See that all that was brought honestly is in the mailbox, once and in order."""
        async with await Office.open(self.fleet["server2"].config) as office:
            page = await office.inbox(["charlie"], limit=self._seq + 10)
        assert [row.title for row in reversed(page.rows)] == [f"{number}" for number in range(1, self._seq + 1)]

    def memory(self) -> int:
        """Return how many bytes the gateway has in memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a bare connection."""
        return await asyncio.open_connection(self.node.ip, self.node.port)

    def head(self, body: bytes, **headers: str) -> bytes:
        """Return the head of a request that is signed as it should be."""
        signed = signing.sign(
            self.knocker.key, "server1", method="POST", path="/v1/parcels", body=body, destination="server2", now_s=1
        )
        lines = {"host": f"{self.node.ip}:{self.node.port}", "content-length": str(len(body)), **signed, **headers}
        return "\r\n".join(["POST /v1/parcels HTTP/1.1", *map(": ".join, lines.items()), "", ""]).encode()


@pytest.fixture
async def gate(fleet: Fleet, connect: Callable[..., Any]) -> AsyncIterator[Gate]:
    """Server2 runs, has served a session and taken some mail, so that its memory is what it is at work."""
    fleet["server2"].start()
    async with connect(fleet["server2"]) as charlie:
        await charlie("check")
    gate = Gate(fleet)
    async with gate.knocker.http:
        for _ in range(50):
            await gate.honest()
        yield gate


async def while_attacked(gate: Gate, attack: Awaitable[None]) -> None:
    """Let an attack run to its end; meanwhile an honest peer is served, and the gateway does not grow."""
    before = most = gate.memory()
    attacking = asyncio.ensure_future(attack)
    while not attacking.done():
        await gate.honest()
        most = max(most, gate.memory())
        await asyncio.wait([attacking], timeout=0.02)
    await attacking
    await gate.honest()
    await gate.all_there()
    assert most - before < MOST_GROWTH


async def drip(gate: Gate, content: bytes, first: int) -> str:
    """Send the first bytes at once and the others one a second, until the gateway has had enough; return its status line."""
    reader, writer = await gate.connect()
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        answer = asyncio.create_task(reader.readline())
        writer.write(content[:first])
        for byte in content[first:]:
            done, _ = await asyncio.wait([answer], timeout=1)
            if done:
                break
            writer.write(bytes([byte]))
        return (await asyncio.wait_for(answer, 2 * RECEIVE_S)).decode()
    return ""


async def test_two_hundred_slow_senders_are_let_go(gate: Gate) -> None:
    """Who sends a byte a second, or nothing, in the head or the body, is told so and let go; nobody waits for them."""
    body = b"x" * 100_000
    head = gate.head(body)

    async def attack() -> None:
        kinds = [(head + body, 10), (head + body, len(head) + 90_000), (b"", 0), (b"G" * 100, 1)]
        lines = await asyncio.gather(*(drip(gate, *kinds[number % len(kinds)]) for number in range(200)))
        assert {line.split()[1] for line in lines if line} <= {"408", "400"}
        assert sum(not line for line in lines) < 20  # cut off without a word, to make room

    await while_attacked(gate, attack())


async def flood(gate: Gate, head: bytes, chunk: bytes, count: int) -> str:
    """Send a head and as many chunks as the gateway lets through; return the status line."""
    reader, writer = await gate.connect()
    with contextlib.closing(writer), contextlib.suppress(ConnectionError):
        answer = asyncio.create_task(reader.readline())  # now: what was answered is lost to who reads it after a reset
        with contextlib.suppress(ConnectionError):
            writer.write(head)
            for _ in range(count):
                writer.write(chunk)
                await writer.drain()
        return (await answer).decode()
    return ""


async def test_bodies_of_any_size_and_heads_of_a_megabyte_are_not_kept(gate: Gate) -> None:
    """300 MB with a length or in chunks, a head of 1 MB in one header, in many, or in the path: refused, and not kept."""
    piece = b"x" * 65_536
    chunk = b"10000\r\n" + piece + b"\r\n"
    declared = gate.head(b"").replace(b"content-length: 0", b"content-length: 314572800")
    chunked = gate.head(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    start = b"POST /v1/parcels HTTP/1.1\r\nhost: 127.0.0.1\r\n"

    async def attack() -> None:
        for status, head, part, count in (
            ("413", declared, piece, 4_800),
            ("413", chunked, chunk, 4_800),
            ("431", start + b"x: ", b"y" * 10_000, 100),
            ("431", start, b"x: " + b"y" * 1_000 + b"\r\n", 1_000),
            ("431", b"POST /", b"y" * 10_000, 100),
            ("431", start, b"x: " + b"y" * 20_000 + b"\r\n\r\n", 1),
        ):
            line = await flood(gate, head, part, count)
            assert status in line, (status, line)

    await while_attacked(gate, attack())


async def test_bombs_and_tricks_are_refused(gate: Gate) -> None:
    """Compressed bombs, deep JSON, odd ids and names, broken HTTP: each is turned away; nothing is written anywhere else."""
    bomb = gzip.compress(b"0" * 10_000_000)
    deep = b'{"epoch": ' + b"[" * 400_000
    parcel = gate.knocker.parcel
    folder = gate.fleet.root
    before = sorted(path for path in folder.rglob("*") if path.is_dir())

    async def attack() -> None:
        post = gate.knocker.post
        assert (await post(bomb, **{"content-encoding": "gzip"})).status_code == 415
        assert (await post(bomb)).status_code == 400
        assert (await post(deep)).status_code == 400
        for trick in ("../../../etc/passwd", "/etc/passwd", "..", "a/b", "a\\b", "\x00", "x" * 10_000, "%2e%2e%2f"):
            one = parcel(1, names=(trick,))
            answers = [
                await post({"epoch": trick, "parcels": [one]}),
                await post({"epoch": "f" * 16, "parcels": [{**one, "id": trick}]}),
                await post({"epoch": "e" * 16, "parcels": [one, {**parcel(2), "kind": trick[:30]}]}),
                await post({"epoch": "d" * 16, "parcels": [parcel(1, id=trick)]}),
                await post({"epoch": "c" * 16, "parcels": [parcel(1, ref=trick)]}),
                await post({"epoch": "b" * 16, "parcels": [parcel(1, thread=trick)]}),
            ]
            for answer in answers:
                assert answer.status_code in (400, 409) or len(answer.json()["refused"]) >= 1, trick
        for raw in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"POST\r\n\r\n", b"\r\n" * 50, b"\xff" * 300):
            reader, writer = await gate.connect()
            with contextlib.closing(writer), contextlib.suppress(ConnectionError):
                writer.write(raw)
                writer.write_eof()
                assert not (await reader.readline()).startswith(b"HTTP/1.1 2")

    await while_attacked(gate, attack())
    assert sorted(path for path in folder.rglob("*") if path.is_dir() and "mailbox" not in str(path)) == [
        path for path in before if "mailbox" not in str(path)
    ]


async def test_nobody_speaks_for_another(gate: Gate) -> None:
    """Another's key, no key, a changed or replayed request, one for another node, another's `from`: nothing of it is mail."""
    knocker, stranger = gate.knocker, Knocker(gate.fleet)
    stranger.key = NodeKey.new()

    async def attack() -> None:
        async with stranger.http:
            assert (await stranger.deliver(stranger.parcel(9))).status_code == 401
        body = json.dumps({"epoch": "a" * 16, "parcels": [knocker.parcel(1, names=("nobody",))]}).encode()
        signed = signing.sign(
            knocker.key, "server1", method="POST", path="/v1/parcels", body=body, destination="server2", now_s=1
        )
        first = await knocker.http.post("/v1/parcels", content=body, headers=signed)
        again = await knocker.http.post("/v1/parcels", content=body, headers=signed)
        assert (first.status_code, first.json()) == (again.status_code, again.json())
        assert (await knocker.http.post("/v1/heartbeat", content=body, headers=signed)).status_code == 401
        assert (await knocker.http.post("/v1/parcels", content=body + b" ", headers=signed)).status_code == 401
        elsewhere = {**signed, "claudemail-destination": "server3"}
        assert (await knocker.http.post("/v1/parcels", content=body, headers=elsewhere)).status_code == 401
        assert (await knocker.http.post("/v1/parcels", content=body)).status_code == 401
        assert (await knocker.deliver(knocker.parcel(1, node="server2"), epoch="9" * 16)).status_code == 403
        page = {"origin": "https://evil.example"}
        assert (await knocker.post(body, **page)).status_code == 403
        assert (await knocker.post(body, host="evil.example")).status_code == 421

    await while_attacked(gate, attack())


async def test_a_peer_far_in_the_future_moves_nobody_elses_clock(gate: Gate) -> None:
    """Mail of a peer whose clock is years ahead is taken or refused, and what others send afterwards is not dated so."""
    ahead = int(time.time() * 1000) + 10 * 365 * 86_400_000

    async def attack() -> None:
        for number, at in enumerate((ahead, 253_402_300_799_000, 2**53 - 1), 1):
            brief = gate.knocker.parcel(number, at=at, stamp=f"{at:014d}-00000-server1", title="from the future")
            answer = await gate.knocker.deliver(brief, epoch="7" * 16)
            assert answer.status_code in (200, 400)

    await attack()
    async with await Office.open(gate.fleet["server2"].config) as office:
        sent = await office.send(office.operator(), _draft("now"))
        view = await office.read(office.operator(), sent.ref)
    assert abs(view.brief.at - time.time() * 1000) < 3_600_000


def _draft(title: str) -> Any:
    from claudemail.model.brief import Draft

    return Draft(to=["charlie"], title=title)


def garbage(dice: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a request that is worth nothing: a path, a body, and headers."""
    body = dice.randbytes(dice.choice((0, 10, 1_000, 20_000)))
    path = dice.choice(
        ("/v1/parcels", "/v1/heartbeat", "/v1/pull", "/v1/greeting", "/v1/join", "/", "/../x", "/v1/ping")
    )
    headers: dict[str, str] = {}
    if dice.random() < 0.5:
        node = dice.choice(("server1", "nobody", "server2"))
        headers = signing.sign(
            OTHER, node, method="POST", path=path, body=body, destination="server2", now_s=dice.randrange(2**33)
        )
    if headers and dice.random() < 0.3:
        headers[dice.choice(list(headers))] = dice.choice(("", "x", "claudemail=()", "\u00ff" * 50))
    if dice.random() < 0.2:
        headers["content-digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    return path, body, headers


OTHER = NodeKey.new()


async def _garbage(gate: Gate, count: int, seed: int) -> None:
    async def one_of_many(number: int) -> None:
        dice = random.Random(seed * 1000 + number)
        async with httpx.AsyncClient(base_url=gate.node.url, trust_env=False, timeout=30) as http:
            for _ in range(count // 16):
                path, body, headers = garbage(dice)
                encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
                with contextlib.suppress(httpx.TransportError):
                    answer = await http.post(path, content=body, headers=encoded)
                    assert 400 <= answer.status_code < 500, (path, answer.status_code)

    await asyncio.gather(*(one_of_many(number) for number in range(16)))


@pytest.mark.parametrize("count", [1_600, pytest.param(100_000, marks=pytest.mark.soak)])
async def test_garbage_is_turned_away(gate: Gate, count: int) -> None:
    """Thousands of requests that are worth nothing, sixteen at a time, are all refused; the log does not fill up with them."""
    seed = random.randrange(10_000)
    print(f"seed {seed}")  # noqa: T201 - to repeat a failure
    await while_attacked(gate, _garbage(gate, count, seed))
    log = gate.fleet["server2"].folder / "gateway.log"
    assert log.stat().st_size < 200_000 + 20 * count
