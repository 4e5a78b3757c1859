"""Marking: what a person does to several briefs at once and may want undone: stars, read, unread."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from claudemail.model.views import StarredView
from claudemail.office import reading
from claudemail.office.desk import Desk
from claudemail.office.finding import find_for
from claudemail.office.party import Party
from claudemail.store import entries, leases, stars

MOST_READ = 10_000
"""The most briefs that are marked read at once."""


async def star_all(desk: Desk, party: Party, words: Sequence[str], *, wanted: bool | None) -> StarredView:
    """Star briefs for this party, or take their stars away; as `wanted` says, or None: star them unless all are starred.

    Raises:
        NotFound: one of them is not there, or neither from nor to this party; nothing is changed.
        LeaseLost: the callsign is another session's now.
        StoreError: nothing is changed.
    """

    def work(connection: sqlite3.Connection) -> StarredView:
        leases.check(connection, party.name, party.epoch)
        found = [find_for(connection, party, word) for word in words]
        names = {one.row["number"]: reading.star_name(party, one) for one in found}
        unstarred = [number for number, name in names.items() if not stars.starred(connection, [number], [name])]
        starred = bool(unstarred) if wanted is None else wanted
        others = [number for number in names if (number in unstarred) == starred]
        for number in others:
            stars.toggle(connection, names[number], number, desk.wall())
        ids = {one.row["number"]: one.row["id"] for one in found}
        return StarredView(changed=[ids[number] for number in others], starred=starred)

    return await desk.mail.write(work)


async def unread(desk: Desk, party: Party, numbers: Sequence[int]) -> list[int]:
    """Take briefs of this party's own mail for unread again; return those that were read.

    Only this node's own view changes. The receipt that it was read is out, and true: its sender goes on seeing that, and when.

    Raises:
        LeaseLost: the callsign is another session's now.
        StoreError: nothing is changed.
    """

    def work(connection: sqlite3.Connection) -> list[int]:
        leases.check(connection, party.name, party.epoch)
        return [number for number in numbers if entries.mark_unread(connection, party.mailboxes, number)]

    return await desk.mail.write(work)


async def all_read(desk: Desk, party: Party) -> list[int]:
    """Mark all of a party's mail read, the latest ten thousand at most, with receipts; return the numbers of what was unread.

    Raises:
        LeaseLost: the callsign is another session's now.
        StoreError: it may be that some of them are marked.
    """
    numbers = await desk.mail.read(
        lambda connection: entries.unread_after(connection, party.mailboxes, 0, MOST_READ),
    )
    await reading.shown(desk, party, numbers)
    return numbers
