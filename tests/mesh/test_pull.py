"""Nodes that cannot be reached: they fetch their mail, and everything else works as with any other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from claudemail.model.brief import Draft
from claudemail.model.receipt import DeliveryState
from claudemail.model.roster import Liveness
from claudemail.office import Office
from claudemail.testing import Fleet, Member
from tests.mesh.conftest import Knocker, reached
from tests.nursery import Nursling, raised


def change(fleet: Fleet, node: str, **fields: object) -> None:
    """Change a node's entry in the config of every node."""
    for name, member in list(fleet.nodes.items()):
        data = json.loads(member.config_path.read_text())
        for entry in data["nodes"]:
            if entry["id"] == node:
                entry.update(fields)
                for key in [key for key, value in fields.items() if value is None]:
                    del entry[key]
        data["poll_interval_ms"] = 500
        member.config_path.write_text(json.dumps(data))
        fleet.nodes[name] = Nursling(member.config_path)


@pytest.fixture(params=[True, False], ids=["keys", "no keys"])
def laptop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """A server, and a laptop without an address."""
    layout = {"server1": {"instance1": ["alpha"]}, "laptop": {"instance2": ["charlie"]}}
    with raised(Fleet(tmp_path / "fleet", layout, signed=request.param, heartbeat_ms=1_000)) as fleet:
        change(fleet, "laptop", pull=True, ip=None, gateway_port=None)
        yield fleet


async def _there(office: Office, mailbox: str, count: int) -> list[str]:
    """Return the titles in a mailbox once there are so many."""
    rung = asyncio.Event()
    unsubscribe = office.subscribe(rung.set)
    async with asyncio.timeout(20):
        while len(rows := (await office.inbox([mailbox], limit=count + 10)).rows) < count:
            await rung.wait()
            rung.clear()
    unsubscribe()
    return [row.title for row in reversed(rows)]


async def test_mail_reaches_a_node_that_cannot_be_reached(laptop: Fleet) -> None:
    """Mail goes both ways, in order and at once; receipts and the roster too; killing the laptop's gateway changes nothing."""
    laptop.start()
    async with (
        await Office.open(laptop["server1"].config) as office,
        await Office.open(laptop["laptop"].config) as there,
    ):
        for number in range(150):
            sent = await office.send(office.operator(), Draft(to=["charlie"], title=f"{number}"))
            if number == 70:
                await asyncio.to_thread(laptop["laptop"].kill)
                await asyncio.to_thread(laptop["laptop"].start)
        assert await _there(there, "charlie", 150) == [f"{number}" for number in range(150)]
        await reached(office, sent.ref, DeliveryState.DELIVERED)
        back = await there.send(there.operator(), Draft(to=["alpha"], title="back"))
        await reached(there, back.ref, DeliveryState.DELIVERED)
        charlie = await there.party("charlie")
        await there.shown(charlie, [(await there.read(charlie, "1")).number])
        first = (await there.inbox(["charlie"], limit=200)).rows[-1]
        await reached(office, first.ref, DeliveryState.READ)
        lane = (await office.status()).lanes[0]
        assert (lane.pull, lane.waiting, lane.liveness, lane.error) == (True, 0, Liveness.LIVE, None)
        assert lane.version
        status = await there.status()
        assert status.pull
        assert status.listening is None
        assert status.lanes[0].liveness is Liveness.LIVE
        assert (await there.read(charlie, "1")).verified == bool(laptop["server1"].config.node.public_key)


async def test_a_refusal_of_a_node_that_fetches_its_mail_is_a_dead_letter(laptop: Fleet) -> None:
    """What it does not take is refused by its next call, and what comes after is taken."""
    path = laptop["server1"].config_path
    data = json.loads(path.read_text())
    data["instances"][-1]["callsigns"].append("hotel")
    path.write_text(json.dumps(data))
    laptop.start()
    async with await Office.open(Member(path).config) as office:
        lost = await office.send(office.operator(), Draft(to=["hotel"], title="lost"))
        fine = await office.send(office.operator(), Draft(to=["charlie"], title="fine"))
        await reached(office, fine.ref, DeliveryState.DELIVERED)
        await reached(office, lost.ref, DeliveryState.FAILED)


async def test_a_node_that_was_set_back_is_served_again_when_it_asks(laptop: Fleet) -> None:
    """A laptop that is restored from an older copy gets what it had since, once."""
    laptop.start()
    there_member = laptop["laptop"]
    async with await Office.open(laptop["server1"].config) as office:
        for number in range(3):
            sent = await office.send(office.operator(), Draft(to=["charlie"], title=f"{number}"))
            await reached(office, sent.ref, DeliveryState.DELIVERED)
            if number == 0:
                there_member.kill()
                copy = {p.name: p.read_bytes() for p in there_member.folder.glob("claudemail.db*") if p.is_file()}
                there_member.start()
        there_member.kill()
        for old in there_member.folder.glob("claudemail.db*"):
            if old.is_file():
                old.unlink()
        for name, content in copy.items():
            (there_member.folder / name).write_bytes(content)
        there_member.start()
        async with await Office.open(there_member.config) as there:
            assert await _there(there, "charlie", 3) == ["0", "1", "2"]


async def test_mail_comes_by_the_repair_poll_where_only_one_side_reaches_the_other(fleet: Fleet) -> None:
    """A node that others cannot reach, though the config says nothing of it, gets its mail all the same."""
    free = fleet["server2"].config.node.port
    change(fleet, "server2", bind="127.0.0.3")
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        sent = await office.send(office.operator(), Draft(to=["charlie"], title="by the back door"))
        await reached(office, sent.ref, DeliveryState.DELIVERED)
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.1:{free}/v1/ping")


async def test_mail_is_not_handed_to_who_only_says_its_name(tmp_path: Path) -> None:
    """Without keys, a call in the name of a node that can be reached gets none of its mail, and takes none away."""
    layout = {"server1": {"instance1": ["alpha"]}, "server2": {"instance2": ["charlie"]}}
    with raised(Fleet(tmp_path / "plain", layout, signed=False)) as fleet:
        fleet["server2"].start()
        async with await Office.open(fleet["server2"].config) as office:
            sent = await office.send(office.operator(), Draft(to=["alpha"], title="private"))
            knocker = Knocker(fleet)
            async with knocker.http:
                batch = await office.transit.next_batch("server1")
                assert batch is not None
                outcome = {"epoch": batch.epoch, "last": 1, "answer": {"have": 1}}
                answer = await knocker.post({"wait_ms": 0}, "/v1/pull")
                assert answer.json() == {"batch": None}
                answer = await knocker.post({"outcome": outcome}, "/v1/pull")
                assert answer.json() == {"batch": None}
            assert (await office.read(office.operator(), sent.ref)).recipients[0].state is DeliveryState.QUEUED


async def test_a_pull_is_served_and_acknowledged(fleet: Fleet) -> None:
    """A call is answered with the next parcels; the same again until their outcome is told; a newer call ends an older one."""
    change(fleet, "server1", pull=True)
    fleet["server2"].start()
    knocker = Knocker(fleet)
    async with knocker.http, await Office.open(fleet["server2"].config) as there:
        await _pulls(knocker, there)


async def test_a_pull_of_a_node_that_is_pushed_to_brings_nothing(knocker: Knocker, there: Office) -> None:
    """Mail for a node that can be reached is pushed; it is not handed out a second time."""
    await there.send(there.operator(), Draft(to=["alpha"], title="one"))
    assert (await knocker.post({}, "/v1/pull")).json() == {"batch": None}


async def _pulls(knocker: Knocker, there: Office) -> None:
    waiting = asyncio.create_task(knocker.post({"wait_ms": 30_000}, "/v1/pull"))
    sent = await there.send(there.operator(), Draft(to=["alpha"], title="one"))
    first = (await waiting).json()["batch"]
    assert [parcel["body"]["brief"]["title"] for parcel in first["parcels"]] == ["one"]
    again = (await knocker.post({}, "/v1/pull")).json()["batch"]
    assert again == first
    outcome = {"epoch": first["epoch"], "last": first["parcels"][-1]["seq"], "answer": {"have": 1}}
    older = asyncio.create_task(knocker.post({"outcome": outcome, "wait_ms": 30_000}, "/v1/pull"))
    await reached(there, sent.ref, DeliveryState.DELIVERED)
    newer = await knocker.post({"outcome": outcome}, "/v1/pull")
    assert newer.json() == {"batch": None}
    assert (await older).json() == {"batch": None}
    for wrong in ({"wait_ms": 99_999}, {"outcome": {"epoch": first["epoch"], "last": 1}}, {"outcome": 7}):
        assert (await knocker.post(wrong, "/v1/pull")).status_code == 400


async def test_ping_goes_one_way(laptop: Fleet) -> None:
    """A node that cannot be reached asks others whether they are there; asked itself, it is said that it calls by itself."""
    laptop.start()
    async with (
        await Office.open(laptop["server1"].config) as office,
        await Office.open(laptop["laptop"].config) as away,
    ):
        assert (await away.ping("server1")).error is None
        found = await office.ping("laptop")
        assert (found.rtt_ms, found.error) == (
            None,
            "laptop cannot be called (pull in the config): it calls by itself.",
        )
