"""Makes a node with as much mail as one gets in years: for benchmarks, and for whoever wants to see one.

    python -m tests.benchmarks.generate FOLDER [COUNT]

The briefs go through the database's own triggers and full text; only what takes long and changes nothing for a reader is left
out: they are not signed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.model.action import ActionFields, ActionStatus, Change
from claudemail.model.brief import Priority, canonical
from claudemail.model.ids import code_of, new_id
from claudemail.office import Office
from claudemail.store import actions, text_index

COUNT = 1_000_000
CHUNK = 200
"""In larger transactions SQLite walks its statement journal, which is in memory, again and again."""
VOCABULARY = 20_000
HERE = ("alpha", "bravo", "delta", "echo", "web", "operator")
THERE = ("charlie", "foxtrot", "golf", "hotel", "india")
START = 1_735_689_600_000
STEP_MS = 30_000
UNREAD = 1_000
"""So many of the newest are unread."""
_ACTION_EVERY = 20


def config(folder: Path) -> Config:
    """Return the configuration of the node that is made."""
    data = {
        "nodes": [{"id": "server1", "ip": "127.0.0.1"}, {"id": "server2", "ip": "127.0.0.2"}],
        "instances": [
            {"id": "web", "node_id": "server1", "callsigns": ["alpha", "bravo", "delta", "echo"]},
            {"id": "api", "node_id": "server2", "callsigns": list(THERE)},
        ],
        "db_path": "claudemail.db", "registry_db_path": "registry.db", "mailbox_dir": "mailbox",
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(data))
    return configuration.parse(path.read_text(), str(path), {configuration.NODE_ENV: "server1"})


class Writer:
    """Writes briefs whose words are as common as words are."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._dice = random.Random(1)
        self._words = [
            f"{syllable}{number}" for number, syllable in enumerate(itertools.islice(_syllables(), VOCABULARY))
        ]
        self._common = list(itertools.accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))
        self._bodies = [" ".join(self._pick(150)) for _ in range(5_000)]
        self._thread = new_id(START)

    def _pick(self, count: int) -> list[str]:
        return self._dice.choices(self._words, cum_weights=self._common, k=count)

    def chunk(self, connection: sqlite3.Connection, first: int, last: int) -> None:
        """Put the briefs with these numbers into the database."""
        briefs, entries, sent = [], [], []
        for number in range(first, last):
            row, mailbox = self._brief(number)
            briefs.append(row)
            if mailbox in HERE:
                unread = number > self._count - UNREAD
                archived = None if number > self._count // 2 else row[5] + 2
                entries.append((mailbox, number, row[11], None if unread else row[5] + 1, archived))
            else:
                sent.append((number, mailbox, "server2", row[6], row[6], row[6] + 5))
        connection.executemany(f"INSERT INTO briefs VALUES ({', '.join('?' * 16)})", briefs)
        connection.executemany(
            "INSERT INTO entries (mailbox, brief, priority, read_at, archived_at) VALUES (?, ?, ?, ?, ?)", entries
        )
        connection.executemany(
            "INSERT INTO recipients (brief, name, node, queued_at, delivered_at, read_at) VALUES (?, ?, ?, ?, ?, ?)",
            sent,
        )
        while text_index.due(connection) is not None:
            text_index.take_in_some(connection)
        connection.execute("DELETE FROM unmirrored")
        for number in range(first, last):
            if number % _ACTION_EVERY == 0:
                self._action(connection, number, briefs[number - first][1])

    def _brief(self, number: int) -> tuple[tuple[Any, ...], str]:
        dice = self._dice
        at = START + number * STEP_MS
        id = new_id(at)
        if number % 5 == 1:
            self._thread = id
        here = number % 4 == 0
        sender, node = (dice.choice(HERE[:4]), "server1") if here else (dice.choice(THERE), "server2")
        instance = "web" if here else "api"
        mailbox = dice.choice(THERE) if number % 8 == 0 else dice.choice(HERE)
        title = f"Report {number}: {' '.join(self._pick(4))}"
        body = dice.choice(self._bodies)
        priority = dice.choices(range(len(Priority)), weights=(10, 80, 8, 2))[0]
        fields = {
            "id": id, "ref": code_of(id)[:6], "stamp": f"{at:014d}-00000-{node}", "at": at, "title": title, "body": body,
            "sender": {"name": sender, "instance": instance, "node": node}, "to": [mailbox], "thread": self._thread,
        }  # fmt: skip
        row = (
            number, id, code_of(id), fields["ref"], self._thread, at, at + 50, sender, instance, node, title, priority,
            int(number % _ACTION_EVERY == 0), canonical(fields), "", 1,
        )  # fmt: skip
        return row, mailbox

    def _action(self, connection: sqlite3.Connection, number: int, brief: str) -> None:
        at = START + number * STEP_MS
        id = new_id(at)
        status = ActionStatus.DONE if number < self._count * 0.8 else self._dice.choice(list(ActionStatus)[:3])
        fields = ActionFields(
            ref=code_of(id)[:6],
            text=" ".join(self._pick(6)),
            assignee=self._dice.choice(HERE[:5] + THERE),
            status=status,
            priority=self._dice.choice(list(Priority)),
            due=f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}" if number % 3 else None,
            brief=brief,
            asker="charlie@server2",
        )
        change = Change(action=id, stamp=f"{at:014d}-00000-server2", at=at, by="charlie", fields=fields)
        actions.apply(connection, change, canonical(change.wire()), "", verified=True)


def _syllables() -> Any:
    parts = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    return ("".join(word) for length in itertools.count(2) for word in itertools.product(parts, repeat=length))


async def fill(settings: Config, count: int = COUNT) -> None:
    """Put so many briefs, and an action for every twentieth, into a new node."""
    async with await Office.open(settings) as office:
        mail = office._desk.mail
        writer = Writer(count)
        for first in range(1, count + 1, CHUNK):
            last = min(first + CHUNK, count + 1)
            await mail.write(lambda connection, first=first, last=last: writer.chunk(connection, first, last))  # type: ignore[misc]


if __name__ == "__main__":
    started = time.monotonic()
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else COUNT
    asyncio.run(fill(config(Path(sys.argv[1])), wanted))
    print(f"{wanted} briefs in {time.monotonic() - started:.0f} s")
