"""What nodes tell each other of actions: whose word counts, in what sizes, and how often."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claudemail.config import Config
from claudemail.keys import NodeKey
from claudemail.model.action import MAX_NOTE, SIGNED_AS, ActionFields, ActionStatus, Change
from claudemail.model.brief import canonical
from claudemail.model.ids import new_id
from claudemail.model.parcel import MAX_REQUEST_BYTES, Answer, Batch, Origin, Parcel
from claudemail.model.roster import Heartbeat
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, NewAction, Wanted
from claudemail.office.replication import MAX_CHANGES

if TYPE_CHECKING:
    from tests.office.conftest import Carry

NOW = 1_800_000_000_000


def change(action: str, node: str, text: str = "Do it", counter: int = 0, **fields: Any) -> dict[str, Any]:
    """Return a change that makes an action, as JSON."""
    stamp = f"{NOW:014d}-{counter:05d}-{node}"
    set_fields = ActionFields(text=text, asker=f"alpha@{node}", status=ActionStatus.PENDING, **fields)
    return Change(action=action, stamp=stamp, at=NOW, by="alpha", fields=set_fields).wire()


def signed(key: NodeKey, made: dict[str, Any]) -> dict[str, Any]:
    """Return a change as it is sent."""
    return {"change": made, "signature": key.sign(SIGNED_AS + canonical(made).encode())}


class Taker:
    """Hands parcels to an office, as server2 would."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.seq = 0

    async def __call__(self, kind: str, body: dict[str, Any]) -> list[str]:
        """Hand over one parcel; return the code of its refusal, if it is refused."""
        self.seq += 1
        parcel = Parcel(seq=self.seq, id=new_id(NOW), kind=kind, body=body)
        batch = Batch(epoch="0" * 16, parcels=[parcel])
        answer = await self.office.transit.take_in(Origin(node="server2", verified=True), batch)
        assert isinstance(answer, Answer)
        return [one.code for one in answer.refused]

    async def texts(self) -> list[str]:
        """Return the actions that the office knows."""
        page = await self.office.list_actions(self.office.operator(), Wanted(), limit=100)
        return sorted(one.text for one in page.rows)

    async def verified(self, word: str) -> list[bool]:
        """Return which changes of an action are shown to be verified."""
        return [one.verified for one in (await self.office.action(self.office.operator(), word)).changes]


@pytest.fixture
def keys() -> dict[str, NodeKey]:
    """The keys of server2, and of server3."""
    return {"server2": NodeKey.new(), "server3": NodeKey.new()}


@pytest.fixture
async def take(
    seed: dict[str, Any], tmp_path: Path, configure: Callable[..., Config], keys: dict[str, NodeKey]
) -> AsyncIterator[Taker]:
    """The office of server1, which knows the keys of the two others."""
    seed["nodes"].append({"id": "server3", "ip": "127.0.0.1", "gateway_port": 3302})
    for node in seed["nodes"][1:]:
        node["public_key"] = keys[node["id"]].public
    async with await Office.open(configure(seed, tmp_path / "taker", "server1")) as office:
        yield Taker(office)


@pytest.mark.parametrize("kind", ["actions", "action-history"])
async def test_whose_word_counts(take: Taker, keys: dict[str, NodeKey], kind: str) -> None:
    """A node's own changes need its signature; those it hands on for others are taken, and marked if theirs does not fit."""
    own, relayed, forged, gone = (new_id(NOW + n) for n in range(4))
    assert await take(kind, {"changes": [signed(keys["server2"], change(own, "server2", "own"))]}) == []
    bad = signed(keys["server3"], change(own, "server2", "not by server2", 1))
    assert await take(kind, {"changes": [bad]}) == ["invalid"]
    handed_on = [
        signed(keys["server3"], change(relayed, "server3", "relayed")),
        signed(keys["server2"], change(forged, "server3", "forged")),
        signed(NodeKey.new(), change(gone, "server9", "of a node that is gone")),
    ]
    assert await take(kind, {"changes": handed_on}) == []
    assert await take.texts() == ["forged", "of a node that is gone", "own", "relayed"]
    for id, known in ((own, True), (relayed, True), (forged, False), (gone, False)):
        assert await take.verified(id) == [known]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"changes": "none"},
        {"changes": [{}]},
        {},
        {"changes": [{"change": {}, "signature": "AA=="}]},
    ],
)
async def test_what_is_no_change_is_refused(take: Taker, spoilt: dict[str, Any]) -> None:
    """A parcel that does not hold what it says is refused for good, and nothing of it is taken."""
    assert await take("actions", spoilt) == ["malformed"]
    assert await take.texts() == []


async def test_one_bad_change_spoils_its_parcel(take: Taker, keys: dict[str, NodeKey]) -> None:
    """Of a parcel with a change that is too large, from the year 3000 or without sense, none is taken; the next one is."""
    good = signed(keys["server2"], change(new_id(NOW), "server2", "good"))
    late = {**change(new_id(NOW), "server2"), "stamp": "32503680000000-00000-server2"}
    large = {**change(new_id(NOW), "server2"), "later": "x" * 17_000}
    wild = {**change(new_id(NOW), "server2"), "fields": {"status": "finished"}}
    for made in (late, large, wild):
        assert len(await take("actions", {"changes": [good, signed(keys["server2"], made)]})) == 1
    assert len(await take("actions", {"changes": [good] * (MAX_CHANGES + 1)})) == 1
    assert await take.texts() == []
    assert await take("actions", {"changes": [good] * MAX_CHANGES}) == []
    assert await take.texts() == ["good"]


@pytest.mark.parametrize("digests", [None, [], {"256": "0" * 16}, {"0": "x"}, {"-1": "0" * 16}, {"0": "0" * 15}])
async def test_sums_that_are_none_are_refused(take: Taker, digests: object) -> None:
    """A question for changes that has no sums in it is refused."""
    assert await take("action-digests", {"digests": digests}) in (["invalid"], ["malformed"])


async def test_text_of_a_peer_is_scrubbed(take: Taker, keys: dict[str, NodeKey]) -> None:
    """Control characters in what a peer signed are not shown, whatever the field."""
    made = change(new_id(NOW), "server2")
    made["fields"].update(text="a\x1b[31mb\u202e", note="c\x00\nd")
    assert await take("actions", {"changes": [signed(keys["server2"], made)]}) == []
    [action] = (await take.office.list_actions(take.office.operator(), Wanted(), limit=9)).rows
    assert (action.text, action.note) == ("a[31mb", "c d")


async def test_a_new_node_is_sent_the_history_in_parcels_that_fit(
    seed: dict[str, Any], tmp_path: Path, configure: Callable[..., Config], other: Office
) -> None:
    """A node that joins is sent all that was ever changed, in requests of the size that is allowed."""
    alone = {**seed, "nodes": seed["nodes"][:1], "instances": seed["instances"][:1]}
    async with await Office.open(configure(alone, tmp_path / "old", "server1")) as office:
        for number in range(9):
            made = await office.create_action(office.operator(), NewAction(text=f"Task {number}"))
        for number in range(90):
            note = f"{number} {'ü' * (MAX_NOTE - 10)}"
            await office.update_action(office.operator(), made.id, ActionUpdate(note=note))
    async with await Office.open(configure(seed, tmp_path / "old", "server1")) as office:
        sizes = []
        for _ in range(3):
            await heartbeats(office, other)
            sizes += await carried(other, office)
            sizes += await carried(office, other)
        assert max(sizes) < MAX_REQUEST_BYTES
        assert sorted(history(other)) == sorted(history(office))
        assert len(history(other)) == 99
    # What was sent is not kept a second time: the changes themselves are.
    with closing(sqlite3.connect(office.config.db_path)) as connection:
        rows = connection.execute("SELECT length(body) FROM outbox WHERE kind = 'action-history'").fetchall()
        (parts,) = connection.execute("SELECT count(DISTINCT bucket) FROM actions").fetchone()
    assert parts + 3 < len(rows) < parts + 9
    assert max(row[0] for row in rows) < 100


async def carried(src: Office, dst: Office) -> list[int]:
    """Carry all that one node has for another; return the sizes of the requests."""
    sizes = []
    peer = dst.config.node_id
    while (batch := await src.transit.next_batch(peer)) is not None:
        text = Batch(epoch=batch.epoch, parcels=batch.parcels).model_dump_json()
        sizes.append(len(text))
        origin = Origin(node=src.config.node_id, verified=False)
        answer = await dst.transit.take_in(origin, Batch.model_validate_json(text))
        assert isinstance(answer, Answer)
        assert answer.refused == []
        await src.transit.acknowledged(peer, batch, answer)
    return sizes


async def test_nodes_that_know_the_same_do_not_ask(office: Office, other: Office, carry: Carry) -> None:
    """However many heartbeats go by, nothing is asked where nothing is lacking."""
    await office.create_action(office.operator(), NewAction(text="Task"))
    await carry(office, other)
    for _ in range(4):
        await heartbeats(office, other)
    assert await carry(office, other) == 0
    assert await carry(other, office) == 0


def history(office: Office) -> list[str]:
    """Return all changes that a node knows."""
    with closing(sqlite3.connect(office.config.db_path)) as connection:
        return [row[0] for row in connection.execute("SELECT canonical FROM action_changes")]


async def heartbeats(*offices: Office) -> None:
    """Have each node take in the other's heartbeat."""
    one, other = offices
    for src, dst in ((one, other), (other, one)):
        beat = await src.transit.own_heartbeat(dst.config.node_id)
        await dst.transit.heard(src.config.node_id, Heartbeat.model_validate_json(beat.model_dump_json()), rtt_ms=None)
