"""One database: made and migrated, written in groups, and honest about what went wrong."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from claudemail.errors import StoreBusy, StoreDamaged, StoreError, StoreForeign, StoreFull
from claudemail.store import text_index
from claudemail.store.database import MAIL, MAX_GROUP, Database, Schema
from claudemail.store.gate import Gate

GROWN = Schema(*MAIL.scripts, "registry_0001.sql", functions=text_index.FUNCTIONS)
"""The mail schema with one more migration."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "state" / "mail.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """A new, empty mail database."""
    async with await Database.open(path, MAIL) as database:
        yield database


def put(key: str, value: str = "x") -> Callable[[sqlite3.Connection], str]:
    """Return a write that stores a row."""

    def work(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO meta VALUES (?, ?)", (key, value))
        return key

    return work


def keys(path: Path) -> list[str]:
    """Return the rows as another program sees them."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT key FROM meta ORDER BY key")]


def pragma(path: Path, name: str) -> object:
    """Return a setting as another program sees it."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


class TestOpening:
    """New files, old files, files of the future."""

    async def test_a_new_database_is_up_to_date_and_private(self, database: Database, path: Path) -> None:
        """Its version is the schema's, its log is a WAL, every commit is synced, and nobody else may read any of it."""
        await database.write(put("a"))
        assert pragma(path, "user_version") == MAIL.version
        assert pragma(path, "journal_mode") == "wal"
        assert await database.write(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]) == 2
        assert await database.write(lambda c: c.execute("PRAGMA foreign_keys").fetchone()[0]) == 1
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir() if file.is_file()}
        assert {name for name, mode in modes.items() if mode != 0o600} == set()
        assert {"mail.db", "mail.db-wal", "mail.db-shm", "mail.db.gate"} <= set(modes)
        assert path.parent.stat().st_mode & 0o777 == 0o700

    async def test_a_migration_keeps_the_mail_and_a_copy(self, path: Path) -> None:
        """An older database is brought up to date with its rows, after a copy of it was set aside."""
        async with await Database.open(path, MAIL) as database:
            await database.write(put("kept"))
        async with await Database.open(path, GROWN) as database:
            assert await database.read(lambda c: c.execute("SELECT count(*) FROM peers").fetchone()[0]) == 0
        assert (keys(path), pragma(path, "user_version")) == (["kept"], GROWN.version)
        copy = path.with_name(f"{path.name}.before-{GROWN.version}")
        assert (keys(copy), pragma(copy, "user_version")) == (["kept"], MAIL.version)

    async def test_a_migration_that_fails_changes_nothing(self, path: Path) -> None:
        """A step that cannot be taken is an error, and the database stays at the version it had."""
        async with await Database.open(path, MAIL) as database:
            await database.write(put("kept"))
        with pytest.raises(StoreError, match="already exists"):
            await Database.open(path, Schema(*MAIL.scripts, *MAIL.scripts))
        assert (keys(path), pragma(path, "user_version")) == (["kept"], MAIL.version)

    async def test_a_database_of_a_newer_version_is_refused(self, path: Path) -> None:
        """One that a newer ClaudeMail has migrated is left alone, with the remedy to upgrade."""
        async with await Database.open(path, GROWN):
            pass
        with pytest.raises(StoreForeign, match=f"schema {GROWN.version}") as caught:
            await Database.open(path, MAIL)
        assert "Upgrade" in caught.value.remedy
        assert pragma(path, "user_version") == GROWN.version

    async def test_opening_at_once_makes_one_database(self, path: Path) -> None:
        """Many that open a new database at the same moment all get the same, complete one."""
        opened = await asyncio.gather(*(Database.open(path, MAIL) for _ in range(8)))
        for i, database in enumerate(opened):
            await database.write(put(str(i)))
        for database in opened:
            await database.close()
        assert keys(path) == [str(i) for i in range(8)]

    async def test_a_place_that_cannot_hold_a_database_is_an_error(self, tmp_path: Path) -> None:
        """A file in the way of the folder and a folder in the way of the file are errors that name the path."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match=r"file/mail\.db"):
            await Database.open(tmp_path / "file" / "mail.db", MAIL)
        (tmp_path / "folder.db").mkdir()
        with pytest.raises(StoreError, match=r"folder\.db"):
            await Database.open(tmp_path / "folder.db", MAIL)

    async def test_closed_is_closed(self, path: Path) -> None:
        """After closing, reads and writes are errors, and closing has finished the writes that were waiting."""
        database = await Database.open(path, MAIL)
        waiting = asyncio.create_task(database.write(put("last")))
        await asyncio.sleep(0)
        await database.close()
        assert await waiting == "last"
        with pytest.raises(StoreError, match="closed"):
            await database.read(lambda c: c.execute("SELECT 1").fetchone())
        with pytest.raises(StoreError, match="closed"):
            await database.write(put("late"))
        assert keys(path) == ["last"]


class TestGroupCommit:
    """Writes that wait together are committed together, and fail alone."""

    async def test_writes_share_a_commit(self, database: Database) -> None:
        """Three hundred writes at once take two commits, and each gets its own result."""
        log: list[str] = []
        await database.write(lambda c: c.set_trace_callback(log.append))
        log.clear()
        results = await asyncio.gather(*(database.write(put(f"{i:03}")) for i in range(300)))
        assert results == [f"{i:03}" for i in range(300)]
        assert log.count("COMMIT") == -(-300 // MAX_GROUP) == 2

    async def test_one_that_raises_is_undone_alone(self, database: Database, path: Path) -> None:
        """Of writes in one commit, those that fail leave nothing behind and get their own error; the others are stored."""

        def half_way(connection: sqlite3.Connection) -> None:
            put("half")(connection)
            raise LookupError("changed my mind")

        def doubled(connection: sqlite3.Connection) -> None:
            put("double")(connection)
            put("double")(connection)

        works = (put("a"), half_way, put("b"), doubled, put("c"))
        outcomes = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
        assert [outcomes[0], outcomes[2], outcomes[4]] == ["a", "b", "c"]
        assert isinstance(outcomes[1], LookupError)
        assert isinstance(outcomes[3], StoreError)
        assert keys(path) == ["a", "b", "c"]

    async def test_a_result_is_given_only_after_the_commit(self, database: Database, path: Path) -> None:
        """While a later write of the same group still runs, an earlier one has no result and nobody sees its row."""
        loop = asyncio.get_running_loop()
        seen: list[object] = []

        def look(_: sqlite3.Connection) -> None:
            turned = threading.Event()
            loop.call_soon_threadsafe(turned.set)  # the event loop runs, and could hand out results
            turned.wait()
            seen.extend([first.done(), keys(path)])

        first = asyncio.create_task(database.write(put("a")))
        second = asyncio.create_task(database.write(look))
        await asyncio.gather(first, second)
        assert seen == [False, []]
        assert keys(path) == ["a"]

    async def test_a_caller_that_goes_away_harms_nobody(self, database: Database, path: Path) -> None:
        """When one of several waiting callers is cancelled, the others get their results."""
        with Gate(path):
            tasks = [asyncio.create_task(database.write(put(key))) for key in "abc"]
            await asyncio.sleep(0)
            tasks[1].cancel()
        assert await tasks[0] == "a"
        assert await tasks[2] == "c"
        assert tasks[1].cancelled()

    async def test_a_read_sees_one_moment(self, database: Database, path: Path) -> None:
        """What others commit while a read is going on is not in it."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            count = "SELECT count(*) FROM meta"
            before = connection.execute(count).fetchone()[0]
            with closing(sqlite3.connect(path)) as other, other:
                other.execute("INSERT INTO meta VALUES ('other', 'x')")
            return before, connection.execute(count).fetchone()[0]

        assert await database.read(work) == (0, 0)
        assert keys(path) == ["other"]


class TestTrouble:
    """Locked, full and damaged: an error that says so, and nothing half done."""

    async def test_a_lock_that_is_not_given_up_is_an_error(self, database: Database, path: Path) -> None:
        """While another program keeps the database locked a write is refused; after that it goes on."""
        await database.write(lambda c: c.execute("PRAGMA busy_timeout = 10").fetchone())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusy):
                await database.write(put("a"))
            other.execute("ROLLBACK")
        await database.write(put("b"))
        assert keys(path) == ["b"]

    async def test_a_full_database_refuses_and_recovers(self, database: Database, path: Path) -> None:
        """At its size limit nothing of a write is stored and what was there stays; with room again it goes on."""
        await database.write(put("before"))
        pages = await database.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        await database.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
        with pytest.raises(StoreFull):
            await asyncio.gather(*(database.write(put(f"big{i}", "x" * 100_000)) for i in range(3)))
        assert await database.read(lambda c: c.execute("SELECT count(*) FROM meta").fetchone()[0]) == 1
        await database.write(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchone())
        await database.write(put("after", "x" * 100_000))
        assert keys(path) == ["after", "before"]

    async def test_a_full_disk_refuses_and_recovers(self, small_disk: Path) -> None:
        """On a disk without room writes are StoreFull and what was accepted stays; with room again they go on."""
        path = small_disk / "mail.db"
        async with await Database.open(path, MAIL) as database:
            accepted: list[str] = []
            outcome: object = None
            while not isinstance(outcome, BaseException):
                write = database.write(put(f"{len(accepted):06}", "x" * 2000))
                (outcome,) = await asyncio.gather(write, return_exceptions=True)
                if isinstance(outcome, str):
                    accepted.append(outcome)
            assert isinstance(outcome, StoreFull)
            with pytest.raises(StoreFull):
                await database.write(put("more", "x" * 2000))
            (small_disk / "ballast").unlink()
            accepted.append(await database.write(put("then", "x" * 2000)))
            assert accepted == await database.read(
                lambda c: [row[0] for row in c.execute("SELECT key FROM meta ORDER BY key")]
            )
        assert pragma(path, "integrity_check") == "ok"

    async def test_a_file_that_is_no_database_is_damaged(self, path: Path) -> None:
        """Rubbish in the place of the database is refused at the door, and left as it is."""
        path.parent.mkdir()
        path.write_bytes(b"not a database, by any means" * 1000)
        with pytest.raises(StoreDamaged, match=str(path)):
            await Database.open(path, MAIL)
        assert path.read_bytes().startswith(b"not a database")

    async def test_a_broken_page_is_damaged(self, path: Path) -> None:
        """A database with overwritten pages opens, and reading or writing what is broken is StoreDamaged."""
        async with await Database.open(path, MAIL) as database:
            await database.write(put("a", "x" * 50_000))
        size = int(str(pragma(path, "page_size")))
        root = sqlite3.connect(path)
        page = root.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'meta'").fetchone()[0]
        root.close()
        with path.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(os.urandom(size))
        async with await Database.open(path, MAIL) as database:
            with pytest.raises(StoreDamaged, match="damaged"):
                await database.read(lambda c: c.execute("SELECT * FROM meta").fetchall())
            with pytest.raises(StoreDamaged, match=str(path)):
                await database.write(put("b"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, part of it taken up by a file `ballast`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        (folder / "ballast").write_bytes(b"x" * 200_000)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
