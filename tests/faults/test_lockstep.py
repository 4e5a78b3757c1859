"""A node dies wherever it writes, by SIGKILL or as the power goes: it opens, is whole, and ends as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from claudemail.running import own_environment
from tests.faults.script import ACKS, STEPS

FOLDER = Path(__file__).parent
T = TypeVar("T")
_HEAD = struct.Struct("=cIqI")
SIGKILLED = -9


class Runner:
    """The process that runs the script, under the shim."""

    def __init__(self, shim: Path, tree: Path | None = None) -> None:
        paths = [str(tree)] if tree else []
        environment = own_environment({"LD_PRELOAD": str(shim)})
        environment["PYTHONPATH"] = os.pathsep.join([*paths, environment["PYTHONPATH"], str(FOLDER.parent.parent)])
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(FOLDER / "script.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, do: str, folder: Path, **how: Any) -> dict[str, Any]:
        """Have something done; return what came of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, "folder": str(folder), **how}) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def finish(self, folder: Path) -> dict[str, Any]:
        """Have the script go on to its end, undisturbed; return the state that it comes to."""
        ended = self("run", folder)
        assert ended["code"] == 0, f"it does not go on after step {len((folder / ACKS).read_bytes())}; see stderr"
        found = self("state", folder)
        assert found.pop("code") == 0
        return found

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def runner(shim: Path) -> Iterator[Runner]:
    """A runner."""
    runner = Runner(shim)
    yield runner
    runner.close()


class Disk:
    """What is on a disk, from a trace: what was synced, and what was not and may be lost when the power goes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable: dict[Path, bytearray] = {}
        self._pending: dict[Path, list[tuple[str, int, bytes]]] = {}

    def apply(self, kind: str, path: Path, offset: int, data: bytes) -> None:
        """Take in one operation. Renames and removals are taken for durable, as a journal's order makes them before long."""
        if kind in "WT":
            self._pending.setdefault(path, []).append((kind, offset, data))
        elif kind == "S":
            for change in self._pending.pop(path, []):
                _change(self._durable.setdefault(path, bytearray()), *change)
        elif kind == "U":
            self._durable.pop(path, None)
            self._pending.pop(path, None)
        else:
            self._move(self._durable, path, Path(os.fsdecode(data)))
            self._move(self._pending, path, Path(os.fsdecode(data)))

    @staticmethod
    def _move(files: dict[Path, T], old: Path, new: Path) -> None:
        files.pop(new, None)
        if old in files:
            files[new] = files.pop(old)

    def cut(self, folder: Path, chance: random.Random | None) -> None:
        """Write what is there after the power went: of what was not synced nothing, or by `chance` any part of it."""
        for path in self._durable.keys() | self._pending.keys():
            content = bytearray(self._durable.get(path, b""))
            for change in self._pending.get(path, []):
                if chance is not None and chance.random() < 0.5:
                    _change(content, *change)
            target = folder / path.relative_to(self._root)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.write_bytes(content)
            target.chmod(0o600)


def _change(content: bytearray, kind: str, offset: int, data: bytes) -> None:
    end = offset + len(data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if kind == "T":
        del content[offset:]
    else:
        content[offset:end] = data


def operations(trace: Path) -> Iterator[tuple[str, Path, int, bytes]]:
    """Yield what a trace says was done."""
    content = trace.read_bytes()
    at = 0
    while at < len(content):
        kind, path_length, offset, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        path = Path(os.fsdecode(content[at : at + path_length]))
        at += path_length
        yield kind.decode(), path, offset, content[at : at + length]
        at += length


def kills(runner: Runner, root: Path, seed: int, *, share: float, told: float) -> int:
    """Kill the script at some of its operations, and check how it goes on.

    Args:
        runner: what runs it.
        root: a folder for all this.
        seed: it decides which.
        share: the share of its operations at which it is killed.
        told: the share of its steps after which it is killed, in the first operations after it told that the step is done.

    Returns:
        How many kills those were.
    """
    chance = random.Random(seed)
    runner("prepare", root / "start")
    shutil.copytree(root / "start", root / "whole")
    trace = root / "trace"
    total = runner("run", root / "whole", trace=str(trace))["operations"]
    expected = runner.finish(root / "whole")
    assert not expected["wrong"]
    tellings = [number for number, (_, path, _, _) in enumerate(operations(trace), start=1) if path.name == ACKS]
    points = chance.sample(range(1, total + 1), int(total * share))
    points += [number + chance.randint(1, 4) for number in tellings if chance.random() < told]
    for point in sorted(points):
        folder = root / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "start", folder)
        torn = chance.randrange(2)
        died = runner("run", folder, kill_at=point, torn=torn)
        assert died["code"] in (SIGKILLED, 0), f"operation {point}: {died}"  # a run may have a few operations less
        assert runner.finish(folder) == expected, f"operation {point} of {total}, torn: {torn}"
    return len(points)


def power_cuts(runner: Runner, root: Path, seed: int, share: float) -> int:
    """Cut the power after a share of the script's operations, and check how it goes on; return how many those were."""
    chance = random.Random(seed)
    runner("prepare", root / "start")
    shutil.copytree(root / "start", root / "whole")
    trace = root / "trace"
    assert runner("run", root / "whole", trace=str(trace))["code"] == 0
    expected = runner.finish(root / "whole")
    disk, cuts, acknowledged = Disk(root / "whole"), 0, 0
    for number, (kind, path, offset, data) in enumerate(operations(trace)):
        if path.name == ACKS:
            acknowledged += 1  # it stands for somebody who was told, and remembers
        else:
            disk.apply(kind, path, offset, data)
        if chance.random() >= share and acknowledged < len(STEPS):
            continue
        cuts += 1
        folder = root / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "start", folder)
        disk.cut(folder, chance if chance.random() < 0.5 else None)
        (folder / ACKS).write_bytes(b"." * acknowledged)
        assert runner.finish(folder) == expected, f"cut after operation {number}, step {acknowledged}"
        if acknowledged == len(STEPS):
            break
    return cuts


def test_a_kill_at_any_write_changes_nothing(runner: Runner, run_seed: int, tmp_path: Path) -> None:
    """Killed at some of its operations, before it or in the middle of it, the script ends as it would have."""
    assert kills(runner, tmp_path, run_seed, share=1 / 200, told=0.3)


def test_a_power_cut_at_any_write_changes_nothing(runner: Runner, run_seed: int, tmp_path: Path) -> None:
    """With the power cut after some of its operations, whatever of the rest had reached the disk, so too."""
    assert power_cuts(runner, tmp_path, run_seed, 1 / 100)


@pytest.mark.soak
def test_a_kill_at_every_write(runner: Runner, run_seed: int, tmp_path: Path) -> None:
    """Killed at every one of its operations, the script ends as it would have."""
    sys.stdout.write(f"{kills(runner, tmp_path, run_seed, share=1, told=0)} kills\n")


@pytest.mark.soak
def test_a_power_cut_at_every_write(runner: Runner, run_seed: int, tmp_path: Path) -> None:
    """With the power cut after every one of its operations."""
    sys.stdout.write(f"{power_cuts(runner, tmp_path, run_seed, 1)} cuts\n")
