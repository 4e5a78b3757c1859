"""Either node is killed and restored from a backup, again and again, also half way through, while the other runs on."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claudemail.testing import until
from tests.faults.correspondent import Log, next_number, title_of
from tests.faults.fleets import FaultFleet, Node
from tests.faults.history import check, settle
from tests.faults.people import Correspondent, Person
from tests.faults.test_damage import ran

LAYOUT = {"north": {"n-room": ["nora", "nils"]}, "south": {"s-room": ["sara", "sven"]}}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FaultFleet]:
    """Two nodes whose gateways run."""
    with FaultFleet(tmp_path / "fleet", LAYOUT, loaded=True) as fleet:
        fleet.start()
        yield fleet


def rounds(fleet: FaultFleet, root: Path, seed: int, count: int) -> None:
    """Set one node back and then the other, so many times in all, and check what is left."""
    chance = random.Random(seed)
    people: list[Person] = [
        Correspondent(fleet["north"], "nora", ["sara", "all", "nils"]),
        Correspondent(fleet["north"], "nils", ["s-room", "@south"]),
        Correspondent(fleet["south"], "sara", ["nora", "all", "n-room"]),
        Correspondent(fleet["south"], "sven", ["@north", "sara"]),
    ]
    vague: set[str] = set()
    try:
        for person in people:
            person.start()
        grown(people, 5)
        for number in range(count):
            node = fleet[("north", "south")[number % 2]]
            own = [person for person in people if person.node is node]
            vague |= set_back(node, own, people, root / f"backup-{number}.tar", chance)
            grown(people, 5)
    finally:
        for person in people:
            person.stop()
    settle(fleet.members())
    # Who was set back learns by a heartbeat what it lacks: once both outboxes were seen empty after some, it is all there.
    until(lambda: not_lost(fleet, people, vague), "all is there again", 60)
    facts = check(fleet, people, forgetful=list(LAYOUT), vague=vague)
    sys.stdout.write(f"{count} restores, {facts}, {len(vague)} titles known to the lost disk alone\n")


def not_lost(fleet: FaultFleet, people: list[Person], vague: set[str]) -> bool:
    """Return whether nothing is amiss by now."""
    with contextlib.suppress(AssertionError):
        check(fleet, people, forgetful=list(LAYOUT), vague=vague)
        return True
    return False


def grown(people: list[Person], count: int) -> None:
    """Return once each has had so many more briefs accepted."""
    enough = [person.accepted() + count for person in people]
    until(
        lambda: all(person.accepted() >= least for person, least in zip(people, enough, strict=True)),
        "all briefs are accepted",
        60,
    )


def set_back(node: Node, own: list[Person], people: list[Person], backup: Path, chance: random.Random) -> set[str]:
    """Set a node back to a backup under load; return the titles that it may have forgotten."""
    first = {person: person.accepted() + 1 for person in own}
    code, said = ran(node, "backup", str(backup))
    assert code == 0, said
    grown(people, chance.randint(3, 10))
    for person in own:
        person.kill()
    node.kill()
    forgotten = set()
    for person in own:
        last = next_number(person.log)
        forgotten |= {title_of(person.name, number) for number in range(first[person], last + 1)}
        log = Log(person.log)
        log.add("ok", number=last)  # it may have been accepted by the disk that is lost; nobody sends it again
        log.close()
    for _ in range(2):
        half_way(node, backup, chance.uniform(0.2, 0.8))
    code, said = ran(node, "restore", str(backup))
    assert code == 0, said
    node.start()
    for person in own:
        person.start()
    return forgotten


def half_way(node: Node, backup: Path, after_s: float) -> None:
    """Kill a restore after a while; it may be done by then."""
    process = subprocess.Popen(node.command("restore", str(backup)), env=node.environment, stdout=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.kill()
    process.wait()


def test_either_node_is_set_back_while_the_other_runs_on(fleet: FaultFleet, tmp_path: Path, run_seed: int) -> None:
    """After a restore of each, all that the other had or has accepted is there once, in order, and all comes to rest."""
    rounds(fleet, tmp_path, run_seed, 2)


@pytest.mark.soak
def test_both_nodes_are_set_back_again_and_again(fleet: FaultFleet, tmp_path: Path, run_seed: int) -> None:
    """Twenty-four restores, of one and the other in turn."""
    rounds(fleet, tmp_path, run_seed, 24)
