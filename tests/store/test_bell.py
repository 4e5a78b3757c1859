"""Whoever shares a database hears of a commit, and a bell that fails costs nobody mail."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from claudemail.sockets import socket_folder
from claudemail.store.bell import Bell
from claudemail.store.database import MAIL, REGISTRY, Database

PATIENCE_S = 30
ELSEWHERE = """
import asyncio, sys
from pathlib import Path
from claudemail.store.database import MAIL, Database
async def main():
    async with await Database.open(Path(sys.argv[1]), MAIL) as database:
        await database.write(lambda c: c.execute("INSERT INTO meta VALUES ('elsewhere', 'x')") and None)
asyncio.run(main())
"""


class Heard:
    """A listener that can be waited for."""

    def __init__(self) -> None:
        self.times = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self._event.set()

    async def once(self) -> None:
        """Wait until it was called, since the last wait or from now on."""
        await asyncio.wait_for(self._event.wait(), PATIENCE_S)
        self._event.clear()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open mail database."""
    async with await Database.open(tmp_path / "mail.db", MAIL) as database:
        yield database


async def insert(database: Database, key: str) -> None:
    """Commit a row."""
    await database.write(lambda c: c.execute("INSERT INTO meta VALUES (?, 'x')", (key,)) and None)


async def count(database: Database) -> int:
    """Return how many rows there are."""
    rows: int = await database.read(lambda c: c.execute("SELECT count(*) FROM meta").fetchone()[0])
    return rows


async def test_an_own_commit_is_heard(database: Database) -> None:
    """A listener is called after a commit of its own process, and no longer once it has ended."""
    heard = Heard()
    end = database.subscribe(heard)
    await insert(database, "a")
    await heard.once()
    end()
    end()
    times = heard.times
    await insert(database, "b")
    assert heard.times == times


async def test_a_commit_of_another_process_is_heard(database: Database) -> None:
    """A listener is called after another process committed, and then sees what it wrote."""
    heard = Heard()
    database.subscribe(heard)
    elsewhere = await asyncio.create_subprocess_exec(sys.executable, "-c", ELSEWHERE, str(database.path))
    while not await count(database):
        await heard.once()
    assert await elsewhere.wait() == 0


async def test_the_bell_alone_suffices(tmp_path: Path) -> None:
    """Another listener of the folder is rung by the bell's datagram itself."""
    one, other = Bell(tmp_path / "mail.db"), Bell(tmp_path / "mail.db")
    ear = other.listen()
    rung = asyncio.Event()
    asyncio.get_running_loop().add_reader(ear, rung.set)
    one.ring()
    await asyncio.wait_for(rung.wait(), PATIENCE_S)
    other.drain()
    with pytest.raises(BlockingIOError):
        ear.recv(16)
    asyncio.get_running_loop().remove_reader(ear)
    one.close()
    other.close()


async def test_a_commit_without_a_bell_is_noticed(database: Database) -> None:
    """A program that knows nothing of the bell commits, and the listener is called all the same."""
    heard = Heard()
    database.subscribe(heard)
    await insert(database, "warm up")
    await heard.once()
    with closing(sqlite3.connect(database.path)) as stranger, stranger:
        stranger.execute("INSERT INTO meta VALUES ('silent', 'x')")
    await heard.once()


async def test_bells_of_the_dead_are_removed(database: Database) -> None:
    """The socket of a listener that was killed is cleared away by the next commit; that of one alive stays."""
    folder = Path(socket_folder(str(database.path.parent), "mail.db.bells"))
    script = "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, folder / "dead"], check=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as alive:
        alive.bind(str(folder / "alive"))
        await insert(database, "a")
        assert not (folder / "dead").exists()
        assert alive.recv(16) == b""


async def test_a_listener_that_does_not_listen_delays_nobody(database: Database) -> None:
    """Commits go on when a listener's buffer is full."""
    folder = Path(socket_folder(str(database.path.parent), "mail.db.bells"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(folder / "deaf"))
        for i in range(400):
            await insert(database, str(i))
    assert await count(database) == 400


async def test_a_commit_counts_without_any_bell(database: Database) -> None:
    """When the folder of the bells has been cleaned away, what was committed is not reported as failed."""
    shutil.rmtree(socket_folder(str(database.path.parent), "mail.db.bells"))
    await insert(database, "a")
    assert await count(database) == 1


async def test_closing_leaves_no_socket(tmp_path: Path) -> None:
    """A database that is closed takes its bell with it."""
    database = await Database.open(tmp_path / "mail.db", MAIL)
    database.subscribe(lambda: None)
    folder = Path(socket_folder(str(tmp_path), "mail.db.bells"))
    assert len(list(folder.iterdir())) == 1
    await database.close()
    assert list(folder.iterdir()) == []


async def test_databases_of_one_folder_have_bells_of_their_own(tmp_path: Path) -> None:
    """A commit to one database does not call the listeners of another beside it."""
    async with (
        await Database.open(tmp_path / "mail.db", MAIL) as mail,
        await Database.open(tmp_path / "registry.db", REGISTRY, durable=False) as registry,
    ):
        heard, own = Heard(), Heard()
        registry.subscribe(heard)
        mail.subscribe(own)
        await insert(mail, "a")
        await own.once()
        await registry.write(lambda c: c.execute("INSERT INTO peers (node) VALUES ('b')") and None)
        await heard.once()
        assert heard.times == 1  # its own, and none before that
