"""Whom a node takes mail from, how much, and over what: allow lists, quotas, TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from claudemail import config as configuration
from claudemail.errors import ConfigError
from claudemail.mesh import tls
from claudemail.mesh.pace import Bucket, Pace
from claudemail.model.brief import Draft
from claudemail.model.receipt import DeliveryState
from claudemail.office import Office
from claudemail.running import own_command
from claudemail.testing import Fleet
from tests.mesh.conftest import Knocker, reached, titles
from tests.nursery import Nursling


def edit(fleet: Fleet, name: str, **fields: object) -> None:
    """Change a node's config; its `nodes` are merged by their ids."""
    path = fleet[name].config_path
    data = json.loads(path.read_text())
    nodes = fields.pop("nodes", {})
    assert isinstance(nodes, dict)
    for entry in data["nodes"]:
        entry.update(nodes.get(entry["id"], {}))
    path.write_text(json.dumps({**data, **fields}))
    fleet.nodes[name] = Nursling(path)


@pytest.mark.parametrize("accepted", [["ALPHA"], ["instance1"]], ids=["callsign", "instance"])
async def test_only_mail_of_those_on_the_list_is_taken(fleet: Fleet, accepted: list[str]) -> None:
    """With accept_from, a peer's other senders have their mail refused for good, and are told why."""
    edit(fleet, "server2", nodes={"server1": {"accept_from": accepted}})
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        alpha, delta = await office.party("alpha"), await office.party("delta")
        refused = await office.send(delta, Draft(to=["charlie"], title="refused"))
        taken = await office.send(alpha, Draft(to=["charlie"], title="taken"))
        await reached(office, taken.ref, DeliveryState.DELIVERED)
        await reached(office, refused.ref, DeliveryState.FAILED)
        [letter] = (await office.status()).dead_letters
        assert letter.reason == "server2 takes no mail from delta of server1 (accept_from in its config)."
    async with await Office.open(fleet["server2"].config) as there:
        assert await titles(there) == ["taken"]


async def test_a_peer_brings_only_so_much_in_a_day(fleet: Fleet) -> None:
    """Beyond its quota a peer is told to come back later; what it has waits at its own node, in order, and is not lost."""
    edit(fleet, "server2", peer_quota_mb=1)
    fleet["server2"].start()
    knocker = Knocker(fleet)
    async with knocker.http:
        answers = [
            await knocker.deliver(knocker.parcel(number, title=f"{number}", body="x" * 100_000))
            for number in range(1, 12)
        ]
        fine = [answer.status_code for answer in answers].index(429)
        assert [answer.status_code for answer in answers] == [200] * fine + [429] + [409] * (10 - fine)
        assert 8 <= fine <= 10
        assert int(answers[fine].headers["retry-after"]) > 0
        assert "1 MiB of mail a day from server1" in answers[fine].json()["message"]
        # What is no mail still gets through.
        assert (await knocker.post({"version": "1", "at": 1, "roster": []}, "/v1/heartbeat")).status_code == 200
    async with await Office.open(fleet["server2"].config) as there:
        assert await titles(there) == [f"{number}" for number in range(1, fine + 1)]


async def test_a_sender_that_is_over_its_quota_sees_why_its_mail_waits(fleet: Fleet) -> None:
    """The sender's status says that the other node takes no more for now; nothing goes to dead letters."""
    edit(fleet, "server2", peer_quota_mb=1)
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        for _ in range(12):
            await office.send(office.operator(), Draft(to=["charlie"], title="t", body="x" * 100_000))
        rung = asyncio.Event()
        office.subscribe(rung.set)
        async with asyncio.timeout(20):
            # That it cannot be reached may come first: the gateways begin one after the other.
            while "takes at most 1 MiB of mail a day" not in ((lane := (await office.status()).lanes[0]).error or ""):
                await rung.wait()
                rung.clear()
        assert lane.waiting
        assert lane.retry_at is not None
        assert (await office.status()).dead_letters == []


def test_a_peer_has_so_many_requests_and_then_more_with_time() -> None:
    """A bucket gives out what is in it, then nothing, and again as much as has run in since, up to its most."""
    bucket = Bucket(rate=10, most=20)
    assert [bucket.take(0.0) for _ in range(25)] == [True] * 20 + [False] * 5
    assert [bucket.take(0.55) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [bucket.take(1_000.0) for _ in range(25)].count(True) == 20


async def test_refusals_go_out_one_after_the_other() -> None:
    """Beyond a burst each waits for its turn; whoever would wait too long is sent away at once."""
    pace = Pace(100, burst=5)
    started = asyncio.get_running_loop().time()
    turns = await asyncio.gather(*(pace.turn(0.1) for _ in range(40)))
    assert 10 <= turns.count(True) <= 25
    assert asyncio.get_running_loop().time() - started >= 0.05
    assert await pace.turn(1.0)


def certificate(fleet: Fleet, name: str) -> str:
    """Have a node make its certificate; return that."""
    member = fleet[name]
    run = subprocess.run(own_command("certificate"), env=member.environment, capture_output=True, text=True, check=True)
    assert "tls_cert" in run.stdout
    return (member.folder / "tls.crt").read_text()


async def test_mail_over_tls_with_pinned_certificates(fleet: Fleet) -> None:
    """Each node serves TLS with its certificate, and speaks with the other only where that shows the one in the config."""
    pinned = {name: {"tls_cert": certificate(fleet, name)} for name in ("server1", "server2")}
    for name in pinned:
        edit(fleet, name, nodes=pinned, tls_cert="tls.crt", tls_key="tls.key")
    fleet.start()
    assert fleet["server2"].config.node.url.startswith("https://")
    async with await Office.open(fleet["server1"].config) as office:
        sent = await office.send(office.operator(), Draft(to=["charlie"], title="private"))
        await reached(office, sent.ref, DeliveryState.DELIVERED)
    plain = fleet["server2"].config.node.url.replace("https", "http")
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"{plain}/v1/ping")
    # Somebody with another certificate at its address, though with the node's own signing key.
    fleet["server2"].kill()
    (fleet["server2"].folder / "tls.crt").unlink()
    (fleet["server2"].folder / "tls.key").unlink()
    certificate(fleet, "server2")
    fleet["server2"].start()
    async with await Office.open(fleet["server1"].config) as office:
        stuck = await office.send(office.operator(), Draft(to=["charlie"], title="stuck"))
        rung = asyncio.Event()
        office.subscribe(rung.set)
        async with asyncio.timeout(20):
            # That it cannot be reached may come first: it was down for a while.
            while "another certificate than the one in the config" not in (
                (await office.status()).lanes[0].error or ""
            ):
                await rung.wait()
                rung.clear()
        assert (await office.read(office.operator(), stuck.ref)).recipients[0].state is DeliveryState.QUEUED


def test_a_certificate_is_not_made_twice_and_its_key_is_private(tmp_path: Path) -> None:
    """The key is for its owner alone; what is there is not written over."""
    paths = tls.make_certificate("server1", tmp_path)
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o644, 0o600]
    before = [path.read_bytes() for path in paths]
    with pytest.raises(FileExistsError):
        tls.make_certificate("server1", tmp_path)
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize(
    ("fields", "node", "says"),
    [
        ({"tls_cert": "a.pem"}, {}, "both tls_cert and tls_key"),
        ({}, {"tls_cert": 7}, "nodes[1].tls_cert"),
        ({}, {"accept_from": "alpha"}, "nodes[1].accept_from"),
        ({}, {"accept_from": ["../x"]}, "nodes[1].accept_from"),
        ({}, {"pull": "yes"}, "nodes[1].pull"),
        ({"peer_quota_mb": 0}, {}, "peer_quota_mb"),
        ({}, {"ip": None}, "nodes[1].ip"),
    ],
)
def test_mistakes_in_the_config_of_trust_are_named(
    seed: dict[str, object], fields: dict[str, object], node: dict[str, object], says: str
) -> None:
    """Each says which key it is and what is expected."""
    nodes = seed["nodes"]
    assert isinstance(nodes, list)
    data = {**seed, **fields, "nodes": [nodes[0], {**nodes[1], **node}]}
    with pytest.raises(ConfigError) as caught:
        configuration.parse(json.dumps(data), "config.json", {configuration.NODE_ENV: "server1"})
    assert says in caught.value.message


def test_a_pinned_certificate_that_is_none_is_said(tmp_path: Path) -> None:
    """A file that is missing, or no certificate, is an error that names the node."""
    (tmp_path / "x.pem").write_text("no certificate")
    for path in ("x.pem", "gone.pem"):
        node = configuration.Node("server2", "127.0.0.1", tls_cert=str(tmp_path / path))
        with pytest.raises(ConfigError, match="certificate of server2"):
            tls.client_context(node)
    crt, _ = tls.make_certificate("server2", tmp_path)
    assert isinstance(
        tls.client_context(configuration.Node("s", "127.0.0.1", tls_cert=crt.read_text())), ssl.SSLContext
    )


async def test_the_own_names_of_a_node_are_let_in_and_others_not(fleet: Fleet) -> None:
    """A Host header with an address or a name of the config is fine; a web page's own name for this address is not."""
    fleet["server2"].start()
    knocker = Knocker(fleet)
    async with knocker.http:
        for host, status in (
            ("127.0.0.1:9", 200), ("[::1]:3300", 200), ("localhost", 200), ("10.9.9.9", 200),
            ("evil.example", 421), ("127.0.0.1.evil.example:3300", 421), ("", 421), ("[evil]", 421),
        ):  # fmt: skip
            answer = await knocker.post(b"{}", "/v1/greeting", host=host)
            assert answer.status_code == status, host
