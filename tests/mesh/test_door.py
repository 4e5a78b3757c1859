"""The door of a gateway, knocked at over real HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from claudemail import __version__, running
from claudemail.model.brief import SIGNED_AS, Draft, canonical
from claudemail.model.greeting import Greeting
from claudemail.model.ids import new_id
from claudemail.model.parcel import Answer
from claudemail.model.roster import Heartbeat
from claudemail.office import Office
from claudemail.testing import Fleet, until
from tests.mesh.conftest import Knocker, titles


async def test_a_repeated_batch_is_taken_once(knocker: Knocker, there: Office) -> None:
    """A batch that comes again, alone or with more, is answered as before and stored once."""
    first, second = knocker.parcel(1, title="one"), knocker.parcel(2, title="two")
    assert (await knocker.deliver(first)).json() == {"have": 1, "refused": []}
    assert (await knocker.deliver(first)).json() == {"have": 1, "refused": []}
    assert (await knocker.deliver(first, second)).json() == {"have": 2, "refused": []}
    assert (await knocker.deliver(first, second, epoch="1" * 16)).json() == {"have": 2, "refused": []}
    assert await titles(there) == ["one", "two"]


async def test_a_gap_and_a_conflict_are_told_apart(knocker: Knocker, there: Office) -> None:
    """Parcels after a gap are not taken, nor another parcel at a place that is filled; the answer says what is had."""
    assert (await knocker.deliver(knocker.parcel(1))).status_code == 200
    gap = await knocker.deliver(knocker.parcel(3))
    assert (gap.status_code, gap.json()) == (409, {"error": "gap", "have": 1})
    conflict = await knocker.deliver(knocker.parcel(1, title="another"), knocker.parcel(2))
    assert (conflict.status_code, conflict.json()) == (409, {"error": "conflict", "have": 1})
    assert await titles(there) == ["t"]


async def test_a_parcel_that_will_never_fit_does_not_hold_up_the_lane(knocker: Knocker, there: Office) -> None:
    """Refusals for good name their parcel and reason, come again with a repeat, and what follows is taken."""
    batch = [
        knocker.parcel(1, names=("nobody",)),
        knocker.parcel(2, body="x" * 300_000),
        {"seq": 3, "id": new_id(0), "kind": "hologram", "body": {}},
        {**knocker.parcel(4), "body": {"brief": {"id": "no"}, "signature": "", "for": ["charlie"]}},
        knocker.parcel(5, title="fine"),
    ]
    batch[2]["id"] = knocker.parcel(1)["id"]
    for _ in range(2):
        answer = (await knocker.deliver(*batch)).json()
        assert answer["have"] == 5
        assert [(item["seq"], item["code"]) for item in answer["refused"]] == [
            (1, "unknown_name"), (2, "too_large"), (3, "unknown_kind"), (4, "malformed"),
        ]  # fmt: skip
    assert "256 KiB" in answer["refused"][1]["reason"]
    assert await titles(there) == ["fine"]


async def test_a_brief_must_bear_its_own_nodes_signature(knocker: Knocker, there: Office) -> None:
    """A brief that was changed after it was signed is refused; one from another node stops the whole request."""
    changed = knocker.parcel(1)
    changed["body"]["brief"]["title"] = "changed"
    answer = (await knocker.deliver(changed)).json()
    assert answer["refused"][0]["code"] == "bad_signature"
    spoofed = await knocker.deliver(knocker.parcel(2, node="server2"))
    assert spoofed.status_code == 403
    assert "claims to be from server2" in spoofed.json()["message"]
    assert await titles(there) == []


async def test_fields_of_a_later_version_keep_their_signature(knocker: Knocker, there: Office) -> None:
    """A brief with a field that this version does not know is taken, verified."""
    answer = (await knocker.deliver(knocker.parcel(1, colour="blue"))).json()
    assert answer["refused"] == []
    page = await there.inbox(["charlie"])
    assert page.rows[0].verified


async def test_text_from_a_peer_is_scrubbed(knocker: Knocker, there: Office) -> None:
    """A peer that signs escape sequences brings none of them onto a screen here."""
    await knocker.deliver(knocker.parcel(1))
    parcel = knocker.parcel(2)
    content = {**parcel["body"]["brief"], "title": "\x1b]0;pwned\x07a\u202eb", "body": "\x9b31mred"}
    parcel["body"] = {
        "brief": content,
        "signature": knocker.key.sign(SIGNED_AS + canonical(content).encode()),
        "for": ["charlie"],
    }
    assert (await knocker.deliver(parcel)).json()["refused"] == []
    page = await there.inbox(["charlie"])
    assert page.rows[0].title == "]0;pwnedab"
    view = await there.read(there.operator(), page.rows[0].ref)
    assert view.brief.body == "31mred"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"not json", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"epoch": "0000000000000000", "parcels": []}', {}, 400),
        (b"x" * (1024 * 1024 + 1), {}, 413),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b"{}", {"signature": ""}, 401),
        (b"{}", {"claudemail-destination": "server1"}, 401),
    ],
)
async def test_a_request_that_does_not_fit_is_turned_away(
    knocker: Knocker, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Each wrong request gets its status and a message in words, and the door stays open for the next."""
    answer = await knocker.post(body, **headers)
    assert answer.status_code == status
    assert answer.json()["message"]
    assert (await knocker.deliver(knocker.parcel(1))).status_code == 200


async def test_a_greeting_tells_who_answers(knocker: Knocker) -> None:
    """Whoever has the key of a node is told the name, version and clock of the one that answers; nobody else is."""
    answer = await knocker.post(b"", "/v1/greeting")
    greeting = Greeting.model_validate_json(answer.content)
    assert (greeting.node, greeting.version) == ("server2", __version__)
    assert abs(greeting.at - time.time() * 1000) < 60_000
    for headers in ({"signature": "sig1=:AAAA:"}, {"content-digest": "sha-256=:AAAA:"}):
        refused = await knocker.post(b"", "/v1/greeting", **headers)
        assert refused.status_code == 401
        assert "server2" not in refused.text
        assert __version__ not in refused.text
    assert (await knocker.http.get("/v1/greeting")).status_code in (401, 405)


async def test_heartbeats_carry_the_roster_both_ways(knocker: Knocker, there: Office) -> None:
    """A heartbeat is answered with one, and what it says of its node is in the roster here."""
    beat = {
        "version": "9.9",
        "at": int(time.time() * 1000) + 90_000,
        "roster": [{"instance": "instance1", "callsign": "golf", "pid": 7, "live": True, "since": 1}],
    }
    answer = await knocker.post(beat, "/v1/heartbeat")
    assert [presence["callsign"] for presence in answer.json()["roster"]] == [None, "charlie"]
    roster = await there.roster()
    server1 = next(node for node in roster.nodes if node.node == "server1")
    assert [presence.callsign for presence in server1.presences if presence.live] == ["golf"]
    lane = (await there.status()).lanes[0]
    assert lane.version == "9.9"
    assert lane.skew_ms is not None
    assert 60_000 < lane.skew_ms < 120_000


async def test_a_heartbeat_that_does_not_speak_of_its_lane_brings_nothing_again(
    knocker: Knocker, there: Office
) -> None:
    """A peer of a version that does not say how far it has the lane is not taken for one that lost its mail."""
    await there.send(there.operator(), Draft(to=["alpha"], title="t"))
    batch = await there.transit.next_batch("server1")
    assert batch is not None
    await there.transit.acknowledged("server1", batch, Answer(have=1))
    silent = Heartbeat(version="0.0", at=0, roster=[])
    later = there.now() + 1
    assert not await there.transit.has_lost("server1", silent, later)
    assert not await there.transit.has_lost("server1", silent.model_copy(update={"lane": {batch.epoch: 1}}), later)
    assert await there.transit.has_lost("server1", silent.model_copy(update={"lane": {}}), later)
    assert (await knocker.post({"version": "0.0", "at": 0, "roster": []}, "/v1/heartbeat")).status_code == 200
    assert await there.transit.next_batch("server1") is None


@pytest.fixture
def taken_port(fleet: Fleet) -> Iterator[socket.socket]:
    """Somebody else listens where server2 should."""
    node = fleet["server2"].config.node
    with socket.create_server((node.ip, node.port)) as other:
        yield other


async def test_a_port_that_is_taken_is_said_and_tried_again(fleet: Fleet, taken_port: socket.socket) -> None:
    """A gateway that cannot listen stays up for its sessions, says why in status, and listens once it can."""
    member = fleet["server2"]
    member.start()

    def said() -> bool:
        notice = running.read_notice(member.config.state_dir)
        return notice is not None and notice.listen_error is not None

    until(said, "the gateway says why it does not listen")
    async with await Office.open(member.config) as office:
        status = await office.status()
        assert status.gateway_pid
        assert status.listening is None
        assert "in use" in (status.listen_error or "")
        taken_port.close()
        async with httpx.AsyncClient(trust_env=False, transport=httpx.AsyncHTTPTransport(retries=8)) as http:
            answer = await http.get(f"{fleet['server2'].config.node.url}/v1/ping")
        assert answer.json()["node"] == "server2"
        assert (await office.status()).listen_error is None
