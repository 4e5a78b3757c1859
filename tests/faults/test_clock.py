"""Clocks that jump by days, forth and back, on either side, while mail flows."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claudemail.testing import until
from tests.faults.fleets import Clock, FaultFleet
from tests.faults.history import check, settle
from tests.faults.people import Correspondent, Person, SessionPerson
from tests.faults.test_damage import ran

LAYOUT = {"north": {"n-room": ["nora"], "n-desk": ["nils"]}, "south": {"s-room": ["sara"], "s-desk": ["sven"]}}
DAY_S = 86_400
FAR_DAYS = (-400, -30, -3, -1, 0, 1, 3, 31, 400)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FaultFleet]:
    """Two nodes."""
    with FaultFleet(tmp_path / "fleet", LAYOUT) as fleet:
        yield fleet


def jumps(fleet: FaultFleet, seed: int, count: int) -> None:
    """Have one clock or the other jump so often, with a kill now and then, and check what is left."""
    chance = random.Random(seed)
    clocks = {node.config.node_id: Clock(node) for node in fleet.members()}
    fleet.start()
    people: list[Person] = [
        SessionPerson(fleet["north"], "nora", "n-room", ["sara", "all", "nils"]),
        Correspondent(fleet["north"], "nils", ["s-room", "@south", "nora"]),
        SessionPerson(fleet["south"], "sara", "s-room", ["nora", "all", "n-desk"]),
        Correspondent(fleet["south"], "sven", ["@north", "sara", "nils"]),
    ]

    def grown(more: int) -> None:
        enough = [person.accepted() + more for person in people]
        until(
            lambda: all(person.accepted() >= least for person, least in zip(people, enough, strict=True)),
            "all briefs are accepted",
            60,
        )

    try:
        for person in people:
            person.start()
        grown(3)
        for _ in range(count):
            node = chance.choice(fleet.members())
            clocks[node.config.node_id].set(chance.choice(FAR_DAYS) * DAY_S)
            if chance.random() < 0.25:
                node.strike()
                node.start()
            grown(3)
    finally:
        for person in people:
            person.stop()
    settle(fleet.members())
    sys.stdout.write(f"{count} jumps, {check(fleet, people)}\n")


def test_mail_flows_while_clocks_jump(fleet: FaultFleet, run_seed: int) -> None:
    """Four jumps of up to 400 days: nothing is lost, doubled, reordered or given up."""
    jumps(fleet, run_seed, 4)


@pytest.mark.soak
def test_mail_flows_while_clocks_jump_on_and_on(fleet: FaultFleet, run_seed: int) -> None:
    """Two hundred jumps."""
    jumps(fleet, run_seed, 200)


def test_a_clock_that_is_wrong_is_told(fleet: FaultFleet) -> None:
    """A node whose clock is three days ahead says so by that clock, and the other sees by how much they differ."""
    north, south = fleet["north"], fleet["south"]
    clock = Clock(north)
    clock.set(3 * DAY_S)
    fleet.start()

    def skew() -> float:
        lane = json.loads(ran(south, "status", "--json")[1])["lanes"][0]
        return (lane["skew_ms"] or 0) / 1000

    until(lambda: abs(skew() - 3 * DAY_S) < 60, "the difference is known")
    here, there = (json.loads(ran(node, "status", "--json")[1])["at"] / 1000 for node in (north, south))
    assert abs(here - there - 3 * DAY_S) < 60
    assert "clock" in ran(south, "checkup")[1]
