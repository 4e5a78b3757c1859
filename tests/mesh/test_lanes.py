"""Lanes: mail goes out by itself, in order, and one peer's trouble is nobody else's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.mesh.backoff import BASE_S, CAP_S, Backoff
from claudemail.model.brief import Draft
from claudemail.model.receipt import DeliveryState
from claudemail.office import Office
from claudemail.testing import Fleet, Member
from tests.mesh.conftest import impostor, reached
from tests.mesh.lone import command
from tests.nursery import raised

Connect = Callable[..., Any]


async def test_mail_that_another_process_accepts_goes_out_at_once(fleet: Fleet) -> None:
    """A gateway hears of mail that the command line or a console accepted, long before it would look of itself."""
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        sent = await office.send(office.operator(), Draft(to=["charlie"], title="from the command line"))
        assert sent.recipients[0].state is DeliveryState.QUEUED
        await reached(office, sent.ref, DeliveryState.DELIVERED)


async def test_mail_accepted_while_no_gateway_runs_goes_out_when_one_does(fleet: Fleet) -> None:
    """Mail waits in the outbox for its own gateway too, in the order in which it was accepted."""
    async with await Office.open(fleet["server1"].config) as office:
        for number in range(150):
            sent = await office.send(office.operator(), Draft(to=["charlie"], title=f"{number}"))
        fleet.start()
        await reached(office, sent.ref, DeliveryState.DELIVERED)
    async with await Office.open(fleet["server2"].config) as there:
        page = await there.inbox(["charlie"], limit=200)
        assert [row.title for row in reversed(page.rows)] == [str(number) for number in range(150)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b"[" * 200_000),
        (409, b'{"error": "gap", "have": 1' + b"0" * 22 + b"}"),
        (200, b'{"have": 1' + b"0" * 22 + b"}"),
        (200, b"not json"),
        (500, b"\xff" * 100),
        (302, b""),
        (200, b"x" * (1024 * 1024 + 1)),
    ],
    ids=["deep", "far gap", "far answer", "not JSON", "not text", "redirect", "large"],
)
async def test_no_answer_of_a_peer_harms_the_others(three: Fleet, status: int, body: bytes) -> None:
    """Whatever answers at a peer's address, mail to another peer arrives, and the lane's trouble is said."""
    async with (
        impostor(three["server3"], lambda _: (status, body)) as asked,
        await Office.open(three["server1"].config) as office,
    ):
        stuck = await office.send(office.operator(), Draft(to=["charlie"], title="stuck"))
        three["server1"].start()
        three["server2"].start()
        rung = asyncio.Event()
        office.subscribe(rung.set)
        async with asyncio.timeout(15):
            while "/v1/parcels" not in asked or (await office.status()).lanes[1].error is None:
                await rung.wait()
                rung.clear()
        sent = await office.send(office.operator(), Draft(to=["bravo"], title="fine"))
        await reached(office, sent.ref, DeliveryState.DELIVERED)
        [state] = (await office.read(office.operator(), stuck.ref)).recipients
        assert state.state is DeliveryState.QUEUED
        assert "server3" in (state.reason or "")


@pytest.mark.parametrize(
    "body",
    [b'{"have": 0}', b'{"error": "gap", "have": 0}', b'{"error": "conflict", "have": 9}'],
    ids=["nothing", "gap", "conflict"],
)
async def test_a_peer_that_takes_nothing_is_not_asked_without_end(three: Fleet, body: bytes) -> None:
    """An answer that brings a lane no further makes it wait longer and longer, as an error does."""
    status = 409 if b"error" in body else 200
    async with impostor(three["server3"], lambda path: (status, body) if "parcels" in path else (500, b"")) as asked:
        async with await Office.open(three["server1"].config) as office:
            await office.send(office.operator(), Draft(to=["charlie"], title="stuck"))
            three["server1"].start()
            three["server2"].start()
            rung = asyncio.Event()
            office.subscribe(rung.set)
            async with asyncio.timeout(15):
                while asked.count("/v1/parcels") < 3:
                    await rung.wait()
                    rung.clear()
            for number in range(30):  # each is a round trip through the same gateway
                sent = await office.send(office.operator(), Draft(to=["bravo"], title=f"{number}"))
                await reached(office, sent.ref, DeliveryState.DELIVERED)
        assert asked.count("/v1/parcels") < 15


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Fleet]:
    """Three nodes."""
    layout = {
        f"server{number}": {f"instance{number}": [name]} for number, name in enumerate(("alpha", "bravo", "charlie"), 1)
    }
    with raised(Fleet(tmp_path / "three", layout)) as fleet:
        yield fleet


async def test_a_peer_that_never_answers_delays_nobody_else(three: Fleet) -> None:
    """While one peer takes connections and is silent, mail to another arrives, and status says which waits."""
    silent = three["server3"].config.node
    three["server1"].start()
    three["server2"].start()
    with socket.create_server((silent.ip, silent.port)):
        async with await Office.open(three["server1"].config) as office:
            stuck = await office.send(office.operator(), Draft(to=["charlie"], title="stuck"))
            for number in range(20):
                sent = await office.send(office.operator(), Draft(to=["bravo"], title=f"{number}"))
            await reached(office, sent.ref, DeliveryState.DELIVERED)
            lanes = {lane.node: lane for lane in (await office.status()).lanes}
            assert (lanes["server2"].waiting, lanes["server3"].waiting) == (0, 1)
            assert lanes["server3"].oldest_at == stuck.recipients[0].at


async def test_a_peer_that_was_set_back_is_served_again_though_nothing_new_is_sent(fleet: Fleet) -> None:
    """A node restored from an older copy gets what it had acknowledged since, once, without a new brief on the lane."""
    fleet.start()
    here, there = fleet["server1"], fleet["server2"]
    async with await Office.open(here.config) as office:
        for number in range(3):
            sent = await office.send(office.operator(), Draft(to=["charlie"], title=f"{number}"))
            await reached(office, sent.ref, DeliveryState.DELIVERED)
            if number == 0:
                there.kill()
                copy = {path.name: path.read_bytes() for path in there.folder.glob("claudemail.db*") if path.is_file()}
                there.start()
    there.kill()
    for path in there.folder.glob("claudemail.db*"):
        if path.is_file():
            path.unlink()
    for name, content in copy.items():
        (there.folder / name).write_bytes(content)
    async with await Office.open(there.config) as office:
        charlie = await office.party("charlie")
        assert (await office.check(charlie)).unread == 1
        rung = asyncio.Event()
        office.subscribe(rung.set)
        there.start()
        async with asyncio.timeout(20):
            while (await office.check(charlie)).unread < 3:
                await rung.wait()
                rung.clear()
        page = await office.inbox(["charlie"])
        assert [row.title for row in reversed(page.rows)] == ["0", "1", "2"]


async def test_mail_to_a_name_that_a_peer_does_not_know_becomes_a_dead_letter(fleet: Fleet) -> None:
    """A name that only the sender's config has is refused for good by its node, and the sender sees why."""
    path = fleet["server1"].config_path
    data = json.loads(path.read_text())
    data["instances"][-1]["callsigns"].append("hotel")
    path.write_text(json.dumps(data))
    fleet.start()
    async with await Office.open(Member(path).config) as office:
        sent = await office.send(office.operator(), Draft(to=["hotel"], title="lost"))
        await reached(office, sent.ref, DeliveryState.FAILED)
        both = await office.send(office.operator(), Draft(to=["hotel", "charlie"], title="half lost"))
        rung = asyncio.Event()
        office.subscribe(rung.set)
        states: dict[str, DeliveryState] = {}
        async with asyncio.timeout(15):
            while states != {"charlie": DeliveryState.DELIVERED, "hotel": DeliveryState.FAILED}:
                await rung.wait()
                rung.clear()
                view = await office.read(office.operator(), both.ref)
                states = {state.name: state.state for state in view.recipients}
        [letter] = (await office.status()).dead_letters
        assert (letter.ref, letter.node) == (sent.ref, "server2")
        assert "Nobody on server2 is called hotel" in letter.reason


async def test_without_keys_mail_is_carried_and_labelled_unverified(tmp_path: Path, connect: Connect) -> None:
    """With the plain config of a trusted network, in which no node has a key, everything works and says UNVERIFIED."""
    layout = {"server1": {"instance1": ["alpha"]}, "server2": {"instance2": ["charlie"]}}
    with raised(Fleet(tmp_path / "plain", layout, signed=False)) as fleet:
        fleet.start()
        async with connect(fleet["server1"]) as alpha, connect(fleet["server2"]) as charlie:
            await alpha("send", to="charlie", title="plain")
            await charlie.until("check", "1 unread brief")
            assert "UNVERIFIED" in await charlie("digest")
            assert "From alpha (server1), UNVERIFIED" in await charlie("read", ref=1)
            assert "its mail is UNVERIFIED" in await charlie("status")
            assert "verified, to charlie" in await alpha("read", ref=1)


def test_backoff_grows_to_its_cap_and_begins_anew() -> None:
    """Delays lie below a ceiling that doubles up to the cap, are spread, and start small again after contact."""
    backoff = Backoff()
    delays = [backoff.next() for _ in range(40)]
    assert all(0 < delay <= min(CAP_S, BASE_S * 2**number) for number, delay in enumerate(delays))
    assert max(delays[12:]) > CAP_S / 4
    assert len(set(delays)) == len(delays)
    backoff.reset()
    assert backoff.next() <= BASE_S


async def test_only_the_peer_itself_says_that_it_has_mail(three: Fleet) -> None:
    """An answer that is not signed by the peer's key is nobody's: the mail waits, and status says why."""
    async with (
        impostor(three["server3"], lambda _: (200, b'{"have": 9}'), NodeKey.new()) as asked,
        await Office.open(three["server1"].config) as office,
    ):
        stuck = await office.send(office.operator(), Draft(to=["charlie"], title="stuck"))
        three["server1"].start()
        rung = asyncio.Event()
        office.subscribe(rung.set)
        async with asyncio.timeout(15):
            while asked.count("/v1/parcels") < 2 or (await office.status()).lanes[1].error is None:
                await rung.wait()
                rung.clear()
        lane = (await office.status()).lanes[1]
        assert lane.waiting == 1
        assert "signature of the answer is not by the key of server3" in (lane.error or "")
        assert (await office.read(office.operator(), stuck.ref)).recipients[0].state is DeliveryState.QUEUED


class Small:
    """A peer that takes nothing larger than so many bytes."""

    def __init__(self, most: int, key: NodeKey) -> None:
        self._most = most
        self._key = key
        self.taken: list[int] = []
        self.refused: list[int] = []
        self._have = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
                given = next(line[11:] for line in head.split("\r\n") if line.lower().startswith("signature: "))
                body = await reader.readexactly(int(fields["content-length"]))
                status, answer = self._answer(head.split()[1], body)
                signed = signing.sign_answer(
                    [self._key], "server2", status=status, body=answer, request=given, now_s=int(time.time())
                )
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(answer)}", *map(": ".join, signed.items())]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + answer)

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path != "/v1/parcels":
            return 503, b'{"error": "busy", "message": "later"}'
        parcels = json.loads(body)["parcels"]
        if len(body) > self._most:
            self.refused.append(len(parcels))
            return 413, b'{"error": "too_large", "message": "That is too much."}'
        self.taken.append(len(parcels))
        return 200, json.dumps({"have": parcels[-1]["seq"]}).encode()


async def test_a_peer_that_takes_less_is_sent_less_and_what_never_fits_becomes_a_dead_letter(fleet: Fleet) -> None:
    """On 413 batches are halved until they fit; one brief that is too large alone is given up, and the others go on."""
    member = fleet["server2"]
    small = Small(30_000, NodeKey.load_or_create(member.folder))
    server = await asyncio.start_server(small.serve, member.config.node.ip, member.config.node.port)
    async with server, await Office.open(fleet["server1"].config) as office:
        for number in range(20):
            await office.send(office.operator(), Draft(to=["charlie"], title=f"{number}", body="x" * 4_000))
        huge = await office.send(office.operator(), Draft(to=["charlie"], title="huge", body="x" * 60_000))
        last = await office.send(office.operator(), Draft(to=["charlie"], title="last"))
        fleet["server1"].start()
        await reached(office, last.ref, DeliveryState.DELIVERED)
        view = await office.read(office.operator(), huge.ref)
        assert view.recipients[0].state is DeliveryState.FAILED
        assert "That is too much" in (view.recipients[0].reason or "")
        status = await office.status()
        assert [letter.ref for letter in status.dead_letters] == [huge.ref]
        assert status.lanes[0].waiting == 0
    assert max(small.taken) > 1
    assert max(small.refused) > 1
    assert sum(small.taken) == 22  # with the empty one in the place of the huge one
    fleet["server1"].kill()


async def test_mail_that_waits_or_was_refused_is_tried_again_when_somebody_asks(fleet: Fleet) -> None:
    """`retry` sends dead letters again, as new ones, and has a peer tried that is not due for minutes."""
    path = fleet["server2"].config_path
    whole = path.read_text()
    data = json.loads(whole)
    data["instances"][-1]["callsigns"] = ["golf"]
    path.write_text(json.dumps(data))
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        sent = await office.send(office.operator(), Draft(to=["charlie"], title="early"))
        await reached(office, sent.ref, DeliveryState.FAILED)
        fleet["server2"].kill()
        path.write_text(whole)
        ran = await asyncio.to_thread(run, fleet["server1"], "retry", sent.ref)
        assert "1 dead letter on the way again" in ran
        assert (await office.read(office.operator(), sent.ref)).recipients[0].state is DeliveryState.QUEUED
        fleet["server2"].start()
        ran = await asyncio.to_thread(run, fleet["server1"], "retry", "server2")
        await reached(office, sent.ref, DeliveryState.DELIVERED)
        assert (await office.status()).dead_letters == []
        ran = await asyncio.to_thread(run, fleet["server1"], "retry", "--all")
        assert "Nothing waits for another node" in ran
    async with await Office.open(fleet["server2"].config) as there:
        assert [row.title for row in (await there.inbox(["charlie"])).rows] == ["early"]


async def test_a_lane_that_waits_out_a_failure_is_woken_by_a_retry(fleet: Fleet) -> None:
    """A peer that asks to be left alone for an hour is tried at once when a person asks for it."""
    member = fleet["server2"]
    calls = asyncio.Queue[str]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            calls.put_nowait(head.split()[1])
            writer.write(b"HTTP/1.1 429 X\r\nretry-after: 3600\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()

    server = await asyncio.start_server(serve, member.config.node.ip, member.config.node.port)
    async with server, await Office.open(fleet["server1"].config) as office:
        await office.send(office.operator(), Draft(to=["charlie"], title="t"))
        fleet["server1"].start()
        async with asyncio.timeout(20):
            while await calls.get() != "/v1/parcels":
                pass
            await asyncio.to_thread(run, fleet["server1"], "retry")
            while await calls.get() != "/v1/parcels":
                pass
        fleet["server1"].kill()


def run(member: Member, *arguments: str) -> str:
    """Run a command on a node; return what it prints."""
    done = command(member.environment, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
