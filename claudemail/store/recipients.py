"""Recipients: how far each brief that this node sent has come."""

from __future__ import annotations

import sqlite3

from claudemail.model.receipt import DeliveryState, Receipt, RecipientState

_LATER = (DeliveryState.READ, DeliveryState.NOTIFIED, DeliveryState.DELIVERED)


def add(connection: sqlite3.Connection, number: int, name: str, node: str, *, now: int, delivered: bool) -> None:
    """Note a recipient of a new brief; one on this node has it at once."""
    connection.execute(
        "INSERT INTO recipients (brief, name, node, queued_at, delivered_at) VALUES (?, ?, ?, ?, ?)",
        (number, name, node, now, now if delivered else None),
    )


def delivered(connection: sqlite3.Connection, number: int, node: str, now: int) -> None:
    """Note that a node has a brief durably."""
    connection.execute(
        "UPDATE recipients SET delivered_at = ? WHERE brief = ? AND node = ? AND coalesce(delivered_at, failed_at) IS NULL",
        (now, number, node),
    )


def failed(connection: sqlite3.Connection, number: int, node: str, reason: str, now: int) -> None:
    """Note that a brief went to dead letters on its way to a node."""
    connection.execute(
        "UPDATE recipients SET failed_at = ?, reason = ? WHERE brief = ? AND node = ? AND delivered_at IS NULL",
        (now, reason, number, node),
    )


def queued_again(connection: sqlite3.Connection, number: int, node: str) -> None:
    """Note that a brief that was given up on its way to a node is on its way again."""
    connection.execute(
        "UPDATE recipients SET failed_at = NULL, reason = NULL WHERE brief = ? AND node = ? AND delivered_at IS NULL",
        (number, node),
    )


def receipt(connection: sqlite3.Connection, node: str, receipt: Receipt) -> None:
    """Take in a receipt from a node. The first time of each state stands, so any order and repetition ends the same."""
    which = "WHERE brief = (SELECT number FROM briefs WHERE id = ?) AND name = ? AND node = ?"
    names = (receipt.brief_id, receipt.recipient, node)
    if receipt.state is DeliveryState.FAILED:
        connection.execute(
            f"UPDATE recipients SET failed_at = ?, reason = ?, delivered_at = NULL {which} AND read_at IS NULL",
            (receipt.at, receipt.reason, *names),
        )
    elif receipt.state is DeliveryState.NOTIFIED:
        connection.execute(
            "UPDATE recipients SET notified_at = min(coalesce(notified_at, ?1), ?1),"
            f" delivered_at = coalesce(delivered_at, ?1) {which}",
            (receipt.at, *names),
        )
    elif receipt.state is DeliveryState.READ:
        connection.execute(
            "UPDATE recipients SET read_by = iif(coalesce(read_at, ?1 + 1) > ?1, ?2, read_by),"
            f" read_at = min(coalesce(read_at, ?1), ?1), delivered_at = coalesce(delivered_at, ?1) {which}",
            (receipt.at, receipt.by, *names),
        )


def read_here(connection: sqlite3.Connection, node: str) -> None:
    """Note for the recipients on this node what their mailboxes say of what they have read."""
    connection.execute(
        "UPDATE recipients SET (read_at, read_by) ="
        " (SELECT read_at, read_by FROM entries e WHERE e.mailbox = recipients.name AND e.brief = recipients.brief)"
        " WHERE node = ?",
        (node,),
    )


def is_unread(connection: sqlite3.Connection, number: int) -> bool:
    """Return whether a recipient of a brief has not read it."""
    row = connection.execute(
        "SELECT 1 FROM recipients WHERE brief = ? AND read_at IS NULL LIMIT 1", (number,)
    ).fetchone()
    return row is not None


def states(connection: sqlite3.Connection, number: int) -> list[RecipientState]:
    """Return the state of each recipient of a brief, by name."""
    rows = connection.execute("SELECT * FROM recipients WHERE brief = ? ORDER BY node, name", (number,))
    return [_state(row) for row in rows]


def _state(row: sqlite3.Row) -> RecipientState:
    times = {state: row[f"{state}_at"] for state in _LATER}
    reached = next((state for state in _LATER if times[state] is not None), None)
    if reached is None and row["failed_at"] is not None:
        reached, at = DeliveryState.FAILED, row["failed_at"]
    elif reached is None:
        reached, at = DeliveryState.QUEUED, row["queued_at"]
    else:
        at = times[reached]
    return RecipientState(
        name=row["name"], node=row["node"], state=reached, at=at, read_by=row["read_by"], reason=row["reason"]
    )
