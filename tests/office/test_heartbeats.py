"""The history of heartbeats: who was there and at work when, with gaps where nothing was heard."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from claudemail.config import Config
from claudemail.model.roster import Heartbeat, Presence
from claudemail.office import Office
from claudemail.store import beats

MINUTE = 60_000
SLOT = 2 * MINUTE
NOW = 1_790_000_040_000 // SLOT * SLOT


class Wall:
    """A wall clock that the test sets."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    """The clock."""
    return Wall()


@pytest.fixture
async def timed(config: Config, wall: Wall) -> AsyncIterator[Office]:
    """The office of `server1`, by that clock."""
    async with await Office.open(config, wall=wall) as office:
        yield office


async def hear(office: Office, wall: Wall, at: int, *there: tuple[str, int]) -> None:
    """Have a heartbeat of server2 come in, by which these are there and worked last at those times."""
    wall.now = at
    roster = [Presence(instance="instance2", callsign=name, live=True, active_at=last) for name, last in there]
    roster.append(Presence(instance="instance2", callsign="gone"))
    await office.transit.heard("server2", Heartbeat(version="1", at=at, roster=roster), rtt_ms=1.0)


async def test_slots_of_a_peer(timed: Office, wall: Wall) -> None:
    """A slot without a beat is a gap; within others somebody is there, or not, and has worked in so many beats."""
    await hear(timed, wall, NOW, ("charlie", NOW - 5))
    await hear(timed, wall, NOW + MINUTE, ("charlie", NOW + MINUTE - 9))
    # nothing in the second slot
    await hear(timed, wall, NOW + 2 * SLOT, ("charlie", NOW + MINUTE - 9), ("delta", NOW))
    await hear(timed, wall, NOW + 3 * SLOT, ("delta", NOW + 3 * SLOT - 7))
    await hear(timed, wall, NOW + 3 * SLOT + 1, ("delta", NOW + 3 * SLOT - 6))
    wall.now = NOW + 4 * SLOT + 5
    found = await timed.heartbeats(5)
    assert (found.slot_ms, found.until) == (SLOT, NOW + 4 * SLOT)
    there = found.nodes["server2"]
    assert there.heard == [False, True, False, True, True]
    assert there.names == {"charlie": [None, 1, None, 0, None], "delta": [None, None, None, 0, 2]}


async def test_the_slot_that_goes_on_is_not_told(timed: Office, wall: Wall) -> None:
    """What is not over yet cannot be called a gap, and is left out until it is."""
    await hear(timed, wall, NOW, ("charlie", NOW))
    assert (await timed.heartbeats(3)).nodes == {}
    wall.now = NOW + SLOT
    assert (await timed.heartbeats(1)).nodes["server2"].heard == [True]


async def test_this_node_has_a_history(timed: Office, wall: Wall) -> None:
    """The beats of this node's own gateway are kept as well, with those who were there."""
    await timed.claim("alpha", "instance1", holder="h", pid=os.getpid(), client_pid=1, session_id=None, project=None)
    await timed.transit.beat()
    wall.now += SLOT
    own = (await timed.heartbeats(2)).nodes["server1"]
    assert own.heard == [False, True]
    assert own.names == {"instance1": [None, 0], "alpha": [None, 0]}


async def test_it_does_not_grow(timed: Office, wall: Wall) -> None:
    """So many slots of a node are kept and no more; a clock that was set back leaves none in the future."""
    for number in range(beats.KEPT + 10):
        await hear(timed, wall, NOW + number * SLOT)
    kept = await timed._desk.registry.read(lambda connection: beats.between(connection, 0, 2**60))
    assert len(kept["server2"]) == beats.KEPT
    await hear(timed, wall, NOW + 30 * SLOT)
    kept = await timed._desk.registry.read(lambda connection: beats.between(connection, 0, 2**60))
    assert kept["server2"][-1].slot == NOW + 30 * SLOT
