"""What the tests of the command line share: a node to run commands on, in process or out of it, and a peer of that node."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest

from claudemail import config as configuration
from claudemail import running
from claudemail.__main__ import run
from claudemail.clock import wall_ms
from claudemail.config import Config
from claudemail.doctor.finding import DoctorView, State
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Origin
from claudemail.model.views import ActionView
from claudemail.office import Office
from claudemail.testing import free_ports

T = TypeVar("T")
DAY_MS = 86_400_000
SETTINGS = {"mcpServers": {"claudemail": {"type": "stdio", "command": sys.executable, "args": ["mcp"]}}}
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe \U000e0041tag\nsecond"


def assert_harmless(text: str) -> None:
    """Assert that a terminal does nothing but show the text."""
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
    assert "\u202e" not in text
    assert "\U000e0041" not in text


class Ran:
    """What a command printed, and what it exited with."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class Node:
    """A node whose gateway seems to run, so that no command starts one."""

    def __init__(self, config: Config, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = config
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        """Run a command in this process."""
        self._capsys.readouterr()
        code = run(list(arguments))
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command as a process of its own, which keeps its output until it flushes it, as in most people's shells."""
        options.setdefault("env", os.environ)
        options["env"] = {name: value for name, value in options["env"].items() if name != "PYTHONUNBUFFERED"}
        return subprocess.Popen(
            [sys.executable, "-m", "claudemail", *arguments],
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )

    def process(self, *arguments: str, **options: Any) -> Ran:
        """Run a command as a process of its own; `input` is its stdin."""
        given = options.pop("input", "")
        with self.start(*arguments, **{"stdin": subprocess.PIPE, **options}) as process:
            out, err = process.communicate(given, timeout=30)
        return Ran(process.returncode, out, err)

    def work(self, work: Callable[[Office], Awaitable[T]]) -> T:
        """Do something in this node's office."""
        return in_office(self.config, work)

    def send(self, to: str, title: str, sender: str = "bravo", **fields: Any) -> str:
        """Send a brief from someone here; return its ref."""

        async def work(office: Office) -> str:
            draft = Draft(to=[to], title=title, **fields)
            return (await office.send(await office.party(sender), draft)).ref

        return self.work(work)

    def unread(self, name: str) -> int:
        """Return how much unread mail a name has."""

        async def work(office: Office) -> int:
            return (await office.check(await office.party(name))).unread

        return self.work(work)


_FILES = ("claudemail.db", "node.key")
_filled: dict[Callable[[Any], None], dict[str, bytes]] = {}


def filled_by(node: Node, fill: Callable[[Any], None]) -> Node:
    """Fill a node, or put in place the files of one that was filled so before."""
    folder = Path(node.config.state_dir)
    if fill not in _filled:
        fill(node)
        _filled[fill] = {name: (folder / name).read_bytes() for name in _FILES}
    for name, content in _filled[fill].items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    return node


def in_office(config: Config, work: Callable[[Office], Awaitable[T]]) -> T:
    """Open an office, work in it, close it."""

    async def inside() -> T:
        async with await Office.open(config) as office:
            return await work(office)

    return asyncio.run(inside())


def create(node: Any, text: str, *arguments: str) -> ActionView:
    """Make an action; return it."""
    return ActionView.model_validate(node("action", "create", text, *arguments, "--json").json)


def listed(node: Any, *arguments: str) -> list[str]:
    """Return the texts of the actions in a list."""
    return [row["text"] for row in node("action", "list", *arguments, "--json").json["rows"]]


def plant(node: Any, title: str) -> None:
    """Put a title into the database as no face would."""
    with closing(sqlite3.connect(node.config.db_path)) as connection, connection:
        connection.execute("UPDATE briefs SET title = ?", (title,))


def send_ago(node: Any, days: float, to: str, title: str, sender: str = "bravo", **fields: Any) -> str:
    """Send a brief by a clock that is some days behind; return its ref."""

    async def work() -> str:
        async with await Office.open(node.config, wall=lambda: wall_ms() - int(days * DAY_MS)) as office:
            return (await office.send(await office.party(sender), Draft(to=[to], title=title, **fields))).ref

    return asyncio.run(work())


def titles(node: Any, *arguments: str) -> list[str]:
    """Return the titles of what a search finds."""
    ran = node("search", "--json", *arguments)
    assert ran.code == 0, ran.out
    return [hit["row"]["title"] for hit in ran.json["hits"]]


@pytest.fixture
def node(config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Node]:
    """The node `server1`, on which commands are run."""
    assert config.path is not None
    monkeypatch.setenv(configuration.CONFIG_ENV, config.path)
    monkeypatch.setenv(configuration.NODE_ENV, "server1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TZ", "UTC")
    lock = running.take_lock(config.state_dir, running.FOREGROUND)
    assert lock is not None
    Path(config.state_dir, "gateway.json").unlink()  # nobody says that it runs
    yield Node(config, capsys)
    os.close(lock)


class Peer(Node):
    """The node `server2`, and the way between the two, which parcels go only when told to."""

    def __init__(self, config: Config, capsys: pytest.CaptureFixture[str], other: Config) -> None:
        super().__init__(config, capsys)
        self._other = other

    def fetch(self) -> Answer:
        """Take in what waits on server1 for this node; return the answer."""
        return _carry(self._other, self.config)

    def give(self) -> Answer:
        """Hand what waits here for server1 over to it; return the answer."""
        return _carry(self.config, self._other)


def _carry(source: Config, target: Config) -> Answer:
    async def carry(sender: Office) -> Answer:
        async with await Office.open(target) as receiver:
            batch = await sender.transit.next_batch(target.node_id)
            assert batch is not None
            answer = await receiver.transit.take_in(Origin(node=source.node_id, verified=False), batch)
            assert isinstance(answer, Answer)
        await sender.transit.acknowledged(target.node_id, batch, answer)
        return answer

    return in_office(source, carry)


@pytest.fixture
def peer(node: Node, seed: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Peer:
    """The node `server2`, whose key nobody knows."""
    folder = tmp_path / "server2"
    folder.mkdir()
    path = folder / "config.json"
    path.write_text(json.dumps(seed))
    config = configuration.parse(path.read_text(), str(path), {configuration.NODE_ENV: "server2"})
    return Peer(config, capsys, node.config)


class Clinic:
    """A node to be examined: its config and its files are changed, then the doctor is asked."""

    def __init__(self, node: Any, seed: dict[str, Any]) -> None:
        self.node = node
        self.seed = seed
        self.folder = Path(node.config.state_dir)
        self.database = Path(node.config.db_path)
        self.key = self.folder / "node.key"

    def configure(self, **changes: Any) -> None:
        """Write the config, with some keys changed."""
        self.seed |= changes
        Path(self.node.config.path).write_text(json.dumps(self.seed))

    def settings(self, data: object, name: str = ".claude.json") -> Path:
        """Write settings of Claude Code below HOME, or what stands in their place."""
        path = Path(os.environ["HOME"], name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return path

    def ask(self, *arguments: str) -> Any:
        """Run the doctor. Whatever there is, it has an answer."""
        ran = self.node("doctor", *arguments)
        assert ran.err == ""
        assert ran.code in (0, 1)
        return ran

    def findings(self, name: str, *arguments: str) -> list[tuple[str, str, str]]:
        """Return what it finds of a name that is not well: state, what is so, and what to do."""
        view = DoctorView.model_validate(self.ask("--json", *arguments).json)
        found = [one for one in view.findings if one.name == name and one.state is not State.OK]
        assert all(one.what and (one.remedy or one.state is State.NOTE) for one in found)
        return [(one.state.value, one.what, one.remedy) for one in found]

    def one(self, name: str, *arguments: str) -> tuple[str, str, str]:
        """Return the one thing that it finds of a name."""
        [found] = self.findings(name, *arguments)
        return found


@pytest.fixture
def clinic(node: Any, seed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    """A node without peers that is well: it has mail, a key, and Claude Code knows it."""
    elsewhere = tmp_path / "project"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    seed["nodes"] = [{"id": "server1", "ip": "127.0.0.1", "gateway_port": free_ports(1)[0]}]
    seed["instances"] = [one for one in seed["instances"] if one["node_id"] == "server1"]
    clinic = Clinic(node, seed)
    clinic.configure(checkup={"disk_low_mb": 1})
    clinic.settings(SETTINGS)
    node.send("alpha", "Deploy blocker")
    clinic.folder.chmod(0o700)
    return clinic


@pytest.fixture
def with_peer(clinic: Clinic) -> Clinic:
    """The same node with a peer that does not answer."""
    add_peer(clinic)
    return clinic


def add_peer(clinic: Clinic) -> int:
    """Put a peer into a node's config; return the port at which it does not answer."""
    [port] = free_ports(1)
    peer = {"id": "server2", "ip": "127.0.0.1", "gateway_port": port}
    clinic.configure(nodes=[clinic.seed["nodes"][0], peer])
    return port
