"""Several processes write one database at once, and some of them are killed."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

WRITERS, WRITES, KILLS = 4, 60, 8

COUNT = """
import asyncio, sys
from pathlib import Path
from claudemail.store.database import MAIL, Database

def add_one(connection):
    row = connection.execute("SELECT value FROM meta WHERE key = 'total'").fetchone()
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('total', ?)", (str(int(row[0] if row else 0) + 1),))

async def main(path, writes):
    async with await Database.open(Path(path), MAIL) as database:
        sys.stdin.readline()
        for _ in range(writes // 2):
            await database.write(add_one)
        await asyncio.gather(*(database.write(add_one) for _ in range(writes - writes // 2)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""

WRITE_ON = """
import asyncio, itertools, sys
from pathlib import Path
from claudemail.store.database import MAIL, Database

async def writer(database, name):
    for i in itertools.count():
        key = f"{name}-{i}"
        await database.write(lambda c: c.execute("INSERT INTO meta VALUES (?, ?)", (key, "x" * 500)) and None)
        print(key, flush=True)

async def main(path, name):
    async with await Database.open(Path(path), MAIL) as database:
        await asyncio.gather(*(writer(database, f"{name}-{n}") for n in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""


def test_no_write_is_lost_between_processes(tmp_path: Path) -> None:
    """Processes that each read, add one and write as fast as they can end at the sum of all that they added."""
    path = tmp_path / "mail.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", COUNT, path, str(WRITES)], stdin=subprocess.PIPE)
        for _ in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'total'").fetchone() == (str(WRITERS * WRITES),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """However often a writing process is killed, everything it had acknowledged is there, and the database is whole."""
    path = tmp_path / "mail.db"
    acknowledged: set[str] = set()
    chance = random.Random(20_26)
    for life in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE_ON, path, str(life)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            acknowledged |= {writer.stdout.readline().strip() for _ in range(chance.randint(1, 300))}
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines(keepends=True)
            acknowledged |= {line.strip() for line in rest if line.endswith("\n")}
        with closing(sqlite3.connect(path)) as connection:
            stored = {row[0] for row in connection.execute("SELECT key FROM meta")}
            assert acknowledged <= stored
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(acknowledged) > KILLS
