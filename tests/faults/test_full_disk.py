"""A full disk on either side: refused clearly, nothing half kept, nobody down, seen on both sides, and over by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claudemail import running
from claudemail.checkup import Rule
from claudemail.errors import StoreFull
from claudemail.keys import KEY_FILE
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.testing import until
from tests.faults.conftest import needs_root
from tests.faults.fleets import FaultFleet, Node, change_config
from tests.faults.history import check, inconsistent, settle, waiting
from tests.faults.people import Correspondent, Person, SessionPerson, last_refusal
from tests.faults.test_damage import arrived, ran

LAYOUT = {"north": {"n-room": ["nora"], "n-desk": ["nils"]}, "south": {"s-room": ["sara"], "s-desk": ["sven"]}}
DISK_KB = 16_000


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Have a disk of sixteen megabytes at `folder`."""
    folder.mkdir()
    needs_root(["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)])
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> None:
    """Leave not a byte free."""
    with contextlib.suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with contextlib.suppress(OSError), (folder / "ballast2").open("wb", buffering=0) as file:
        while True:
            file.write(b"x")


def relieve(folder: Path) -> None:
    """Make room again."""
    for name in ("ballast", "ballast2"):
        (folder / name).unlink(missing_ok=True)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FaultFleet]:
    """Two nodes; all that `north` keeps, its log too, is on a small disk."""
    with FaultFleet(tmp_path / "fleet", LAYOUT, loaded=True) as fleet:
        north = fleet["north"]
        disk = north.folder / "disk"

        def onto_disk(data: dict[str, Any]) -> None:
            data.update(db_path="disk/claudemail.db", registry_db_path="disk/registry.db", mailbox_dir="disk/mailbox")

        with small_disk(disk):
            change_config(north.config_path, onto_disk)
            shutil.copy(north.folder / KEY_FILE, disk / KEY_FILE)
            fleet.nodes["north"] = Node(north.config_path, loaded=True)
            try:
                yield fleet
            finally:
                for member in fleet.members():
                    member.kill()


def disk_of(node: Node) -> Path:
    """Return where the small disk is."""
    return Path(node.config.state_dir)


def people_of(fleet: FaultFleet) -> list[Person]:
    """Return a session and a process on each node."""
    return [
        SessionPerson(fleet["north"], "nora", "n-room", ["sara", "nils", "all"]),
        Correspondent(fleet["north"], "nils", ["s-room", "nora", "@south"]),
        SessionPerson(fleet["south"], "sara", "s-room", ["nora", "all", "sven"]),
        Correspondent(fleet["south"], "sven", ["nils", "n-room", "@north"]),
    ]


def grown(count: Callable[[], list[int]], what: str) -> None:
    """Return once each number has grown by more than three."""
    before = count()
    until(lambda: all(now > then + 3 for now, then in zip(count(), before, strict=True)), what, 60)


def test_mail_flows_again_after_a_full_disk(fleet: FaultFleet) -> None:
    """While one node's disk is full its sends fail clearly and mail for it waits; with room again all arrives, once, in order."""
    north, south = fleet["north"], fleet["south"]
    fleet.start()
    people = people_of(fleet)
    started = north.gateway
    assert started is not None
    try:
        for person in people:
            person.start()
        until(lambda: all(person.accepted() > 3 for person in people), "mail flows", 60)
        for _ in range(2):
            fill(disk_of(north))
            until(lambda: "full" in last_refusal(people[0]) and "full" in last_refusal(people[1]), "sends fail", 60)
            grown(lambda: [waiting(south)], "mail for the full node waits")
            relieve(disk_of(north))
            grown(lambda: [person.accepted() for person in people], "mail flows again")
    finally:
        for person in people:
            person.stop()
    assert started.poll() is None, "the gateway did not stay up"
    settle(fleet.members())
    check(fleet, people)


async def test_a_full_disk_is_seen_on_both_sides(fleet: FaultFleet) -> None:
    """Status and checkup say it: there, that the disk is full; here, what waits and why."""
    north, south = fleet["north"], fleet["south"]
    fleet.start()
    fill(disk_of(north))
    async with await Office.open(south.config) as office:
        sent = await office.send(office.operator(), Draft(to=["nora"], title="waits", body="x" * 20_000))

        rung_for = 0
        while "full" not in ((lane := (await office.status()).lanes[0]).error or ""):
            rung_for += 1
            assert rung_for < 2_000, lane
        assert "507" in (lane.error or "")
        assert lane.waiting == 1
        assert lane.retry_at is not None
    async with await Office.open(north.config) as there:
        with pytest.raises(StoreFull, match="full") as caught:
            await there.send(there.operator(), Draft(to=["sara"], title="refused", body="x" * 20_000))
        assert "Free some space" in caught.value.remedy
        assert (await there.status()).disk_free == 0
        found = (await there.checkup()).findings
        assert Rule.DISK_LOW in [one.rule for one in found]
    relieve(disk_of(north))
    settle(fleet.members())
    assert await arrived(north, "nora", "waits") == ["waits"]
    async with await Office.open(south.config) as office:
        view = await office.read(office.operator(), sent.id)
        assert [state.state for state in view.recipients] == ["delivered"]
    assert await arrived(south, "sara", "refused") == []


@pytest.mark.parametrize("left", ["killed", "closed"])
def test_what_starts_on_a_full_disk_says_so_or_works(fleet: FaultFleet, left: str) -> None:
    """Gateway and commands that start while the disk is full end with that reason, or do what needs no room; no traceback."""
    north = fleet["north"]
    north.loaded = False
    fleet.start()
    assert ran(north, "send", "--to", "nora", "--title", "before")[0] == 0
    north.kill()
    if left == "closed":
        assert ran(north, "inbox")[0] == 0  # its last process closes the database, which removes the log
    fill(disk_of(north))
    for command in (
        ["inbox", "--as", "nora"],
        ["status"],
        ["send", "--to", "nora", "--title", "t"],
        ["checkup"],
        ["doctor"],
    ):
        code, said = ran(north, *command)
        assert "Traceback" not in said, (command, said)
        if code:
            assert "is full" in said or "Free some space" in said, (command, code, said)
        assert "damaged" not in said
        assert code != 70, (command, said)
    north.start(wait=False)
    assert north.gateway is not None
    until(lambda: _dialled_or_ended(north), "the gateway is up, or has said why not")
    assert north.gateway.poll() != 70
    relieve(disk_of(north))
    if north.gateway.poll() is not None:
        north.start()
    assert ran(north, "send", "--to", "sara", "--title", "after")[0] == 0
    settle(fleet.members())
    with contextlib.closing(_database(north)) as database:
        assert not inconsistent(database)


def _dialled_or_ended(node: Node) -> bool:
    assert node.gateway is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return node.gateway.poll() is not None or probe.connect_ex(running.socket_path(node.config)) == 0


def _database(node: Node) -> Any:
    import sqlite3

    database = sqlite3.connect(node.config.db_path)
    database.row_factory = sqlite3.Row
    return database


def test_nothing_is_left_mounted() -> None:
    """A test that fails leaves no disk behind: what was mounted is gone when its context ends, whatever happened."""
    folder = Path(os.environ["HOME"]) / "disk"
    with contextlib.suppress(ZeroDivisionError), small_disk(folder):
        assert os.path.ismount(folder)
        raise ZeroDivisionError
    assert not os.path.ismount(folder)
