"""Retrying: have what did not get through tried again."""

from __future__ import annotations

import sqlite3

from claudemail.errors import UnknownName
from claudemail.model.views import RetryView
from claudemail.office.desk import Desk
from claudemail.store import briefs, outbox


async def retry(desk: Desk, what: str | None, *, dead: bool | None) -> RetryView:
    """Have peers tried at once, and dead letters put back into their lanes.

    Args:
        desk: the office's.
        what: a node; or a brief, of which only the dead letters go out again. None: all peers.
        dead: whether dead letters of that node, or all, go out again as well; None: a node's do, and all others do not.

    Raises:
        NotFound: there is no such brief.
        UnknownName: the node is this one.
    """
    config = desk.config
    now = desk.wall()
    peers = [peer.id for peer in config.peers]
    node = next(
        (one.id for one in config.nodes if what is not None and one.id.lower() == what.removeprefix("@").lower()), None
    )
    if node == config.node_id:
        raise UnknownName(f"{node} is this node itself.", remedy="Name a node that this one sends to, or a brief.")

    def work(connection: sqlite3.Connection) -> RetryView:
        revived, tried = 0, peers if node is None else [node]
        if node is not None:
            revived = outbox.revive(connection, now, peer=node) if dead is not False else 0
        elif what is not None:
            row = briefs.find(connection, what)
            revived = outbox.revive(connection, now, brief=row["number"])
        elif dead:
            revived = outbox.revive(connection, now)
        waiting = outbox.waiting(connection)
        tried = [peer for peer in tried if peer in waiting]
        for peer in tried:
            outbox.ask_retry(connection, peer)
        left = sum(outbox.dead_counts(connection).values())
        return RetryView(nodes=tried, waiting=sum(waiting[peer].parcels for peer in tried), revived=revived, dead=left)

    return await desk.mail.write(work)
