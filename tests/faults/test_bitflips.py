"""A bit of the database or its log is another one: it is noticed, or it is where SQLite keeps no sum of what it keeps."""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from claudemail.config import Config
from claudemail.errors import ClaudeMailError, StoreDamaged
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.office.actions import Wanted
from tests.conftest import node_config

BRIEFS = 60
PARTS = ("claudemail.db", "claudemail.db-wal", "claudemail.db.mark", "node.key")


async def written(config: Config) -> list[tuple[str, str]]:
    """Return all that can be read of a node's mail: titles and bodies, in order."""
    async with await Office.open(config) as office:
        page = await office.inbox(None, limit=10 * BRIEFS)
        found = []
        for row in reversed(page.rows):
            brief = (await office.read(office.operator(), row.id)).brief
            found.append((brief.title, brief.body))
        await office.list_actions(office.operator(), Wanted(), limit=100)
        await office.status()
        await office.checkup()
        return found


async def crashed(config: Config, to: Path) -> list[tuple[str, str]]:
    """Fill a node, and leave in a folder what a crash would, part of it in the log. Return what is in it."""
    to.mkdir()
    async with await Office.open(config) as office:
        for number in range(BRIEFS):
            draft = Draft(
                to=["alpha", "bravo"], title=f"brief {number}", body=f"text {number} " * 40, actions=["do it"]
            )
            await office.send(office.operator(), draft)
        for part in PARTS:
            shutil.copy(Path(config.state_dir, part), to / part)
    return await written(config)


def flip(path: Path, chance: random.Random) -> None:
    """Turn over one bit of a file."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


async def outcome(config: Config, truth: list[tuple[str, str]]) -> str:
    """Open and read a node; say what came of it.

    Anything but our own errors, such as a traceback, fails the test.
    """
    try:
        found = await written(config)
    except StoreDamaged:
        return "refused as damaged"
    except ClaudeMailError as error:
        return f"another error: {error.message[-50:]}"
    if found == truth:
        return "nothing lost"
    return "unseen: text differs" if len(found) == len(truth) else "unseen: mail is missing"


async def flips(seed_config: dict[str, Any], root: Path, seed: int, part: str, count: int) -> Counter[str]:
    """Flip so many single bits of a part of a crashed database; count what came of it."""
    chance = random.Random(seed)
    config = node_config(seed_config, root / "node", "server1")
    truth = await crashed(config, root / "crashed")
    came: Counter[str] = Counter()
    for _ in range(count):
        for path in Path(config.state_dir).glob("claudemail.db*"):
            if path.is_file():
                path.unlink()
        for kept in PARTS:
            shutil.copy(root / "crashed" / kept, Path(config.state_dir, kept))
        flip(Path(config.state_dir, part), chance)
        came[await outcome(config, truth)] += 1
    sys.stdout.write(f"{part}: {dict(came)}\n")
    return came


async def test_no_bit_of_the_log_is_lost_unseen(run_seed: int, seed: dict[str, Any], tmp_path: Path) -> None:
    """Whichever bit of a log is flipped: the database is refused, or all that was accepted is there."""
    came = await flips(seed, tmp_path, run_seed, "claudemail.db-wal", 25)
    assert set(came) <= {"refused as damaged", "nothing lost"}


@pytest.mark.soak
@pytest.mark.parametrize("part", ["claudemail.db", "claudemail.db-wal"])
async def test_many_bits(run_seed: int, seed: dict[str, Any], tmp_path: Path, part: str) -> None:
    """A thousand bits of either; what SQLite keeps no sum of may change unseen, and is counted."""
    came = await flips(seed, tmp_path, run_seed, part, 1_000)
    assert came["refused as damaged"]


async def test_a_bit_of_the_database_ends_in_no_traceback(run_seed: int, seed: dict[str, Any], tmp_path: Path) -> None:
    """Whichever bit of the database itself is flipped: what cannot be read is our own error, with what to do next."""
    await flips(seed, tmp_path, run_seed, "claudemail.db", 25)
