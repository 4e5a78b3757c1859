"""Reading: counts, lists, briefs in full, digests; and what has been shown is marked read, with a receipt to its sender."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from claudemail.clock import day_of
from claudemail.model.brief import Priority
from claudemail.model.ids import new_id
from claudemail.model.receipt import DeliveryState, Receipt
from claudemail.model.roster import PeerState
from claudemail.model.views import (
    BriefView,
    CheckView,
    DigestItem,
    DigestView,
    InboxRow,
    SenderCount,
    StarView,
    ThreadView,
)
from claudemail.office.desk import Desk
from claudemail.office.finding import Found, find_for
from claudemail.office.party import Party
from claudemail.office.sending import with_presence
from claudemail.store import actions, briefs, entries, leases, outbox, recipients, stars
from claudemail.store.standing import Standing, standing

DIGEST_CHARS = 8_000
"""The size of a digest unless told otherwise: what an injected text may be, with some room (10,000)."""
EXCERPT_CHARS = 600
_MOST_DIGESTED = 50
_MOST_SENDERS = 20
_MOST_THREAD = 50
_MOST_RECEIPTS = 500
_ITEM_OVERHEAD = 160


async def check(desk: Desk, party: Party) -> CheckView:
    """Return unread mail, counted; nothing is marked."""

    def work(connection: sqlite3.Connection) -> CheckView:
        unread, _ = entries.counts(connection, party.mailboxes)
        senders = entries.unread_by_sender(connection, party.mailboxes) if unread else []
        return CheckView(
            unread=sum(unread.values()),
            by_priority={priority: unread[priority] for priority in reversed(Priority) if priority in unread},
            by_sender=[SenderCount(sender=name, count=count) for name, count in senders[:_MOST_SENDERS]],
            oldest_at=entries.oldest_unread(connection, party.mailboxes, unread) if unread else None,
        )

    return await desk.mail.read(work)


async def read(desk: Desk, party: Party, word: str) -> BriefView:
    """Return a brief in full. It is not marked read: call `shown` once it has been shown.

    Raises:
        NotFound: there is none that goes by `word`, or it is neither from nor to this party.
        LeaseLost: the callsign is another session's now.
    """
    peers = await desk.peers()

    def work(connection: sqlite3.Connection) -> BriefView:
        leases.check(connection, party.name, party.epoch)  # what it reads could not be marked, and would come again
        found = find_for(connection, party, word)
        numbers, more = briefs.thread(connection, found.row["thread"], party.reader_or_all, _MOST_THREAD)
        others = [number for number in numbers if number != found.row["number"]]
        rows = entries.rows_of(connection, others, _whose(party))
        return _in_full(desk, connection, party, found, peers, thread=_in_order(rows, others), thread_more=more)

    return await desk.mail.read(work)


async def thread(desk: Desk, party: Party, word: str, limit: int) -> ThreadView:
    """Return the latest briefs of a thread that this party may see, in full. They are not marked read: see `shown`.

    Raises:
        NotFound: there is none that goes by `word`, or it is neither from nor to this party.
    """
    peers = await desk.peers()

    def work(connection: sqlite3.Connection) -> ThreadView:
        row = find_for(connection, party, word).row
        numbers, more = briefs.thread(connection, row["thread"], party.reader_or_all, limit)
        views = [
            _in_full(desk, connection, party, find_for(connection, party, str(number)), peers, thread=[], thread_more=0)
            for number in numbers
        ]
        return ThreadView(briefs=views, left_out=more)

    return await desk.mail.read(work)


def _in_full(
    desk: Desk,
    connection: sqlite3.Connection,
    party: Party,
    found: Found,
    peers: dict[str, PeerState],
    *,
    thread: list[InboxRow],
    thread_more: int,
) -> BriefView:
    row, held, own = found
    states = recipients.states(connection, row["number"])
    boxes = own if own or not party.is_operator else held
    return BriefView(
        brief=briefs.load(row),
        number=row["number"],
        verified=bool(row["verified"]),
        mailboxes=[entry["mailbox"] for entry in held],
        unread=any(entry["read_at"] is None for entry in own),
        starred=bool(stars.starred(connection, [row["number"]], _whose(party))),
        archived=bool(boxes) and all(entry["archived_at"] is not None for entry in boxes),
        recipients=with_presence(states, desk.directory_in(connection, peers), peers),
        actions=actions.of_brief(connection, row["id"]),
        thread=thread,
        thread_more=thread_more,
    )


def _in_order(rows: list[InboxRow], numbers: list[int]) -> list[InboxRow]:
    return sorted(rows, key=lambda row: numbers.index(row.number))


def _whose(party: Party) -> tuple[str, ...] | None:
    """Return whose stars and entries this party sees on a brief; None: everyone's."""
    return None if party.is_operator else party.own_names


async def star(desk: Desk, party: Party, word: str, *, wanted: bool | None) -> StarView:
    """Star a brief for this party, or take its star away; as `wanted` says, or None: the other way round than it is.

    A star on mail in one's mailbox is on that mailbox: sessions of an instance share those on its mail.

    Raises:
        NotFound: there is none that goes by `word`, or it is neither from nor to this party.
        LeaseLost: the callsign is another session's now.
        StoreError: nothing is changed.
    """

    def work(connection: sqlite3.Connection) -> StarView:
        leases.check(connection, party.name, party.epoch)
        found = find_for(connection, party, word)
        number, name = found.row["number"], star_name(party, found)
        is_so = bool(stars.starred(connection, [number], [name]))
        starred = is_so if wanted is is_so else stars.toggle(connection, name, number, desk.wall())
        return StarView(row=entries.rows_of(connection, [number], _whose(party))[0], starred=starred)

    return await desk.mail.write(work)


def star_name(party: Party, found: Found) -> str:
    """Return in whose name a party stars a brief: that of its mailbox which holds it, or its own."""
    return next((box for box in party.mailboxes if any(entry["mailbox"] == box for entry in found.own)), party.name)


async def told(desk: Desk, party: Party, upto: int | None = None) -> None:
    """Note that this party has been told that there is unread mail for it, and send receipts to those who wrote it.

    Args:
        desk: this node's desk.
        party: who was told.
        upto: the number of the latest brief that it was told of; None: of all.

    Raises:
        LeaseLost: the callsign is another session's now; nothing is noted.
        StoreError: nothing is noted.
    """

    def work(connection: sqlite3.Connection) -> None:
        leases.check(connection, party.name, party.epoch)
        now = desk.wall()
        notes: dict[str, list[Receipt]] = {}
        for number in entries.untold(connection, party.mailboxes, _MOST_RECEIPTS):
            if upto is not None and number > upto:
                continue
            row = briefs.by_number(connection, number)
            for mailbox in entries.mark_notified(connection, party.mailboxes, number, now):
                receipt = Receipt(
                    brief_id=row["id"], recipient=mailbox, state=DeliveryState.NOTIFIED, at=now, by=party.name
                )
                notes.setdefault(row["node"], []).append(receipt)
        send_receipts(desk, connection, notes, now)

    if await desk.mail.read(lambda connection: entries.untold(connection, party.mailboxes, 1)):
        await desk.mail.write(work)


async def standings(desk: Desk, parties: Sequence[Party]) -> list[Standing]:
    """Return how each of these sessions stands; as `fresh`, the unread briefs of which nobody was told."""
    today = day_of(desk.wall()).isoformat()

    def work(connection: sqlite3.Connection) -> list[Standing]:
        return [standing(connection, party.mailboxes, today, untold=True) for party in parties]

    return await desk.mail.read(work)


async def digest(desk: Desk, party: Party, most_chars: int) -> DigestView:
    """Return unread briefs within about `most_chars`, the most pressing first. Call `shown` with what was shown."""

    def work(connection: sqlite3.Connection) -> DigestView:
        leases.check(connection, party.name, party.epoch)
        items: list[DigestItem] = []
        size = 0
        for row in entries.most_pressing(connection, party.mailboxes, _MOST_DIGESTED):
            brief = briefs.load(briefs.find(connection, row.id))
            whole = len(brief.body) <= EXCERPT_CHARS
            excerpt = brief.body if whole else brief.body[:EXCERPT_CHARS].rstrip() + "…"
            asked = actions.of_brief(connection, brief.id)
            size += _ITEM_OVERHEAD + len(row.title) + len(excerpt) + sum(len(action.text) for action in asked)
            if items and size > most_chars:
                break
            items.append(DigestItem(row=row, excerpt=excerpt, whole=whole, actions=asked))
        counts, _ = entries.counts(connection, party.mailboxes)
        return DigestView(items=items, remaining=sum(counts.values()) - len(items))

    return await desk.mail.read(work)


async def shown(desk: Desk, party: Party, numbers: Sequence[int]) -> None:
    """Mark briefs read that have been shown to this party, and send receipts to those who wrote them.

    Raises:
        LeaseLost: the callsign is another session's now; nothing is marked.
        StoreError: nothing is marked.
    """

    def work(connection: sqlite3.Connection) -> None:
        leases.check(connection, party.name, party.epoch)
        now = desk.wall()
        notes: dict[str, list[Receipt]] = {}
        for number in numbers:
            row = connection.execute("SELECT id, node FROM briefs WHERE number = ?", (number,)).fetchone()
            for mailbox in entries.mark_read(connection, party.mailboxes, number, party.name, now):
                receipt = Receipt(
                    brief_id=row["id"], recipient=mailbox, state=DeliveryState.READ, at=now, by=party.name
                )
                notes.setdefault(row["node"], []).append(receipt)
        send_receipts(desk, connection, notes, now)

    if numbers:
        await desk.mail.write(work)


def send_receipts(desk: Desk, connection: sqlite3.Connection, notes: dict[str, list[Receipt]], now: int) -> None:
    """Give receipts to the nodes that sent the briefs: this one at once, others by their lanes."""
    here = desk.config.node_id
    peers = {node.id for node in desk.config.peers}
    for node, receipts in notes.items():
        if node == here:
            for receipt in receipts:
                recipients.receipt(connection, here, receipt)
        elif node in peers:
            for start in range(
                0, len(receipts), _MOST_RECEIPTS
            ):  # one request carries a parcel, however many were read
                outbox.enqueue_receipts(connection, node, new_id(now), receipts[start : start + _MOST_RECEIPTS], now)
