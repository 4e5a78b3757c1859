"""The mirror: every brief as a file that people can read, beside the database that is the record.

    inbox/alpha/2026-03/24-140211-5-k7qd.md    what came for alpha, with when it was read
    sent/2026-03/24-140500-6-m2xq.md           what somebody of this node sent, and to whom
    actions/changes.jsonl                      every change of an action, signed

The database says what is to be written, so nothing is forgotten; when, does not matter. `rebuild` makes a database from it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from claudemail import whole_file
from claudemail.clock import iso
from claudemail.errors import MirrorError
from claudemail.model import document
from claudemail.model.brief import Brief
from claudemail.office.desk import INBOX, SENT, Desk
from claudemail.store import action_changes, briefs, entries, meta, recipients, stars, unmirrored

ACTIONS, CHANGES = "actions", "changes.jsonl"
_STEP = 50
_MOST_CHANGES = 500


class Page(NamedTuple):
    """A file of the mirror: where it is below the mailbox folder, and what is in it."""

    path: Path
    brief: Brief
    kept: dict[str, str]
    """What the node knows of the brief, beside what its sender wrote."""


async def write_some(desk: Desk) -> int:
    """Write some of the files that are not as they should be; return how many briefs and changes that were, 0: none is left.

    Raises:
        MirrorError: a file cannot be written; it stays on the list.
        StoreError: the database could not say.
    """
    due = await desk.mail.read(lambda connection: unmirrored.some(connection, _STEP))
    folder = Path(desk.config.mailbox_dir)
    if due:
        pages = await desk.mail.read(
            lambda connection: [page for one in due for page in _pages(desk, connection, one.brief)]
        )
        await asyncio.to_thread(_write, folder, pages)
        await desk.mail.write(lambda connection: unmirrored.done(connection, due))
    return len(due) + await _write_changes(desk, folder)


async def _write_changes(desk: Desk, folder: Path) -> int:
    """Append changes of actions to their file. After a crash some may stand there twice, which does no harm."""
    place = await desk.mail.read(meta.mirrored_change)
    changes = await desk.mail.read(lambda connection: action_changes.since(connection, place, _MOST_CHANGES))
    if changes:
        lines = "".join(_line(change) for change in changes)
        await asyncio.to_thread(_append, folder, lines)
        await desk.mail.write(lambda connection: meta.set_mirrored_change(connection, changes[-1].place))
    return len(changes)


async def write_all_anew(desk: Desk) -> None:
    """Have every file written again, as for a folder that was emptied; `write_some` does it.

    No file is removed but that of the changes, to which they are appended.

    Raises:
        MirrorError: that cannot be removed.
        StoreError: the database could not be told.
    """
    await asyncio.to_thread(_remove, Path(desk.config.mailbox_dir) / ACTIONS / CHANGES)

    def work(connection: sqlite3.Connection) -> None:
        unmirrored.everything(connection)
        meta.set_mirrored_change(connection, 0)

    await desk.mail.write(work)


def _line(change: action_changes.Kept) -> str:
    return json.dumps({"change": json.loads(change.canonical), "signature": change.signature}) + "\n"


def _pages(desk: Desk, connection: sqlite3.Connection, number: int) -> list[Page]:
    """Return the files of a brief: one for each mailbox that holds it, and one if it was sent from here."""
    row = briefs.by_number(connection, number)
    brief = briefs.load(row)
    kept = {
        "instance": brief.sender.instance or "",
        "stamp": brief.stamp,
        "sent": iso(brief.at),
        "accepted": iso(row["accepted_at"]),
        "signature": row["signature"],
        "starred": ", ".join(stars.holders(connection, number)),
    }
    pages = []
    for entry in entries.holders(connection, number):
        state = {"mailbox": entry["mailbox"]}
        if entry["read_at"] is not None:
            state["read"] = f"{iso(entry['read_at'])} by {entry['read_by']}"
        if entry["archived_at"] is not None:
            state["archived"] = iso(entry["archived_at"])
        pages.append(_page(Path(INBOX, entry["mailbox"]), row, brief, {**kept, **state}))
    if row["node"] == desk.config.node_id:
        names = [f"{state.name}@{state.node}" for state in recipients.states(connection, number)]
        pages.append(_page(Path(SENT), row, brief, {**kept, "recipients": ", ".join(names)}))
    return pages


def order_of(path: Path) -> tuple[str, str, str, int]:
    """Return what sorts files of the mirror as their briefs were accepted; what is no such file comes where it may."""
    day, _, rest = path.name.partition("-")
    time, _, rest = rest.partition("-")
    number = rest.partition("-")[0]
    return path.parent.name, day, time, int(number) if number.isdecimal() and len(number) < 19 else 0


def _page(folder: Path, row: sqlite3.Row, brief: Brief, kept: dict[str, str]) -> Page:
    moment = datetime.fromtimestamp(row["accepted_at"] / 1000, UTC)
    name = f"{moment:%d-%H%M%S}-{row['number']}-{row['ref']}.md"
    return Page(folder / f"{moment:%Y-%m}" / name, brief, kept)


def _write(folder: Path, pages: list[Page]) -> None:
    for page in pages:
        path = folder / page.path
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # what is below it is as private, whatever its mode
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            whole_file.put(path, document.format(page.brief, page.kept))
        except OSError as error:
            raise MirrorError(f"The file {path} cannot be written: {error.strerror}.") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise MirrorError(f"The file {path} cannot be removed: {error.strerror}.") from error


def _append(folder: Path, lines: str) -> None:
    path = folder / ACTIONS / CHANGES
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write(lines)
    except OSError as error:
        raise MirrorError(f"The file {path} cannot be written: {error.strerror}.") from error
