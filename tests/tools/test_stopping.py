"""A gateway that is asked to end: what is in flight is seen through, within seconds, and then it ends well."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from claudemail import running
from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Batch
from claudemail.office import Office
from claudemail.store.gate import Gate
from claudemail.testing import Fleet, Member, until

Connect = Callable[..., Any]


def log_of(member: Member) -> list[dict[str, Any]]:
    """Return the entries of a gateway's log."""
    path = member.folder / running.LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def events(member: Member) -> list[str]:
    """Return what has happened to a gateway, by its log."""
    return [entry["event"] for entry in log_of(member)]


def ask_to_stop(member: Member) -> None:
    """Send SIGTERM, and return once the gateway has taken it."""
    assert member.gateway is not None
    member.gateway.send_signal(signal.SIGTERM)
    until(lambda: "stopping" in events(member), "the gateway has begun to stop")


def ended_with(member: Member) -> int:
    """Return the exit code of a gateway once it has ended."""
    assert member.gateway is not None
    code = member.gateway.wait(timeout=40)
    member.gateway = None
    return code


def request_to(fleet: Fleet, body: bytes) -> bytes:
    """Return a whole signed request of server1's to server2, as it is on the wire."""
    key = NodeKey.load_or_create(fleet["server1"].folder)
    signed = signing.sign(
        key, "server1", method="POST", path="/v1/parcels", body=body, destination="server2", now_s=int(time.time())
    )
    node = fleet["server2"].config.node
    headers = {"host": f"{node.ip}:{node.port}", "content-type": "application/json", **signed}
    lines = ["POST /v1/parcels HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


async def batch_for_charlie(fleet: Fleet) -> Batch:
    """Send charlie a brief from server1, whose gateway does not run; return what waits for server2."""
    async with await Office.open(fleet["server1"].config) as office:
        await office.send(office.operator(), Draft(to=["charlie"], title="half sent"))
        batch = await office.transit.next_batch("server2")
    assert batch is not None
    return batch


async def test_a_request_that_is_half_sent_is_taken_and_answered(fleet: Fleet) -> None:
    """A peer that has sent half of its parcels when the gateway is to end sends the rest, and is told that they are kept."""
    member = fleet["server2"]
    member.start()
    batch = await batch_for_charlie(fleet)
    request = request_to(fleet, batch.model_dump_json().encode())
    node = member.config.node
    with socket.create_connection((node.ip, node.port), timeout=20) as peer:
        peer.sendall(request[:-40])
        # A second connection is served after the first was accepted, and so its head was read.
        with socket.create_connection((node.ip, node.port), timeout=20) as other:
            other.sendall(b"GET /v1/ping HTTP/1.1\r\nhost: x\r\n\r\n")
            assert other.recv(4096).startswith(b"HTTP/1.1 200")
        ask_to_stop(member)

        def refused() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((node.ip, node.port)) != 0

        until(refused, "no new connection is taken")
        peer.sendall(request[-40:])
        answer = b""
        while data := peer.recv(65_536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer
    assert Answer.model_validate_json(body).have == batch.parcels[-1].seq
    assert ended_with(member) == 0
    async with await Office.open(member.config) as office:
        assert [row.title for row in (await office.inbox(["charlie"])).rows] == ["half sent"]


async def test_a_request_that_never_ends_does_not_keep_it(fleet: Fleet) -> None:
    """A peer that stops in the midst of its request delays the end by seconds, and does not prevent it."""
    member = fleet["server2"]
    member.start()
    node = member.config.node
    with socket.create_connection((node.ip, node.port), timeout=20) as peer:
        peer.sendall(request_to(fleet, b"{}" * 100)[:-50])
        ask_to_stop(member)
        assert ended_with(member) == 0


async def test_a_call_that_waits_is_told_at_once_to_call_again(fleet: Fleet, connect: Connect) -> None:
    """`claudemail_waiting` with `wait_s` gets an error that says what to do, and the session goes on with the next gateway."""
    member = fleet["server1"]
    member.start()
    async with connect(member) as alpha:
        waiting = asyncio.create_task(alpha.outcome("waiting", wait_s=3000))
        await alpha("roster")  # is answered after the wait was read
        ask_to_stop(member)
        text, failed = await waiting
        assert failed
        assert "Call again" in text
        assert ended_with(member) == 0
        assert "You are alpha" in await alpha("roster")


async def test_a_call_in_progress_is_answered(fleet: Fleet, connect: Connect) -> None:
    """A send that waits for the disk when the gateway is to end is answered when it is done, and not with an error."""
    member = fleet["server1"]
    member.start()
    async with connect(member) as alpha:
        await alpha("roster")
        gate = Gate(Path(member.config.db_path))
        with gate:
            sending = asyncio.create_task(alpha.outcome("send", to="bravo", title="in progress"))
            await alpha("roster")
            await asyncio.to_thread(ask_to_stop, member)
            assert not sending.done()
        gate.close()
        text, failed = await sending
        assert not failed, text
        assert await asyncio.to_thread(ended_with, member) == 0
    with closing(sqlite3.connect(member.config.db_path)) as connection:
        assert connection.execute("SELECT title FROM briefs").fetchall() == [("in progress",)]


async def test_a_second_signal_ends_it_at_once(fleet: Fleet, connect: Connect) -> None:
    """Whoever asks twice does not wait for what is in flight; what was accepted is safe all the same."""
    member = fleet["server1"]
    member.start()
    async with connect(member) as alpha:
        await alpha("send", to="bravo", title="accepted")
        gate = Gate(Path(member.config.db_path))
        with gate:
            sending = asyncio.create_task(alpha.outcome("send", to="bravo", title="in progress"))
            await alpha("roster")
            await asyncio.to_thread(ask_to_stop, member)
            assert member.gateway is not None
            member.gateway.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(ended_with, member) == -signal.SIGTERM
        gate.close()
        text, failed = await sending
        assert failed
        assert "Call again" in text
        assert "1 sent from here" in await alpha("status")
    assert "stopped_at_once" in events(member)


class SlowPeer:
    """Server2's stand-in: it takes parcels and answers them only when told to."""

    def __init__(self, fleet: Fleet) -> None:
        self._node = fleet["server2"].config.node
        self._key = NodeKey.load_or_create(fleet["server2"].folder)
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __aenter__(self) -> SlowPeer:
        self._server = await asyncio.start_server(self._serve, self._node.ip, self._node.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.may_answer.set()
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next(int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length"))
        body = await reader.readexactly(size)
        given = next(line[11:] for line in head.split("\r\n") if line.lower().startswith("signature: "))
        answer, status = b"{}", 404
        if head.startswith("POST /v1/parcels"):
            self.asked.set()
            await self.may_answer.wait()
            last = Batch.model_validate_json(body).parcels[-1].seq
            answer, status = Answer(have=last, refused=[]).model_dump_json().encode(), 200
        signed = signing.sign_answer(
            [self._key], self._node.id, status=status, body=answer, request=given, now_s=int(time.time())
        )
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(answer)}", "connection: close"]
        writer.write(("\r\n".join([*lines, *map(": ".join, signed.items())]) + "\r\n\r\n").encode() + answer)
        writer.close()


async def test_a_batch_in_flight_is_seen_through(fleet: Fleet) -> None:
    """The answer to parcels that are on their way when the gateway is to end is taken in: they are not sent again."""
    member = fleet["server1"]
    await batch_for_charlie(fleet)
    async with SlowPeer(fleet) as peer:
        await asyncio.to_thread(member.start)
        await peer.asked.wait()
        await asyncio.to_thread(ask_to_stop, member)
        peer.may_answer.set()
        assert await asyncio.to_thread(ended_with, member) == 0
    async with await Office.open(member.config) as office:
        [lane] = (await office.status()).lanes
        assert (lane.waiting, lane.dead) == (0, 0)


async def test_a_peer_that_never_answers_does_not_keep_it(fleet: Fleet) -> None:
    """Parcels whose peer keeps silent stay in the outbox, and the gateway ends."""
    member = fleet["server1"]
    await batch_for_charlie(fleet)
    async with SlowPeer(fleet) as peer:
        await asyncio.to_thread(member.start)
        await peer.asked.wait()
        await asyncio.to_thread(ask_to_stop, member)
        assert await asyncio.to_thread(ended_with, member) == 0
    async with await Office.open(member.config) as office:
        [lane] = (await office.status()).lanes
        assert lane.waiting == 1
