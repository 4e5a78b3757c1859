"""Two or three offices, a network that drops and repeats, and disks that are set back to an earlier copy.

The heart of the product: what a node has accepted and still has, ends up in the recipients' mailboxes once and in order; and all
nodes come to know the same of every action.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Batch, Origin
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, NewAction, Wanted

NODES = ("a", "b", "c")
MOST_ROUNDS = 200
BEATS = 4
"""So many heartbeats it takes to find out that two nodes stay apart, and to mend it in both directions."""
START = 1_790_000_000_000

Step = tuple[Any, ...]


def fleet_config(folder: Path, node: str, nodes: Sequence[str]) -> Config:
    """Return the configuration of a node of a fleet with one instance and two callsigns a node."""
    data = {
        "nodes": [{"id": name, "ip": "127.0.0.1", "gateway_port": 3300 + i} for i, name in enumerate(nodes)],
        "instances": [{"id": f"{name}-team", "node_id": name, "callsigns": [f"{name}1", f"{name}2"]} for name in nodes],
        "db_path": "mail.db",
        "registry_db_path": "registry.db",
    }
    folder.mkdir(exist_ok=True)
    return configuration.parse(json.dumps(data), str(folder / "config.json"), {configuration.NODE_ENV: node})


class Copy(NamedTuple):
    """A copy of a node's database."""

    held: frozenset[str]
    line: frozenset[int]


class World:
    """The nodes, the network between them, and what ought to be true of them."""

    def __init__(self, folder: Path, nodes: Sequence[str]) -> None:
        self.nodes = tuple(nodes)
        self.configs = {node: fleet_config(folder / node, node, nodes) for node in nodes}
        self.offices: dict[str, Office] = {}
        self.stalled: dict[tuple[str, str], Batch] = {}
        self.copies: dict[str, list[Copy]] = {node: [] for node in nodes}
        self.line: dict[str, frozenset[int]] = {node: frozenset() for node in nodes}
        """The copies that a node has behind it: a later one that it was set back from is not among them."""
        self.strayed: set[str] = set()
        """Nodes that were set to a copy of a past that they had left: briefs that they sent then rise again, too late."""
        self.held: dict[str, set[str]] = {node: set() for node in nodes}
        """Briefs that a node must have: received, and not taken away again by a restore."""
        self.sent = 0
        self.time = START

    def wall(self) -> int:
        """A clock that never stands still."""
        self.time += 1
        return self.time

    async def start(self, node: str) -> None:
        self.offices[node] = await Office.open(self.configs[node], wall=self.wall)

    async def send(self, node: str, to: Sequence[str]) -> None:
        """Send a brief with a title that grows."""
        self.sent += 1
        office = self.offices[node]
        await office.send(await office.party(f"{node}1"), Draft(to=list(to), title=f"{self.sent:06d}", body="text"))

    async def exchange(self, src: str, dst: str, *, most: int = 64, drop: str = "", repeat: bool = False) -> bool:
        """Carry one batch; return whether there was anything to carry.

        Args:
            src: the node that sends.
            dst: the node that receives.
            most: the most parcels of the batch that are carried.
            drop: what the network loses: the `request`, the `answer` or nothing.
            repeat: whether the request arrives twice.
        """
        mailroom = self.offices[src].transit
        batch = await mailroom.next_batch(dst)
        if batch is None:
            return False
        batch = Batch(epoch=batch.epoch, parcels=batch.parcels[:most])
        self.stalled[src, dst] = batch
        if drop == "request":
            return True
        answer = await self.arrive(src, dst, batch)
        if repeat:
            answer = await self.arrive(src, dst, batch)
        if drop == "answer":
            return True
        if isinstance(answer, Answer):
            await mailroom.acknowledged(dst, batch, answer)
        else:
            await mailroom.set_back(dst, batch.epoch, answer)
        return True

    async def arrive(self, src: str, dst: str, batch: Batch) -> Any:
        """Hand a batch to its receiver as it comes off the wire."""
        parcels = Batch.model_validate_json(batch.model_dump_json())
        answer = await self.offices[dst].transit.take_in(Origin(node=src, verified=False), parcels)
        page = await self.offices[dst].inbox(None, limit=10_000)
        self.held[dst] |= {row.title for row in page.rows}
        return answer

    async def read_oldest(self, node: str, name: str) -> None:
        """Have a callsign read its oldest unread brief."""
        office = self.offices[node]
        party = await office.party(name)
        digest = await office.digest(party)
        if digest.items:
            await office.shown(party, [digest.items[0].row.number])

    def back_up(self, node: str) -> None:
        """Copy a node's database while it is open."""
        path = self.configs[node].db_path
        with (
            closing(sqlite3.connect(path)) as live,
            closing(sqlite3.connect(f"{path}.{len(self.copies[node])}")) as copy,
        ):
            live.backup(copy)
        self.line[node] |= {len(self.copies[node])}
        self.copies[node].append(Copy(frozenset(self.held[node]), self.line[node]))

    async def restore(self, node: str, which: int) -> None:
        """Set a node back to one of its copies."""
        if not self.copies[node]:
            return
        which %= len(self.copies[node])
        await self.offices[node].close()
        path = self.configs[node].db_path
        for suffix in ("-wal", "-shm"):
            Path(path + suffix).unlink(missing_ok=True)
        shutil.copyfile(f"{path}.{which}", path)
        if which not in self.line[node]:
            self.strayed.add(node)
        held, self.line[node] = self.copies[node][which]
        self.held[node] = set(held)
        await self.start(node)

    async def act(self, node: str, which: int, status: str) -> None:
        """Make an action, or change one that the node knows of."""
        office = self.offices[node]
        party = await office.party(f"{node}1")
        known = await office.list_actions(party, Wanted(statuses=tuple(ActionStatus)), limit=100)
        if not known.rows or which == 0:
            await office.create_action(party, NewAction(text=f"made on {node}", assignee="me"))
        else:
            action = known.rows[which % len(known.rows)]
            update = ActionUpdate(status=ActionStatus(status), note=f"by {node} at {self.time}")
            await office.update_action(party, action.id, update)

    async def beat(self) -> None:
        """Have every node hear from every other."""
        for src, dst in self.pairs():
            heartbeat = await self.offices[src].transit.own_heartbeat(dst)
            await self.offices[dst].transit.heard(src, heartbeat, rtt_ms=None)

    def pairs(self) -> list[tuple[str, str]]:
        return [(src, dst) for src in self.nodes for dst in self.nodes if src != dst]

    async def step(self, step: Step) -> None:
        match step:
            case ("send", node, to):
                await self.send(node, to)
            case ("act", node, which, status):
                await self.act(node, which, status)
            case ("exchange", src, dst, most, drop, repeat):
                await self.exchange(src, dst, most=most, drop=drop, repeat=repeat)
            case ("late", src, dst):
                if (src, dst) in self.stalled:
                    await self.arrive(src, dst, self.stalled[src, dst])
            case ("read", node, name):
                await self.read_oldest(node, name)
            case ("back up", node):
                self.back_up(node)
            case ("restore", node, which):
                await self.restore(node, which)
            case ("rest", _):
                pass
            case _:
                raise AssertionError(step)

    async def settle(self) -> None:
        """Let the network work: after one more brief on every lane and some heartbeats, all outboxes drain."""
        for src, dst in self.pairs():
            await self.send(src, [f"{dst}1"])
        for _ in range(BEATS):
            await self.drain()
            await self.beat()
        await self.drain()

    async def drain(self) -> None:
        for _ in range(MOST_ROUNDS):
            if not any([await self.exchange(src, dst) for src, dst in self.pairs()]):
                return
        raise AssertionError("the outboxes do not drain")

    async def check(self) -> None:
        for node in self.nodes:
            with closing(sqlite3.connect(self.configs[node].db_path)) as database:
                database.row_factory = sqlite3.Row
                await self._check_mailboxes(node, database)
                self._check_counters(database)
                for other in self.nodes:
                    if other != node:
                        self._check_lane(other, database)
            await self._check_actions(node)
            status = await self.offices[node].status()
            assert [(lane.waiting, lane.dead) for lane in status.lanes] == [(0, 0)] * (len(self.nodes) - 1)

    async def _check_mailboxes(self, node: str, database: sqlite3.Connection) -> None:
        rows = database.execute(
            "SELECT e.mailbox, b.node, b.title FROM entries e JOIN briefs b ON b.number = e.brief ORDER BY b.number"
        ).fetchall()
        for mailbox, origin in {(row["mailbox"], row["node"]) for row in rows}:
            titles = [row["title"] for row in rows if (row["mailbox"], row["node"]) == (mailbox, origin)]
            assert len(titles) == len(set(titles)), "doubled"
            if origin not in self.strayed:
                assert titles == sorted(titles), "out of order"
        assert self.held[node] <= {row["title"] for row in rows}

    async def _check_actions(self, node: str) -> None:
        """Every node knows the same of every action, and the same history."""
        found = []
        for name in (node, self.nodes[0]):
            office = self.offices[name]
            page = await office.list_actions(office.operator(), Wanted(statuses=tuple(ActionStatus)), limit=1_000)
            actions = sorted((action.model_dump(exclude={"number"}) for action in page.rows), key=lambda one: one["id"])
            histories = [(await office.action(office.operator(), action["id"])).changes for action in actions]
            found.append((actions, [[change.model_dump(exclude={"verified"}) for change in one] for one in histories]))
        assert found[0] == found[1]

    def _check_counters(self, database: sqlite3.Connection) -> None:
        counted = database.execute("SELECT mailbox, priority, sum(unread), sum(received) FROM counters GROUP BY 1, 2")
        recount = database.execute(
            "SELECT mailbox, priority, sum(read_at IS NULL), count(*) FROM entries GROUP BY 1, 2"
        )
        assert [tuple(row) for row in counted] == [tuple(row) for row in recount]

    def _check_lane(self, dst: str, database: sqlite3.Connection) -> None:
        """What a node has for a mailbox of `dst` is there, and what was read there is known here."""
        with closing(sqlite3.connect(self.configs[dst].db_path)) as other:
            entries = {
                (id, mailbox): (read_at, read_by)
                for id, mailbox, read_at, read_by in other.execute(
                    "SELECT b.id, e.mailbox, e.read_at, e.read_by FROM entries e JOIN briefs b ON b.number = e.brief"
                )
            }
        sent = database.execute(
            "SELECT b.id, r.* FROM recipients r JOIN briefs b ON b.number = r.brief WHERE r.node = ?", (dst,)
        ).fetchall()
        for row in sent:
            assert (row["id"], row["name"]) in entries, "lost"
            read_at, read_by = entries[row["id"], row["name"]]
            assert row["delivered_at"] is not None
            assert row["failed_at"] is None
            if read_at is not None:
                assert row["read_at"] is not None, "a receipt was lost"
                assert (row["read_at"], row["read_by"]) == (read_at, read_by) or row["read_at"] < read_at


KINDS = ("rest", *["send"] * 8, *["act"] * 4, *["exchange"] * 12, *["read"] * 4, "late", "back up", "restore")
"""What happens how often; `rest` comes first, as what a failing script is shrunk to."""
TROUBLE = ("", "", "", "", "request", "answer")


@st.composite
def steps(draw: st.DrawFn, nodes: Sequence[str]) -> Step:
    """Return something that may happen in a fleet of these nodes."""
    kind = draw(st.sampled_from(KINDS))
    node = draw(st.sampled_from(nodes))
    peer = draw(st.sampled_from([name for name in nodes if name != node]))
    match kind:
        case "send":
            return (kind, node, [draw(st.sampled_from([f"{peer}1", f"{peer}2", f"{peer}-team", f"@{peer}", "all"]))])
        case "act":
            return (kind, node, draw(st.integers(0, 5)), draw(st.sampled_from(list(ActionStatus))).value)
        case "exchange":
            drop = draw(st.sampled_from(TROUBLE))
            return (kind, node, peer, draw(st.sampled_from([64, 64, 1, 2, 3])), drop, draw(st.integers(0, 4)) == 4)
        case "late":
            return (kind, node, peer)
        case "read":
            return (kind, node, node + draw(st.sampled_from("12")))
        case "restore":
            return (kind, node, draw(st.integers(0, 3)))
        case _:
            return (kind, node)


def scripts(nodes: Sequence[str]) -> st.SearchStrategy[list[Step]]:
    """Return lists of what may happen, long enough for something to build up."""
    return st.lists(steps(nodes), min_size=40, max_size=90)


async def play(nodes: Sequence[str], script: Sequence[Step]) -> None:
    """Run a script of steps and check what holds at its end."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), nodes)
        try:
            for node in nodes:
                await world.start(node)
            for step in script:
                await world.step(step)
            await world.settle()
            await world.check()
        finally:
            for office in world.offices.values():
                await office.close()


def exchange(src: str, dst: str) -> Step:
    """Return an undisturbed exchange."""
    return ("exchange", src, dst, 64, "", False)


def send(src: str, dst: str) -> Step:
    """Return the sending of one brief to one callsign."""
    return ("send", src, [f"{dst}1"])


@example(
    script=[send("a", "b"), send("a", "b"), ("back up", "a"), exchange("a", "b"), send("a", "b"), send("a", "b"),
            exchange("a", "b"), ("restore", "a", 0), send("a", "b"), send("a", "b"), send("a", "b"),
            ("exchange", "a", "b", 2, "", False), exchange("a", "b")]
)  # fmt: skip
@example(
    script=[send("a", "b"), exchange("a", "b"), ("back up", "b"), send("a", "b"), exchange("a", "b"), ("back up", "a"),
            send("a", "b"), exchange("a", "b"), ("restore", "a", 0), send("a", "b"), exchange("a", "b"),
            ("restore", "b", 0)]
)  # fmt: skip
@given(script=scripts(NODES[:2]))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_two_nodes_converge(script: list[Step]) -> None:
    """Whatever the network drops or repeats and whichever node is set back, two nodes end with all mail, once, in order."""
    asyncio.run(play(NODES[:2], script))


@given(script=scripts(NODES))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_three_nodes_converge(script: list[Step]) -> None:
    """Three nodes converge as well, with broadcasts among them."""
    asyncio.run(play(NODES, script))
