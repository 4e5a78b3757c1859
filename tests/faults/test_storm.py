"""kill -9 of anything at any moment, while everybody writes to everybody, answers get lost, and one peer is wedged."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from claudemail.testing import until
from tests.faults.fleets import FaultFleet, Node
from tests.faults.history import check, settle
from tests.faults.people import Correspondent, Person, SessionPerson

LAYOUT = {
    "north": {"n-room": ["nora"], "n-desk": ["nils"]},
    "south": {"s-room": ["sara"], "s-desk": ["sven"]},
    "west": {"w-room": ["wanda"], "w-desk": ["willy"]},
    "void": {"v-room": ["vera"]},
}
LIVING = ("north", "south", "west")
DROP = 0.1
PROGRESS_S = 60.0


def cast(fleet: FaultFleet) -> list[Person]:
    """Return a session and a process of the command line on each living node, which write to everybody in every way."""
    addresses = [
        "sara",
        "w-room",
        "@north",
        "all",
        "nils",
        "@south",
        "vera",
        "s-desk",
        "wanda",
        "@west",
        "n-room",
        "sven",
    ]
    people: list[Person] = []
    for turn, name in enumerate(LIVING):
        (room, [caller]), (_, [writer]) = LAYOUT[name].items()
        own = addresses[turn:] + addresses[:turn]
        people += [SessionPerson(fleet[name], caller, room, [to for to in own if to != caller]),
                   Correspondent(fleet[name], writer, [to for to in own if to != writer])]  # fmt: skip
    return people


def accepted(people: list[Person]) -> int:
    """Return how many briefs were accepted by now."""
    return sum(person.accepted() for person in people)


def progress(people: list[Person], count: int) -> None:
    """Return once so many more briefs were accepted: it must go on, whatever was killed."""
    enough = accepted(people) + count
    until(lambda: accepted(people) >= enough, f"{count} more briefs are accepted", PROGRESS_S)


def kill_one(nodes: list[Node], people: list[Person], chance: random.Random) -> None:
    """Kill a gateway, a session or another process; have it started again by whoever does that, or by us."""
    victims: list[Node | Person] = [*nodes, *people]
    victim = chance.choice(victims)
    if isinstance(victim, Person):
        victim.kill()
        victim.start()
        return
    victim.strike()
    if chance.random() < 0.5:
        victim.start(wait=False)  # else a session starts the gateway


def storm(root: Path, seed: int, kills: int, *, drop: float = DROP, tree: Path | None = None) -> None:
    """Run a storm of so many kills and check what is left."""
    chance = random.Random(seed)
    with FaultFleet(root, LAYOUT, seed=seed) as fleet:
        nodes = [fleet[name] for name in LIVING]
        for node in nodes:
            node.tree = tree
            node.start(wait=False)
        for link in fleet.network.to("void"):
            link.wedged = True
        for name in LIVING:
            for link in fleet.network.to(name):
                link.drop_answers = drop
        people = cast(fleet)
        try:
            for person in people:
                person.start()
            progress(people, len(people))
            for _ in range(kills):
                kill_one(nodes, people, chance)
                progress(people, chance.randint(1, 12))
        finally:
            for person in people:
                person.stop()
        dropped = sum(link.dropped for link in fleet.network.links.values())
        stalled = sum(link.stalled for link in fleet.network.to("void"))
        for name in LIVING:
            for link in fleet.network.to(name):
                link.drop_answers = 0
        for node in nodes:
            node.strike()
            node.start()
        settle(nodes, but=["void"])
        facts = check(fleet, people, dead=["void"])
        sys.stdout.write(
            f"{kills} kills, {facts}, {dropped} answers dropped, {stalled} connections to the wedged peer\n"
        )
        assert dropped
        assert stalled


def test_nothing_is_lost_doubled_or_reordered_in_a_storm_of_kills(tmp_path: Path, run_seed: int) -> None:
    """Ten kills of gateways, sessions and other processes: what was accepted is there once, in order, and comes to rest."""
    storm(tmp_path / "fleet", run_seed, kills=10)


@pytest.mark.soak
def test_a_thousand_kills(tmp_path: Path, run_seed: int) -> None:
    """The same with a thousand kills."""
    storm(tmp_path / "fleet", run_seed, kills=1_000)
