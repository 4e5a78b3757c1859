"""A node's database is damaged or gone: nothing starts on it, everything says what to do, and that works."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from claudemail import running
from claudemail.errors import StoreDamaged
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.testing import until
from tests.faults.fleets import FaultFleet, Node
from tests.faults.history import settle, waiting

Connect = Callable[..., Any]
LAYOUT = {"north": {"n-room": ["nora", "nils"]}, "south": {"s-room": ["sara"]}}
SOME = 15


def overwrite(path: Path, at: int, count: int) -> None:
    """Put rubbish into a file."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * count)


def damage(how: str, database: Path, log: Path) -> None:
    """Do something to a database or its log."""
    match how:
        case "gone" | "log gone":
            log.unlink()
            if how == "gone":
                database.unlink()
        case "empty":
            os.truncate(database, 0)
        case "empty, without a log":
            os.truncate(database, 0)
            log.unlink()
        case "cut in half":
            os.truncate(database, database.stat().st_size // 2)
        case "without a header":
            log.unlink()
            overwrite(database, 0, 100)
        case "pages overwritten":
            log.unlink()
            overwrite(database, 20_000, 60_000)
        case "log empty":
            os.truncate(log, 0)
        case "log cut":
            os.truncate(log, 10_000)
        case "log flipped":
            overwrite(log, 200, 1)
        case _:
            raise AssertionError(how)


DAMAGES = (
    "gone", "empty", "empty, without a log", "cut in half", "without a header", "pages overwritten", "log gone", "log empty",
    "log cut", "log flipped",
)  # fmt: skip


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FaultFleet]:
    """Two nodes whose gateways run."""
    with FaultFleet(tmp_path / "fleet", LAYOUT, loaded=True) as fleet:
        fleet.start()
        yield fleet


class Sent(NamedTuple):
    """What was accepted for whom, as titles in order."""

    to_south: list[str]
    to_north: list[str]
    within_north: list[str]


async def send(office: Office, sender: str, to: str, titles: list[str], what: str) -> None:
    """Send some briefs more, and note their titles."""
    party = await office.party(sender)
    for _ in range(SOME):
        title = f"{what} {len(titles):03d}"
        await office.send(party, Draft(to=[to], title=title, body="x" * 300, actions=["see to it"]))
        titles.append(title)


async def traffic(fleet: FaultFleet, sent: Sent) -> None:
    """Have everybody send, and wait until it has arrived and stands in the files."""
    async with await Office.open(fleet["north"].config) as north, await Office.open(fleet["south"].config) as south:
        await send(north, "nora", "sara", sent.to_south, "to south")
        await send(south, "sara", "nora", sent.to_north, "to north")
        await send(north, "nils", "nora", sent.within_north, "within")
        await north.star(await north.party("nora"), "1")
    settle(fleet.members())


async def mirrored(node: Node) -> None:
    """Wait until all of a node's mail stands in its files."""
    async with await Office.open(node.config) as office:
        while await office.mirror_some():
            pass


async def arrived(node: Node, name: str, what: str) -> list[str]:
    """Return the titles of a kind in a mailbox, in their order."""
    async with await Office.open(node.config) as office:
        page = await office.inbox([name], limit=10_000)
    return [row.title for row in reversed(page.rows) if row.title.startswith(what)]


def ran(node: Node, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and all that it printed."""
    done = node.run(*arguments)
    return done.returncode, done.stdout + done.stderr


def damaged(node: Node, how: str) -> None:
    """Kill a node's gateway and damage its database, as it is after the kill."""
    node.kill()
    database = Path(node.config.db_path)
    damage(how, database, Path(f"{database}-wal"))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left of a node whose gateway was killed once mail had flowed."""
    with FaultFleet(tmp_path_factory.mktemp("killed") / "fleet", LAYOUT, loaded=True) as fleet:
        fleet.start()
        asyncio.run(traffic(fleet, Sent([], [], [])))
        fleet["north"].kill()
        kept = tmp_path_factory.mktemp("north")
        for path in fleet["north"].folder.iterdir():
            if path.is_file():
                shutil.copy2(path, kept)
    return kept


@pytest.mark.parametrize("how", DAMAGES)
async def test_nothing_begins_on_a_damaged_database(killed: Path, tmp_path: Path, how: str) -> None:
    """Whatever was done to it, it is refused with what to do about it, again and again, and is not changed by that."""
    north = Node(Path(shutil.copytree(killed, tmp_path / "north"), "config.json"))
    damaged(north, how)
    before = left_of(north)
    for _ in range(2):
        with pytest.raises(StoreDamaged) as caught:
            await read_all(north)
        assert "claudemail restore FILE" in caught.value.remedy
    assert left_of(north) == before


def left_of(node: Node) -> dict[str, bytes]:
    """Return what is left of a node's database."""
    path = Path(node.config.db_path)
    parts = (path, Path(f"{path}-wal"))
    return {part.name: part.read_bytes() for part in parts if part.exists() and part.stat().st_size}


async def read_all(node: Node) -> None:
    """Read a whole node."""
    async with await Office.open(node.config) as office:
        page = await office.inbox(None, limit=10_000)
        for row in page.rows:
            await office.read(office.operator(), row.id)


@pytest.mark.parametrize("how", ["empty", "log flipped"])
async def test_every_face_says_what_to_do(fleet: FaultFleet, connect: Connect, how: str) -> None:
    """Gateway, command line, console, doctor and a session all end with the same remedy."""
    north = fleet["north"]
    await traffic(fleet, Sent([], [], []))
    async with connect(north) as nora:
        damaged(north, how)
        assert "claudemail restore FILE" in await nora.refused("check")
    for command in (["gateway"], ["inbox", "--all"], ["console", "--once"], ["doctor"]):
        code, said = ran(north, *command)
        assert code != 0, command
        assert "claudemail restore FILE" in said, (command, said)
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("how", "repair"), [("empty", "restore"), ("pages overwritten", "rebuild"), ("gone", "rebuild")]
)
async def test_a_repaired_node_gets_what_was_sent_meanwhile(
    fleet: FaultFleet, tmp_path: Path, how: str, repair: str
) -> None:
    """After a restore or a rebuild all mail is there that was in the backup or the files, and all that others have sent."""
    north, south = fleet["north"], fleet["south"]
    sent = Sent([], [], [])
    await traffic(fleet, sent)
    code, said = ran(north, "backup", str(tmp_path / "backup.tar"))
    assert code == 0, said
    in_backup = len(sent.within_north)
    await traffic(fleet, sent)
    await mirrored(north)
    damaged(north, how)
    async with await Office.open(south.config) as office:
        await send(office, "sara", "nora", sent.to_north, "to north")
    assert waiting(south)
    arguments = ["restore", str(tmp_path / "backup.tar")] if repair == "restore" else ["rebuild", "database"]
    code, said = ran(north, *arguments)
    assert code == 0, said
    north.start()
    await traffic(fleet, sent)
    until(lambda: not waiting(south), "all that south has for north is delivered")
    await until_all(north, "nora", "to north", sent.to_north)
    settle(fleet.members())
    assert await arrived(south, "sara", "to south") == sent.to_south
    assert await arrived(north, "nora", "to north") == sent.to_north
    within = await arrived(north, "nora", "within")
    if repair == "restore":
        assert within == sent.within_north[:in_backup] + sent.within_north[-SOME:]
    else:
        assert within == sent.within_north


async def until_all(node: Node, name: str, what: str, titles: list[str]) -> None:
    """Wait until as many have arrived as were sent."""
    for _ in range(600):
        with contextlib.suppress(StoreDamaged):
            if len(await arrived(node, name, what)) >= len(titles):
                return
    raise AssertionError(f"{len(await arrived(node, name, what))} of {len(titles)} have arrived")


async def test_a_node_whose_disk_is_not_there_does_not_begin_anew(fleet: FaultFleet) -> None:
    """Where the files of earlier mail are and no database is, a new one is refused: the disk that has it may come back."""
    north = fleet["north"]
    code, said = ran(north, "send", "--to", "nora", "--title", "kept")
    assert code == 0, said
    await mirrored(north)
    north.kill()
    for path in north.folder.iterdir():
        if path.is_file() and path.name.startswith("claudemail.db"):
            path.unlink()
    for _ in range(2):
        code, said = ran(north, "inbox")
        assert code == 5
        assert "rebuild database" in said
    code, said = ran(north, "rebuild", "database")
    assert code == 0, said
    assert "kept" in ran(north, "inbox", "--as", "nora")[1]
    assert not running.is_held(north.config.state_dir)
