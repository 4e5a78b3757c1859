"""Cleaning: mail that has been read and is old goes into the archive. Nothing is ever deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from claudemail.model.views import CleanView
from claudemail.office.desk import Desk
from claudemail.office.party import Party
from claudemail.store import entries, leases

DAYS = 30
"""Younger mail stays."""
_DAY_MS = 86_400_000
_SHOWN = 20
_STEP = 500
STARRED, OPEN_ACTIONS = "starred", "open actions"


async def clean(desk: Desk, party: Party, mailboxes: Sequence[str] | None, days: int, *, apply: bool) -> CleanView:
    """Archive what is read and came more than `days` days ago, but for what is starred or has open actions.

    Args:
        desk: the desk.
        party: who cleans up.
        mailboxes: whose mail; None: everyone's of this node.
        days: the age.
        apply: do it; else only say what it would do.

    Raises:
        LeaseLost: the party's callsign is another session's now.
        StoreError: nothing more is archived.
    """
    now = desk.wall()
    names = await desk.mail.read(entries.mailboxes_of) if mailboxes is None else list(mailboxes)
    kept = {STARRED: 0, OPEN_ACTIONS: 0}
    found: dict[int, None] = {}
    for mailbox in names:
        after = 0
        while True:
            work = _Step(party, mailbox, days, now, after, apply=apply)
            numbers, stays, after = await (desk.mail.write(work) if apply else desk.mail.read(work))
            found |= dict.fromkeys(numbers)
            for reason in stays:
                kept[reason] += 1
            if after < 0:
                break
    rows = await desk.mail.read(lambda connection: entries.rows_of(connection, sorted(found)[:_SHOWN], names))
    return CleanView(rows=rows, count=len(found), kept=kept, applied=apply, days=days)


class _Step:
    """Part of a clean-up, in a transaction of its own: mail goes on being accepted meanwhile."""

    def __init__(self, party: Party, mailbox: str, days: int, now: int, after: int, *, apply: bool) -> None:
        self._party = party
        self._mailbox = mailbox
        self._edge = now - days * _DAY_MS
        self._now = now
        self._after = after
        self._apply = apply

    def __call__(self, connection: sqlite3.Connection) -> tuple[list[int], list[str], int]:
        """Return what is archived, why others stay, and where to go on; -1: it is done."""
        leases.check(connection, self._party.name, self._party.epoch)
        rows = entries.read_before(connection, self._mailbox, self._edge, after=self._after, limit=_STEP)
        numbers, stays = [], []
        for row in rows:
            if row["stars"]:
                stays.append(STARRED)
            elif row["open"]:
                stays.append(OPEN_ACTIONS)
            else:
                numbers.append(row["number"])
                if self._apply:
                    entries.archive(connection, self._mailbox, row["number"], self._now)
        return numbers, stays, rows[-1]["number"] if len(rows) == _STEP else -1
