"""The outbox: parcels to peers in lane order, and the sent log that serves a peer again after it was set back."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from claudemail.model.ids import new_id
from claudemail.model.parcel import MAX_BATCH, MAX_BATCH_BYTES, Batch, Parcel, ParcelKind, Refusal
from claudemail.model.receipt import Receipt
from claudemail.model.views import DeadLetter
from claudemail.store import recipients

RETENTION_DAYS = 30
RETENTION_MS = RETENTION_DAYS * 86_400_000
"""How long a parcel waits for its peer before it goes to dead letters, and stays in the sent log after it was taken.

It is counted in service time: what the gateway has seen go by. A clock that is set by years gives no mail up.
"""
_SERVICE = "(SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'service_ms'), 0))"
EXPIRED = "expired"
_NO_LANE = "none"
"""The epoch of dead letters whose place in the lane another parcel has."""
_NO_CHANGES = json.dumps({"changes": []})
_WAITING = "INDEXED BY outbox_waiting"
"""Left to itself, SQLite walks the primary key through all of the sent log, to find what waits at its end."""


def enqueue_brief(
    connection: sqlite3.Connection, peer: str, id: str, number: int, names: Sequence[str], size: int, now: int
) -> None:
    """Put a brief for these names on a peer into its lane."""
    _enqueue(connection, peer, id, ParcelKind.BRIEF, size, now, brief=number, names=json.dumps(list(names)))


def enqueue_receipts(connection: sqlite3.Connection, peer: str, id: str, receipts: Sequence[Receipt], now: int) -> None:
    """Put receipts into a peer's lane."""
    body = {"receipts": [receipt.model_dump(mode="json") for receipt in receipts]}
    enqueue(connection, peer, id, ParcelKind.RECEIPTS, body, now)


def enqueue(
    connection: sqlite3.Connection, peer: str, id: str, kind: ParcelKind, body: Mapping[str, object], now: int
) -> None:
    """Put a parcel that has a body of its own into a peer's lane."""
    text = json.dumps(body)
    _enqueue(connection, peer, id, kind, len(text), now, body=text)


def batch(connection: sqlite3.Connection, peer: str, most: int = MAX_BATCH, after: int = 0) -> Batch | None:
    """Return the next parcels for a peer, up to so many, with numbers above `after`; None when there are none."""
    lane = connection.execute("SELECT epoch FROM lanes WHERE peer = ?", (peer,)).fetchone()
    if lane is None:
        return None
    rows = connection.execute(
        f"SELECT o.*, b.canonical, b.signature FROM outbox o {_WAITING} LEFT JOIN briefs b ON b.number = o.brief"
        " WHERE o.peer = ? AND o.seq > ? AND o.done_at IS NULL AND o.epoch = ? ORDER BY o.seq LIMIT ?",
        (peer, after, lane["epoch"], min(most, MAX_BATCH)),
    )
    parcels: list[Parcel] = []
    size = 0
    for row in rows:
        size += row["bytes"]
        if parcels and size > MAX_BATCH_BYTES:
            break
        parcels.append(Parcel.model_construct(seq=row["seq"], id=row["id"], kind=row["kind"], body=_body(row)))
    return Batch.model_construct(epoch=lane["epoch"], parcels=parcels) if parcels else None


def acknowledge(
    connection: sqlite3.Connection, peer: str, epoch: str, have: int, refused: Sequence[Refusal], now: int
) -> None:
    """Note that a peer has the lane up to `have` durably, but for what it refused for good."""
    for refusal in refused:
        bury(connection, peer, epoch, refusal.seq, refusal.code, refusal.reason, now)
    # Of an answer about the past the sent log keeps the place only: a peer that was set back asks again.
    rows = connection.execute(
        f"UPDATE outbox {_WAITING} SET done_at = ?1, service = {_SERVICE}, body = iif(kind = ?5, ?6, body)"
        " WHERE peer = ?2 AND epoch = ?3 AND seq <= ?4 AND done_at IS NULL RETURNING brief",
        (now, peer, epoch, have, ParcelKind.HISTORY, _NO_CHANGES),
    ).fetchall()
    for row in rows:
        if row["brief"] is not None:
            recipients.delivered(connection, row["brief"], peer, now)


def bury(connection: sqlite3.Connection, peer: str, epoch: str, seq: int, code: str, reason: str, now: int) -> None:
    """Put a parcel into dead letters, with why it was given up. The lane has a hole then, unless the peer knows of it."""
    rows = connection.execute(
        "UPDATE outbox SET done_at = ?, dead_code = ?, reason = ? WHERE peer = ? AND epoch = ? AND seq = ?"
        " AND done_at IS NULL RETURNING brief",
        (now, code, reason, peer, epoch, seq),
    ).fetchall()
    for row in rows:
        if row["brief"] is not None:
            recipients.failed(connection, row["brief"], peer, reason, now)


def give_up(connection: sqlite3.Connection, peer: str, epoch: str, seq: int, code: str, reason: str, now: int) -> None:
    """Put a parcel into dead letters that its peer has never taken, and an empty one in its place: the lane has no hole."""
    bury(connection, peer, epoch, seq, code, reason, now)
    moved = connection.execute(
        "UPDATE outbox SET epoch = ?, seq = rowid WHERE peer = ? AND epoch = ? AND seq = ? AND dead_code IS NOT NULL",
        (_NO_LANE, peer, epoch, seq),
    )
    if moved.rowcount:
        body = json.dumps({"receipts": []})
        connection.execute(
            "INSERT INTO outbox (peer, epoch, seq, id, kind, body, bytes, at, service)"
            f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, {_SERVICE})",
            (peer, epoch, seq, new_id(now), ParcelKind.RECEIPTS, body, len(body), now),
        )


def has_waiting(connection: sqlite3.Connection, peer: str, kind: ParcelKind) -> bool:
    """Return whether a parcel of a kind waits for a peer."""
    row = connection.execute(
        f"SELECT 1 FROM outbox {_WAITING} WHERE peer = ? AND done_at IS NULL AND kind = ? LIMIT 1", (peer, kind)
    ).fetchone()
    return row is not None


def last_seq(connection: sqlite3.Connection, peer: str, epoch: str) -> int | None:
    """Return the last number given in a lane, or None when the lane has moved on to another epoch."""
    lane = connection.execute("SELECT next_seq FROM lanes WHERE peer = ? AND epoch = ?", (peer, epoch)).fetchone()
    return None if lane is None else lane["next_seq"] - 1


def lost(connection: sqlite3.Connection, peer: str, lane: Mapping[str, int], before: int) -> tuple[str, int] | None:
    """Return the epoch and how far a peer has it, if it has less than it acknowledged before the time `before`."""
    row = connection.execute(
        "SELECT o.epoch, max(o.seq) AS acknowledged FROM lanes l JOIN outbox o ON o.peer = l.peer AND o.epoch = l.epoch"
        " WHERE l.peer = ? AND o.done_at < ? AND o.dead_code IS NULL",
        (peer, before),
    ).fetchone()
    if row["acknowledged"] is None or lane.get(row["epoch"], 0) >= row["acknowledged"]:
        return None
    return row["epoch"], lane.get(row["epoch"], 0)


def rearm(connection: sqlite3.Connection, peer: str, epoch: str, have: int) -> None:
    """Serve a peer again from `have + 1`: it lacks what it acknowledged, as after a restore from a backup."""
    live, first = connection.execute(
        "SELECT count(*) FILTER (WHERE dead_code IS NULL), min(seq) FROM outbox WHERE peer = ? AND epoch = ? AND seq > ?",
        (peer, epoch, have),
    ).fetchone()
    last = last_seq(connection, peer, epoch)
    if have == 0 or first != have + 1 or last is None or live != last - have:
        # It may lack parcels of earlier epochs too, or the sent log has holes: expired, refused, past retention.
        new_epoch(connection, peer)
        return
    connection.execute(
        f"UPDATE outbox SET done_at = NULL, service = {_SERVICE} WHERE peer = ? AND epoch = ? AND seq > ?",
        (peer, epoch, have),
    )


def new_epoch(connection: sqlite3.Connection, peer: str) -> None:
    """Number everything afresh that the sent log still has for a peer, what it acknowledged too.

    A receiver knows each parcel by its id, so one that it has already is absorbed. To number only what waits would lose
    mail: a receiver that was set back before the new epoch began would take the new number 1 and miss what came before.
    """
    epoch = os.urandom(8).hex()
    (service,) = connection.execute(f"SELECT {_SERVICE}").fetchone()
    rows = connection.execute(
        "SELECT rowid FROM outbox WHERE peer = ? AND dead_code IS NULL ORDER BY rowid", (peer,)
    ).fetchall()
    connection.executemany(
        "UPDATE outbox SET epoch = ?, seq = ?, service = iif(done_at IS NULL, service, ?), done_at = NULL WHERE rowid = ?",
        [(epoch, seq, service, row["rowid"]) for seq, row in enumerate(rows, start=1)],
    )
    connection.execute("UPDATE lanes SET epoch = ?, next_seq = ? WHERE peer = ?", (epoch, len(rows) + 1, peer))


def new_epochs(connection: sqlite3.Connection) -> None:
    """Begin every lane anew: the numbers that this database goes on from may have been given out already."""
    for row in connection.execute("SELECT peer FROM lanes").fetchall():
        new_epoch(connection, row["peer"])


def expire(connection: sqlite3.Connection, elapsed_ms: int, now: int) -> None:
    """Count service time on, send what has waited longer than the retention to dead letters, forget the log beyond it."""
    connection.execute(
        "INSERT INTO meta VALUES ('service_ms', ?1) ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + ?1",
        (elapsed_ms,),
    )
    (service,) = connection.execute(f"SELECT {_SERVICE}").fetchone()
    edge = service - RETENTION_MS
    late = connection.execute(
        "SELECT peer, epoch, seq FROM outbox WHERE done_at IS NULL AND service < ?", (edge,)
    ).fetchall()
    for row in late:
        reason = f"{row['peer']} could not be reached for {RETENTION_DAYS} days."
        bury(connection, row["peer"], row["epoch"], row["seq"], EXPIRED, reason, now)
    # First, or the new epoch would have what was delivered long ago wait again, to expire as if it never had been.
    connection.execute("DELETE FROM outbox WHERE service < ? AND done_at IS NOT NULL AND dead_code IS NULL", (edge,))
    for peer in {row["peer"] for row in late}:
        new_epoch(connection, peer)  # the receiver would wait for the numbers that are gone


class Waiting(NamedTuple):
    """What waits for a peer."""

    parcels: int
    briefs: int
    """How many of the parcels are briefs; the others are receipts and changes to actions."""
    oldest_at: int
    """When the oldest parcel was accepted."""


def waiting(connection: sqlite3.Connection) -> dict[str, Waiting]:
    """Return for each peer with waiting parcels what they are."""
    rows = connection.execute(
        "SELECT peer, count(*) AS parcels, count(brief) AS briefs, min(seq) AS seq FROM outbox"
        " WHERE done_at IS NULL GROUP BY peer"
    )
    found = {}
    for row in rows.fetchall():
        (at,) = connection.execute(
            f"SELECT at FROM outbox {_WAITING} WHERE peer = ? AND seq = ? AND done_at IS NULL",
            (row["peer"], row["seq"]),
        ).fetchone()
        found[row["peer"]] = Waiting(row["parcels"], row["briefs"], at)
    return found


def revive(connection: sqlite3.Connection, now: int, *, peer: str | None = None, brief: int | None = None) -> int:
    """Put dead letters (of a peer, of a brief; of all) at the end of their lanes; return how many.

    Each is a new parcel there: a peer that refused the old one would only say so again.
    """
    rows = connection.execute(
        "SELECT rowid, peer, brief FROM outbox WHERE dead_code IS NOT NULL AND (?1 IS NULL OR peer = ?1)"
        " AND (?2 IS NULL OR brief = ?2) ORDER BY rowid",
        (peer, brief),
    ).fetchall()
    for row in rows:
        epoch, seq = _next_place(connection, row["peer"])
        connection.execute(
            "INSERT INTO outbox (peer, epoch, seq, id, kind, brief, names, body, bytes, at, service)"
            f" SELECT peer, ?, ?, ?, kind, brief, names, body, bytes, at, {_SERVICE} FROM outbox WHERE rowid = ?",
            (epoch, seq, new_id(now), row["rowid"]),
        )
        connection.execute("DELETE FROM outbox WHERE rowid = ?", (row["rowid"],))
        if row["brief"] is not None:
            recipients.queued_again(connection, row["brief"], row["peer"])
    return len(rows)


def ask_retry(connection: sqlite3.Connection, peer: str) -> None:
    """Have a peer tried at once, if anything waits for it."""
    connection.execute("UPDATE lanes SET retries = retries + 1 WHERE peer = ?", (peer,))


def retry_asked(connection: sqlite3.Connection, peer: str) -> int:
    """Return how often somebody has asked for a peer to be tried at once."""
    row = connection.execute("SELECT retries FROM lanes WHERE peer = ?", (peer,)).fetchone()
    return 0 if row is None else row["retries"]


def dead(connection: sqlite3.Connection, limit: int) -> list[DeadLetter]:
    """Return the newest dead letters."""
    rows = connection.execute(
        "SELECT o.kind, o.peer, o.at, o.done_at, o.reason, b.ref, b.title FROM outbox o LEFT JOIN briefs b ON b.number = o.brief"
        " WHERE o.dead_code IS NOT NULL ORDER BY o.at DESC LIMIT ?",
        (limit,),
    )
    return [
        DeadLetter(
            kind=row["kind"],
            ref=row["ref"],
            title=row["title"],
            node=row["peer"],
            at=row["at"],
            dead_at=row["done_at"],
            reason=row["reason"],
        )
        for row in rows
    ]


def dead_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of dead letters for each peer that has any."""
    rows = connection.execute("SELECT peer, count(*) AS n FROM outbox WHERE dead_code IS NOT NULL GROUP BY peer")
    return {row["peer"]: row["n"] for row in rows}


def _enqueue(
    connection: sqlite3.Connection,
    peer: str,
    id: str,
    kind: ParcelKind,
    size: int,
    now: int,
    *,
    brief: int | None = None,
    names: str | None = None,
    body: str | None = None,
) -> None:
    epoch, seq = _next_place(connection, peer)
    connection.execute(
        "INSERT INTO outbox (peer, epoch, seq, id, kind, brief, names, body, bytes, at, service)"
        f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_SERVICE})",
        (peer, epoch, seq, id, kind, brief, names, body, size, now),
    )


def _next_place(connection: sqlite3.Connection, peer: str) -> tuple[str, int]:
    """Take the next place in a peer's lane; return its epoch and number."""
    row = connection.execute(
        "INSERT INTO lanes (peer, epoch, next_seq) VALUES (?, ?, 2)"
        " ON CONFLICT DO UPDATE SET next_seq = next_seq + 1 RETURNING epoch, next_seq - 1 AS seq",
        (peer, os.urandom(8).hex()),
    ).fetchone()
    return row["epoch"], row["seq"]


def _body(row: sqlite3.Row) -> dict[str, object]:
    if row["brief"] is None:
        body: dict[str, object] = json.loads(row["body"])
        return body
    return {
        "brief": json.loads(row["canonical"]),
        "signature": row["signature"],
        "for": json.loads(row["names"]),
    }
