"""Listing: pages of inboxes, of what is starred and of what was sent, from any place in them and both ways."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import islice
from typing import TypeVar

from claudemail.model.brief import Priority
from claudemail.model.views import InboxPage, InboxRow, SentPage, SentRow
from claudemail.office.desk import Desk
from claudemail.office.sending import with_presence
from claudemail.store import briefs, entries, recipients, stars

Row = TypeVar("Row", bound=InboxRow)


async def inbox(
    desk: Desk,
    mailboxes: Sequence[str] | None,
    *,
    unread: bool,
    limit: int,
    before: int | None,
    after: int | None,
    viewer: str | None,
) -> InboxPage:
    """Return part of these mailboxes (None: all of the node), newest first: what is next below a number, or above one.

    Its stars are those of the mailboxes, and of `viewer`.
    """

    def work(connection: sqlite3.Connection) -> InboxPage:
        rows = entries.page(
            connection, mailboxes, unread=unread, limit=limit + 1, before=before, after=after, viewer=viewer
        )
        return _inbox_page(connection, mailboxes, rows, limit, after)

    return await desk.mail.read(work)


async def starred(
    desk: Desk,
    names: Sequence[str] | None,
    *,
    limit: int,
    before: int | None,
    after: int | None,
    viewer: str | None,
) -> InboxPage:
    """Return part of what these names (None: anyone on the node) have starred, as `inbox` does; archived mail too.

    Of what `viewer` has starred, only what these names have in their mailboxes.
    """

    def work(connection: sqlite3.Connection) -> InboxPage:
        seen = names if names is None or viewer is None else (*names, viewer)
        numbers = stars.of(connection, seen, before, after)
        rows: list[InboxRow] = []
        while len(rows) <= limit and (some := list(islice(numbers, limit + 1))):
            theirs = stars.starred(connection, some, names)
            found = entries.rows_of(connection, some, names, viewer)
            found = [row for row in found if row.mailboxes or row.number in theirs]
            rows += found if after is not None else found[::-1]
        rows = rows[: limit + 1]
        return _inbox_page(connection, names, rows if after is None else rows[::-1], limit, after)

    return await desk.mail.read(work)


async def sent(desk: Desk, name: str | None, *, limit: int, before: int | None, after: int | None) -> SentPage:
    """Return part of what somebody on this node (None: anyone) has sent, as `inbox` does, with how far each has come."""
    peers = await desk.peers()
    here = desk.config.node_id

    def work(connection: sqlite3.Connection) -> SentPage:
        names = None if name is None else [name]
        numbers = briefs.sent_page(connection, here, names, limit=limit + 1, before=before, after=after)
        rows, cursor = _cut(entries.rows_of(connection, numbers, None)[::-1], limit, after)
        directory = desk.directory_in(connection, peers)
        return SentPage(
            rows=[
                SentRow(
                    **dict(row),
                    recipients=with_presence(recipients.states(connection, row.number), directory, peers),
                )
                for row in rows
            ],
            cursor=cursor,
        )

    return await desk.mail.read(work)


async def unread_of(desk: Desk, priority: Priority, limit: int) -> list[InboxRow]:
    """Return unread mail of a priority in any mailbox of the node, the oldest first."""
    return await desk.mail.read(lambda connection: entries.oldest_unread_of(connection, priority, limit))


def _inbox_page(
    connection: sqlite3.Connection,
    mailboxes: Sequence[str] | None,
    rows: list[InboxRow],
    limit: int,
    after: int | None,
) -> InboxPage:
    counts, _ = entries.counts(connection, mailboxes)
    rows, cursor = _cut(rows, limit, after)
    return InboxPage(rows=rows, unread=sum(counts.values()), cursor=cursor)


def _cut(rows: list[Row], limit: int, after: int | None) -> tuple[list[Row], int | None]:
    """Return `limit` rows of one more, newest first, and where the next page begins: at the far end of this one."""
    if len(rows) <= limit or not limit:
        return rows[:limit], None
    if after is None:
        return rows[:limit], rows[limit - 1].number
    return rows[-limit:], rows[-limit].number
