"""Real partitions: each node in a network namespace of its own, with a router between them that loses what it is told to."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from claudemail.testing import until
from tests.faults.conftest import needs_root
from tests.faults.fleets import Clock, FaultFleet, Node, change_config
from tests.faults.history import check, settle, waiting
from tests.faults.people import Correspondent, Person, SessionPerson

LAYOUT = {"north": {"n-room": ["nora"]}, "south": {"s-room": ["sara"]}, "west": {"w-room": ["wanda"]}}
DAY_S = 86_400


class Router:
    """A network namespace that forwards between those of the nodes. Use it as a context: all of them are gone at its end."""

    def __init__(self, names: list[str]) -> None:
        mark = f"cm{os.getpid() % 100_000}"
        self.name = f"{mark}r"
        self.homes = {name: f"{mark}n{number}" for number, name in enumerate(names)}
        self.addresses = {name: f"10.99.{number}.2" for number, name in enumerate(names)}

    def __enter__(self) -> Router:
        try:
            needs_root(["ip", "netns", "add", self.name])
            self._in(self.name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            for name in self.homes:
                self._attach(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for space in (*self.homes.values(), self.name):
            subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)

    def _attach(self, name: str) -> None:
        home, address = self.homes[name], self.addresses[name]
        gateway = f"{address[:-1]}1"
        _ip("netns", "add", home)
        _ip("link", "add", f"{home}r", "type", "veth", "peer", "name", f"{home}h")
        _ip("link", "set", f"{home}r", "netns", self.name)
        _ip("link", "set", f"{home}h", "netns", home)
        self._in(self.name, "ip", "address", "add", f"{gateway}/24", "dev", f"{home}r")
        self._in(self.name, "ip", "link", "set", f"{home}r", "up")
        self._in(home, "ip", "address", "add", f"{address}/24", "dev", f"{home}h")
        for device in (f"{home}h", "lo"):
            self._in(home, "ip", "link", "set", device, "up")
        self._in(home, "ip", "route", "add", "default", "via", gateway)

    def _in(self, space: str, *command: str) -> None:
        subprocess.run(["ip", "netns", "exec", space, *command], check=True, capture_output=True)

    def link(self, name: str, state: str) -> None:
        """Set a node's cable `up` or `down`, at the router's end."""
        self._in(self.name, "ip", "link", "set", f"{self.homes[name]}r", state)

    def lose(self, source: str, target: str, *, what: str = "add") -> None:
        """Lose all packets from one node to another without a word (`add`), or none any more (`del`)."""
        self._in(
            self.name, "ip", "rule", what, "from", self.addresses[source], "to", self.addresses[target], "blackhole"
        )

    def slow(self, name: str, *, what: str = "add") -> None:
        """Let 256 kbit a second through to a node."""
        how = ["tbf", "rate", "256kbit", "burst", "4kb", "latency", "200ms"] if what == "add" else []
        self._in(self.name, "tc", "qdisc", what, "dev", f"{self.homes[name]}r", "root", *how)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Apart(FaultFleet):
    """A fleet whose nodes have network namespaces of their own."""

    def __init__(self, root: Path, router: Router) -> None:
        super().__init__(root, LAYOUT)
        for name in LAYOUT:
            node = self[name]
            change_config(node.config_path, partial(self._place, router))
            self.nodes[name] = Node(node.config_path)
            self[name].prefix = ["ip", "netns", "exec", router.homes[name]]

    @staticmethod
    def _place(router: Router, data: dict[str, Any]) -> None:
        for node in data["nodes"]:
            node["ip"] = node["bind"] = router.addresses[node["id"]]


Trouble = Callable[[Router], object]


def both_ways(router: Router, what: str) -> None:
    """Lose all that goes between north and the others, in both directions."""
    for other in ("south", "west"):
        router.lose("north", other, what=what)
        router.lose(other, "north", what=what)


TROUBLES: dict[str, tuple[Trouble, Trouble]] = {
    "cable out": (lambda router: router.link("north", "down"), lambda router: router.link("north", "up")),
    "black hole": (lambda router: both_ways(router, "add"), lambda router: both_ways(router, "del")),
    "no answers": (
        lambda router: router.lose("south", "north"),
        lambda router: router.lose("south", "north", what="del"),
    ),
    "slow": (lambda router: router.slow("north"), lambda router: router.slow("north", what="del")),
}


@contextlib.contextmanager
def partitioned(root: Path) -> Iterator[tuple[Router, Apart, list[Person]]]:
    """Yield a router, a fleet whose gateways run, and people on it who write to each other."""
    with Router(list(LAYOUT)) as router, Apart(root, router) as fleet:
        everyone = ["sara", "nora", "wanda", "all", "@south", "@north", "s-room"]
        people: list[Person] = []
        for name, rooms in LAYOUT.items():
            [(room, [sign])] = rooms.items()
            to = [address for address in everyone if address not in (sign, f"@{name}")]
            people.append(
                SessionPerson(fleet[name], sign, room, to) if name == "north" else Correspondent(fleet[name], sign, to)
            )
        try:
            fleet.start()
            for person in people:
                person.start()
            grown(people, 5)
            yield router, fleet, people
        finally:
            for person in people:
                person.kill()
            for node in fleet.members():
                node.kill()


def grown(people: list[Person], count: int) -> None:
    """Return once each has had so many more briefs accepted: that never waits for a network."""
    enough = [person.accepted() + count for person in people]
    until(
        lambda: all(person.accepted() >= least for person, least in zip(people, enough, strict=True)),
        "all briefs are accepted",
        60,
    )


def finish(fleet: Apart, people: list[Person]) -> None:
    """Stop everybody, wait until all is delivered, and check."""
    for person in people:
        person.stop()
    settle(fleet.members())
    check(fleet, people)


def test_mail_waits_out_partitions(tmp_path: Path) -> None:
    """While a part of the network fails, all is accepted and the others go on; once it heals, all arrives, once, in order."""
    with partitioned(tmp_path / "fleet") as (router, fleet, people):
        south, west = fleet["south"], fleet["west"]
        for kind, (begin, heal) in TROUBLES.items():
            begin(router)
            if kind == "slow":
                grown(people, 30)
            else:
                until(lambda: waiting(south, but=["west"]) > 20, f"mail waits: {kind}", 60)
                until(lambda: waiting(west, but=["north"]) < 20, f"it goes on between the others: {kind}", 60)
            heal(router)
            grown(people, 5)
            until(lambda: waiting(south, but=["west"]) < 20, f"it goes on with all: {kind}", 60)
        finish(fleet, people)


def test_a_partition_of_months_gives_nothing_up(tmp_path: Path) -> None:
    """By its clock a node is cut off for a hundred days: retention counts what gateways saw go by, so nothing is given up."""
    with partitioned(tmp_path / "fleet") as (router, fleet, people):
        clocks = [Clock(node) for node in fleet.members()]
        for node in fleet.members():
            node.strike()
            node.start()
        router.link("north", "down")
        for day in (1, 35, 100):
            for clock in clocks:
                clock.set(day * DAY_S)
            grown(people, 3)
        router.link("north", "up")
        grown(people, 3)
        finish(fleet, people)


def test_nothing_is_left_of_the_namespaces(tmp_path: Path) -> None:
    """A test that fails leaves no namespace behind."""
    with contextlib.suppress(ZeroDivisionError), Router(["one", "two"]) as router:
        raise ZeroDivisionError
    there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert not [name for name in (router.name, *router.homes.values()) if name in there]
