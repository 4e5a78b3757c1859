"""The mark beside a database: what is refused because of it, and what is not."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from claudemail.errors import StoreDamaged
from claudemail.store.database import MAIL, Database
from claudemail.store.mark import last_mark, mark_file

ROWS = 50


def store(connection: sqlite3.Connection) -> None:
    """Store something that must not be lost."""
    connection.execute(
        "INSERT INTO actions (id, code, bucket, created_at, changed_at, status_at) VALUES (hex(randomblob(8)), 'c', 0, 0, 0, 0)"
    )


async def count(path: Path) -> int:
    """Open a database and return how much is in it."""
    async with await Database.open(path, MAIL) as database:
        found: int = await database.read(lambda c: c.execute("SELECT count(*) FROM actions").fetchone()[0])
        return found


@pytest.fixture
async def crashed(tmp_path: Path) -> Path:
    """A database as a killed process leaves it: most of it in the log."""
    path = tmp_path / "live" / "mail.db"
    (tmp_path / "crashed").mkdir(mode=0o700)
    async with await Database.open(path, MAIL) as database:
        for _ in range(ROWS):
            await database.write(store)
        for part in ("", "-wal", ".mark"):
            shutil.copy(f"{path}{part}", tmp_path / "crashed" / f"mail.db{part}")
    return tmp_path / "crashed" / "mail.db"


async def test_a_crash_loses_nothing(crashed: Path) -> None:
    """What a killed process had committed is there, and closing says that all is well."""
    mark = last_mark(crashed)
    assert mark is not None
    assert (mark.clean, mark.progress) == (False, ROWS)
    assert await count(crashed) == ROWS
    mark = last_mark(crashed)
    assert mark is not None
    assert (mark.clean, mark.progress) == (True, ROWS)


async def test_a_log_that_lost_its_end_is_refused(crashed: Path) -> None:
    """SQLite would go on without a word from where the log is still good."""
    log = Path(f"{crashed}-wal")
    os.truncate(log, log.stat().st_size - 3 * 4120)
    for _ in range(2):
        with pytest.raises(StoreDamaged, match="less in it than was stored"):
            await Database.open(crashed, MAIL)


async def test_another_program_may_have_closed_it(crashed: Path) -> None:
    """A database that was opened and closed with another program after a crash is whole."""
    with closing(sqlite3.connect(crashed)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not Path(f"{crashed}-wal").exists()
    assert await count(crashed) == ROWS


async def test_an_older_copy_may_be_put_in_place(crashed: Path, tmp_path: Path) -> None:
    """A copy put in the place of a closed database is taken: other nodes find out, and send again."""
    with closing(sqlite3.connect(tmp_path / "new.db")) as copy, closing(sqlite3.connect(crashed)) as connection:
        connection.backup(copy)
    async with await Database.open(crashed, MAIL) as database:
        await database.write(store)
    shutil.copy(tmp_path / "new.db", crashed)
    assert await count(crashed) == ROWS


async def test_a_database_of_an_earlier_version_gets_a_mark(crashed: Path) -> None:
    """One that was made before there were marks opens, and has one from then on."""
    mark_file(crashed).unlink()
    assert await count(crashed) == ROWS
    crashed.unlink()
    with pytest.raises(StoreDamaged, match="gone"):
        await Database.open(crashed, MAIL)


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
async def test_without_its_mark_a_node_begins_anew(crashed: Path, left: str) -> None:
    """What is refused says how to go on without the mail that is lost, and that works."""
    Path(f"{crashed}-wal").unlink()
    crashed.unlink()
    if left == "an empty file":
        crashed.touch(0o600)
    with pytest.raises(StoreDamaged) as caught:
        await Database.open(crashed, MAIL)
    assert str(mark_file(crashed)) in caught.value.remedy
    assert last_mark(crashed) is not None
    mark_file(crashed).unlink()
    assert await count(crashed) == 0


async def test_all_of_it_is_read_after_a_crash_only(crashed: Path) -> None:
    """A page that is broken where nobody looks is found after a crash; a database that was closed opens at once."""
    assert await count(crashed) == ROWS
    with closing(sqlite3.connect(crashed)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'stars_by_brief'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with crashed.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    assert await count(crashed) == ROWS
    Path(f"{crashed}-wal").touch(0o600)
    with pytest.raises(StoreDamaged, match="damaged"):
        await Database.open(crashed, MAIL)
