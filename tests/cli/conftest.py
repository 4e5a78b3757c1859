"""What the tests of the command line share: a node to run commands on, in process or out of it, and a peer of that node."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from claudemail import config as configuration
from claudemail import running
from claudemail.__main__ import run
from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Origin
from claudemail.office import Office

T = TypeVar("T")


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


def in_office(config: Config, work: Callable[[Office], Awaitable[T]]) -> T:
    """Open an office, work in it, close it."""

    async def inside() -> T:
        async with await Office.open(config) as office:
            return await work(office)

    return asyncio.run(inside())


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
