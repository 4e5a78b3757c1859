"""The fleet: the roster of everyone, and the state of this node."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from claudemail import __version__
from claudemail.clock import day_of
from claudemail.model.roster import Liveness, PeerState, Presence, liveness, slot_ms
from claudemail.model.views import BeatsView, LaneView, NodeBeats, NodeView, RosterView, StatusView
from claudemail.office.desk import Desk
from claudemail.running import read_notice
from claudemail.store import actions, beats, briefs, entries, outbox, stars, unmirrored

_MOST_DEAD = 20
_NO_WAY = "Neither of the two nodes can be reached (pull in the config), so no mail passes between them."


async def roster(desk: Desk) -> RosterView:
    """Return everyone in the fleet, as far as this node knows."""
    now = desk.wall()
    peers = await desk.peers()
    config = desk.config
    own = await desk.mail.read(desk.presences)
    nodes = []
    for node in config.nodes:
        here = node.id == config.node_id
        state = peers.get(node.id, PeerState(node=node.id))
        known = {presence.name: presence for presence in (own if here else state.roster)}
        nodes.append(
            NodeView(
                node=node.id,
                url=node.url,
                here=here,
                liveness=Liveness.LIVE if here else liveness(state.heard_at, now, config.heartbeat_interval_ms),
                heard_at=now if here else state.heard_at,
                presences=list(known.values()) or _expected(desk, node.id),
            )
        )
    return RosterView(at=now, nodes=nodes)


def _expected(desk: Desk, node_id: str) -> list[Presence]:
    """Return who the config says is on a node that was never heard of."""
    return [
        Presence(instance=instance.id, callsign=callsign)
        for instance in desk.config.instances_on(node_id)
        for callsign in instance.callsigns or (None,)
    ]


async def heartbeats(desk: Desk, slots: int) -> BeatsView:
    """Return so many slots of the history of heartbeats, of this node too: its gateway notes its own.

    Raises:
        StoreError: the registry could not say.
    """
    length = slot_ms(desk.config.heartbeat_interval_ms)
    until = desk.wall() // length * length
    starts = range(until - slots * length, until, length)
    found = await desk.registry.read(lambda connection: beats.between(connection, starts.start, until))
    nodes = {}
    for node, heard in found.items():
        by_slot = {beat.slot: beat.worked for beat in heard}
        names = dict.fromkeys(name for beat in heard for name in beat.worked)
        nodes[node] = NodeBeats(
            heard=[start in by_slot for start in starts],
            names={name: [by_slot.get(start, {}).get(name) for start in starts] for name in names},
        )
    return BeatsView(slot_ms=length, until=until, nodes=nodes)


async def status(desk: Desk) -> StatusView:
    """Return the state of this node."""
    peers = await desk.peers()
    now = desk.wall()
    config = desk.config

    def work(connection: sqlite3.Connection) -> StatusView:
        waiting, buried = outbox.waiting(connection), outbox.dead_counts(connection)
        unread, _ = entries.counts(connection, None)
        notice = read_notice(config.state_dir)
        totals = briefs.totals(connection)
        lanes = []
        for node in config.peers:
            state = peers.get(node.id, PeerState(node=node.id))
            waits = waiting.get(node.id)
            lanes.append(
                LaneView(
                    node=node.id,
                    url=node.url,
                    waiting=waits.parcels if waits else 0,
                    briefs=waits.briefs if waits else 0,
                    oldest_at=waits.oldest_at if waits else None,
                    dead=buried.get(node.id, 0),
                    liveness=liveness(state.heard_at, now, config.heartbeat_interval_ms),
                    heard_at=state.heard_at,
                    error=_NO_WAY if config.node.pull and node.pull else state.error,
                    retry_at=state.retry_at,
                    version=state.version,
                    skew_ms=state.skew_ms,
                    rtt_ms=state.rtt_ms,
                    verified=node.public_key is not None,
                    pull=node.pull,
                    failing_since=state.failing_since,
                )
            )
        return StatusView(
            node=config.node_id,
            version=__version__,
            at=now,
            briefs=sum(totals.values()),
            unread=sum(unread.values()),
            sent=totals.get(config.node_id, 0),
            archived=entries.archived_count(connection),
            starred=stars.count(connection),
            actions=actions.counts(connection),
            overdue=actions.count_overdue(connection, day_of(now).isoformat()),
            mailbox_dir=config.mailbox_dir,
            unmirrored=unmirrored.count(connection),
            gateway_pid=notice.pid if notice else None,
            listening=notice.listening if notice else None,
            listen_error=notice.listen_error if notice else None,
            pull=config.node.pull,
            lanes=lanes,
            dead_letters=outbox.dead(connection, _MOST_DEAD),
            disk_free=_free(config.state_dir),
            database_bytes=_size(config.db_path),
            sqlite=sqlite3.sqlite_version,
            allow_unsigned=config.allow_unsigned,
            warnings=list(config.warnings),
        )

    return await desk.mail.read(work)


def _free(folder: str) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def _size(path: str) -> int:
    return sum(part.stat().st_size for part in (Path(path), Path(f"{path}-wal")) if part.exists())
