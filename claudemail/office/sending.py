"""Sending: a brief is accepted once it, and a place in the lane to each of its recipients' nodes, are durable together."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Mapping, Sequence

from claudemail.clock import day_of
from claudemail.errors import InvalidInput, KeyReused
from claudemail.model import address, checkbox
from claudemail.model.brief import MAX_ACTIONS, SIGNED_AS, ActionItem, Brief, Draft, canonical, check_size
from claudemail.model.ids import new_id
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.model.roster import PeerState
from claudemail.model.views import DraftView, SendResult
from claudemail.office.actions import assignee, make_of_brief, spelt
from claudemail.office.desk import Desk
from claudemail.office.directory import Directory, Entry
from claudemail.office.finding import find_for
from claudemail.office.party import Party
from claudemail.store import briefs, entries, leases, outbox, recipients


async def send(desk: Desk, party: Party, draft: Draft) -> SendResult:
    """Accept a brief. It is durable when this returns.

    Raises:
        InvalidInput: it does not fit, or is too large.
        UnknownName: a recipient is not known.
        NotFound: the brief it replies to is not here.
        KeyReused: its key stands for a brief with other content.
        LeaseLost: the sender's callsign is another session's now.
        StoreError: it could not be stored.
    """
    to = _checked(draft)
    peers = await desk.peers()
    _ = desk.key  # made before the transaction: the first one of a node is written to disk
    items = await _items(desk, draft)
    return await desk.mail.write(lambda connection: _accept(desk, connection, party, draft, items, to, peers))


async def preview(desk: Desk, party: Party, draft: Draft) -> DraftView:
    """Return what a draft will be once it is sent. Nothing is stored.

    Raises:
        InvalidInput: it does not fit, or is too large.
        UnknownName: a recipient is not known.
        NotFound: the brief it replies to is not here.
        StoreError: the database could not say.
    """
    to = _checked(draft)
    peers = await desk.peers()
    items = await _items(desk, draft)

    def work(connection: sqlite3.Connection) -> DraftView:
        directory = desk.directory_in(connection, peers)
        parent = None if draft.reply_to is None else find_for(connection, party, draft.reply_to).row
        chosen = directory.resolve(to or (_answered(party, parent) if parent is not None else ()), but=party.name)
        body = _signed_off(draft.body, desk.config.signatures.get(party.name))
        given = [_given(directory, party, item) for item in items]
        check_size(draft.title, body, given, draft.labels)
        return DraftView(recipients=[f"{entry.name}@{entry.node}" for entry in chosen], body=body, actions=given)

    return await desk.mail.read(work)


async def sent_with(desk: Desk, party: Party, key: str) -> str | None:
    """Return the ref of the brief that a party sent with an idempotency key, or None."""

    def work(connection: sqlite3.Connection) -> str | None:
        row = connection.execute(
            "SELECT b.ref FROM send_keys k JOIN briefs b ON b.number = k.brief WHERE k.sender = ? AND k.key = ?",
            (party.name, key),
        ).fetchone()
        return None if row is None else str(row["ref"])

    return await desk.mail.read(work)


def _checked(draft: Draft) -> tuple[address.Address, ...]:
    """Return the recipients that a draft names, which may be none for a reply.

    Raises:
        InvalidInput: it is too large, or its recipients are none.
    """
    check_size(draft.title, draft.body, draft.actions, draft.labels)
    if not draft.to and draft.reply_to is None:
        raise InvalidInput("No recipient is given.", remedy="Name a callsign, an instance, @node or all.")
    return address.parse(draft.to) if draft.to else ()


async def _items(desk: Desk, draft: Draft) -> list[ActionItem]:
    """Return what a draft asks for, in its fields and in the boxes of its body, each once.

    Raises:
        InvalidInput: it is too much.
    """
    if not checkbox.may_have_boxes(draft.body):
        return draft.actions
    knows, today = (await desk.directory()).knows, day_of(desk.wall())
    # In a thread, since the Markdown of the largest body takes a second; others go on meanwhile.
    found = await asyncio.to_thread(checkbox.extract, draft.body, today=today, knows=knows)
    texts = {item.text.casefold(): item for item in reversed([*draft.actions, *found])}
    items = sorted(texts.values(), key=[*draft.actions, *found].index)
    if len(items) > MAX_ACTIONS:
        raise InvalidInput(
            f"The brief has {len(items)} actions with those of its boxes; the limit is {MAX_ACTIONS}.",
            remedy="Send several briefs, or put a list that asks for nothing into a code block.",
        )
    return items


def _accept(
    desk: Desk,
    connection: sqlite3.Connection,
    party: Party,
    draft: Draft,
    items: list[ActionItem],
    to: tuple[address.Address, ...],
    peers: dict[str, PeerState],
) -> SendResult:
    leases.check(connection, party.name, party.epoch)
    directory = desk.directory_in(connection, peers)
    digest = hashlib.sha256(draft.model_dump_json(exclude={"key"}).encode()).hexdigest()
    if draft.key is not None:
        row = connection.execute(
            "SELECT k.digest, b.* FROM send_keys k JOIN briefs b ON b.number = k.brief WHERE k.sender = ? AND k.key = ?",
            (party.name, draft.key),
        ).fetchone()
        if row is not None:
            if row["digest"] != digest:
                raise KeyReused(
                    f"The key {draft.key!r} already stands for brief {row['ref']}, which has other content."
                )
            return _result(connection, row, directory, peers, repeated=True)
    parent = None if draft.reply_to is None else find_for(connection, party, draft.reply_to).row
    if not to and parent is not None:
        to = _answered(party, parent)
    chosen = directory.resolve(to, but=party.name)
    items = [_given(directory, party, item) for item in items]
    brief = _compose(desk, connection, party, draft, items, to, parent)
    check_size(brief.title, brief.body, brief.actions, brief.labels)  # as its recipients will, with the signature line
    number = _store(desk, connection, brief, chosen)
    if draft.key is not None:
        connection.execute("INSERT INTO send_keys VALUES (?, ?, ?, ?)", (party.name, draft.key, digest, number))
    return _result(connection, briefs.find(connection, brief.id), directory, peers, repeated=False)


def _answered(party: Party, parent: sqlite3.Row) -> tuple[address.Address, ...]:
    """Return whom a reply goes to: who wrote, or for one's own brief, those whom that went to."""
    if (parent["sender"], parent["node"]) == (party.name, party.node):
        return address.parse(briefs.load(parent).to)
    return (address.Address(name=parent["sender"], node=parent["node"]),)


def _given(directory: Directory, party: Party, item: ActionItem) -> ActionItem:
    """Return an item with its assignee as the fleet spells it.

    Raises:
        UnknownName: nobody is called that.
    """
    if item.assignee is None:
        return item
    return item.model_copy(update={"assignee": assignee(directory, party, item.assignee)})


def _compose(
    desk: Desk,
    connection: sqlite3.Connection,
    party: Party,
    draft: Draft,
    items: list[ActionItem],
    to: Sequence[address.Address],
    parent: sqlite3.Row | None,
) -> Brief:
    now = desk.wall()
    id = new_id(now)
    return Brief(
        id=id,
        ref=briefs.new_ref(connection, id),
        stamp=desk.stamp(connection),
        at=now,
        sender=party.sender,
        to=[str(one) for one in to],
        title=draft.title,
        body=_signed_off(draft.body, desk.config.signatures.get(party.name)),
        actions=items,
        priority=draft.priority,
        due=draft.due,
        expires=draft.expires,
        labels=draft.labels,
        thread=id if parent is None else parent["thread"],
        reply_to=None if parent is None else parent["id"],
    )


def _signed_off(body: str, signature: str | None) -> str:
    """Return the body with the sender's signature line at its end, once."""
    body = body.rstrip()
    if not signature or body.endswith(signature):
        return body
    return f"{body}\n\n{signature}" if body else signature


def _store(desk: Desk, connection: sqlite3.Connection, brief: Brief, chosen: Sequence[Entry]) -> int:
    text = canonical(brief.fields())
    now = desk.wall()
    signature = desk.key.sign(SIGNED_AS + text.encode())
    number = briefs.insert(connection, brief, text, signature, verified=True, now=now)
    here = desk.config.node_id
    away: dict[str, list[str]] = {}
    for entry in chosen:
        recipients.add(connection, number, entry.name, entry.node, now=now, delivered=entry.node == here)
        if entry.node != here:
            away.setdefault(entry.node, []).append(entry.name)
    entries.deliver(connection, number, brief, [entry.name for entry in chosen if entry.node == here], known=False)
    sole = spelt(chosen[0]) if len(chosen) == 1 else None
    make_of_brief(desk, connection, brief, sole)  # they go first: no node has the brief without them
    for node, names in away.items():
        outbox.enqueue_brief(connection, node, new_id(now), number, names, len(text), now)
    return number


def _result(
    connection: sqlite3.Connection,
    row: sqlite3.Row,
    directory: Directory,
    peers: Mapping[str, PeerState],
    *,
    repeated: bool,
) -> SendResult:
    states = recipients.states(connection, row["number"])
    return SendResult(
        id=row["id"],
        ref=row["ref"],
        number=row["number"],
        title=row["title"],
        recipients=with_presence(states, directory, peers),
        repeated=repeated,
    )


def with_presence(
    states: Sequence[RecipientState], directory: Directory, peers: Mapping[str, PeerState]
) -> list[RecipientState]:
    """Return the states with whether each recipient is there, since when it is not, and why what is queued waits.

    An instance is there when one of its sessions is; of an operator nobody knows.
    """
    shown = []
    for state in states:
        group = [e for e in directory.entries if e.node == state.node and state.name in (e.name, e.instance)]
        seen = [entry.seen_at for entry in group if entry.seen_at is not None]
        live = any(entry.live for entry in group) if group else None
        away_since = max(seen) if seen and live is False else None
        update: dict[str, object] = {"live": live, "away_since": away_since}
        if state.state is DeliveryState.QUEUED and state.node in peers:
            update["reason"] = peers[state.node].error
            update["retry_at"] = peers[state.node].retry_at
        shown.append(state.model_copy(update=update))
    return shown
