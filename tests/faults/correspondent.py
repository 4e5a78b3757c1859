"""A process that sends numbered briefs through the office and reads mail, and writes down what it did so that a kill loses none.

    python correspondent.py NAME LOG ADDRESS...

Each line of the log is one JSON object: `try` before a send, `ok` once it is accepted, `refused` with the reason when it is
not, `shown` before mail is marked read. A process that is started again goes on where the log ends: a send of which it
does not know whether it was accepted is repeated with its key. It ends when its stdin does, after the send that is under way.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import sys
from pathlib import Path
from typing import Any

from claudemail import config as configuration
from claudemail.errors import StoreError
from claudemail.model.brief import Draft
from claudemail.office import Office

PAUSE_S = 0.01
REFUSED_PAUSE_S = 0.1
READ_EVERY = 5
_OK = re.compile(rb'^\{"event": "ok", "number": (\d+)\}\n', re.MULTILINE)
_TAIL = 100_000


class Log:
    """An append-only file of JSON lines: what is in it is there even if the writer is killed next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def add(self, event: str, **fields: Any) -> None:
        """Append an event."""
        os.write(self._file, json.dumps({"event": event, **fields}).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def events(path: Path) -> list[dict[str, Any]]:
    """Return what a log says; a last line that was cut off is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def next_number(path: Path) -> int:
    """Return the number of the brief to send next: one that was tried and is not known to be accepted comes again."""
    if not path.exists():
        return 1
    with path.open("rb") as file:  # the end of it is enough, and is asked for often
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        found = [int(number) for number in _OK.findall(file.read())]
    return max(found, default=0) + 1


def title_of(name: str, number: int) -> str:
    """Return the title of a sender's brief."""
    return f"{name}-{number:06d}"


def ended() -> bool:
    """Return whether stdin is at its end."""
    return bool(select.select([0], [], [], 0)[0]) and not os.read(0, 1)


async def correspond(name: str, log: Log, addresses: list[str]) -> None:
    """Send to one address after the other, and read now and then, until stdin ends."""
    number = next_number(log.path)
    async with await Office.open(configuration.load()) as office:
        party = await office.party(name)
        while not ended():
            to = addresses[number % len(addresses)]
            title = title_of(name, number)
            log.add("try", number=number, to=to)
            try:
                await office.send(party, Draft(to=[to], title=title, key=title, body="x" * 200))
            except StoreError as error:
                log.add("refused", number=number, code=error.code, message=error.message)
                await asyncio.sleep(REFUSED_PAUSE_S)
                continue
            log.add("ok", number=number)
            number += 1
            if number % READ_EVERY == 0:
                await read(office, name, log)
            await asyncio.sleep(PAUSE_S)


async def read(office: Office, name: str, log: Log) -> None:
    """Read what is unread, as a digest."""
    party = await office.party(name)
    try:
        digest = await office.digest(party)
        if digest.items:
            log.add("shown", titles=[item.row.title for item in digest.items])
            await office.shown(party, [item.row.number for item in digest.items])
    except StoreError as error:
        log.add("refused", number=0, code=error.code, message=error.message)


if __name__ == "__main__":
    asyncio.run(correspond(sys.argv[1], Log(Path(sys.argv[2])), sys.argv[3:]))
