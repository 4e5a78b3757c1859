"""The desk: what every use-case works with."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from claudemail.clock import HybridClock, WallClock
from claudemail.config import Config
from claudemail.model.roster import PeerState, Presence
from claudemail.office.directory import Directory
from claudemail.office.keyring import Keyring
from claudemail.store import entries, leases, registry
from claudemail.store.database import Database

if TYPE_CHECKING:
    from claudemail.keys import NodeKey


INBOX, SENT = "inbox", "sent"
"""The folders of the mailbox folder with the files of briefs."""
_FRESH_S = 1.0


class _Made(NamedTuple):
    """A directory, and of what it was made when."""

    directory: Directory
    held: list[leases.Lease]
    peers: dict[str, PeerState]
    made_at: float


class Desk:
    """This node's configuration, databases, clock and key."""

    def __init__(self, config: Config, mail: Database, registry: Database, wall: WallClock) -> None:
        self.config = config
        self.mail = mail
        self.registry = registry
        self.wall = wall
        self._clock = HybridClock(config.node_id, wall)
        self.keyring = Keyring(config)
        self._key: NodeKey | None = None
        self._peers: dict[str, PeerState] | None = None
        self._directory: _Made | None = None
        self._forget_peers = registry.subscribe(self._peers_changed)

    @property
    def key(self) -> NodeKey:
        """The node's key; loaded on first use, since cryptography costs 40 ms to import."""
        if self._key is None:
            from claudemail.keys import NodeKey

            self._key = NodeKey.load_or_create(Path(self.config.state_dir))
        return self._key

    def forget_key(self) -> None:
        """Load the node's key anew when it is needed: another has taken its place."""
        self._key = None

    async def peers(self) -> dict[str, PeerState]:
        """Return what is known of each peer, from memory while the registry does not change."""
        if self._peers is None:
            self._peers = await self.registry.read(registry.peers)
        return self._peers

    async def directory(self) -> Directory:
        """Return every name in the fleet."""
        peers = await self.peers()
        return await self.mail.read(lambda connection: self.directory_in(connection, peers))

    def directory_in(self, connection: sqlite3.Connection, peers: dict[str, PeerState]) -> Directory:
        """Return every name in the fleet, as a transaction sees it; who is there may be known as of a second ago.

        It is made again only when leases or peers are others than the last time: that takes a third of the time of a send.
        """
        held = leases.all_leases(connection)
        now = time.monotonic()
        last = self._directory
        if last is None or last.held != held or last.peers is not peers or now - last.made_at > _FRESH_S:
            local = self.presences(connection, counted=False)
            last = self._directory = _Made(Directory(self.config, local, peers), held, peers, now)
        return last.directory

    def presences(self, connection: sqlite3.Connection, *, counted: bool = True) -> list[Presence]:
        """Return everyone on this node: instances, their callsigns, and the names that sessions took beyond them.

        Args:
            connection: the mail database.
            counted: count each one's mail too.
        """
        held = {lease.callsign.lower(): lease for lease in leases.all_leases(connection)}
        names: list[tuple[str, str | None]] = []
        for instance in self.config.instances_on(self.config.node_id):
            own = [sign for sign in instance.callsigns if sign.lower() != instance.id.lower()]
            names += [(instance.id, None), *((instance.id, sign) for sign in own)]
        known = {(sign or instance).lower() for instance, sign in names}
        names += [(lease.instance, lease.callsign) for name, lease in held.items() if name not in known]
        found = [
            self._presence(connection, instance, sign, held.get((sign or instance).lower()), counted=counted)
            for instance, sign in names
        ]
        return [presence if presence.callsign else _with_sessions(presence, found) for presence in found]

    def _presence(
        self,
        connection: sqlite3.Connection,
        instance: str,
        callsign: str | None,
        lease: leases.Lease | None,
        *,
        counted: bool,
    ) -> Presence:
        unread, received = entries.counts(connection, [callsign or instance]) if counted else ({}, 0)
        live = lease is not None and lease.ended_at is None and is_running(lease.pid)
        return Presence(
            instance=instance,
            callsign=callsign,
            pid=lease.client_pid if lease is not None and live else None,
            project=lease.project if lease is not None and live else None,
            live=live,
            since=None if lease is None else (lease.since if live else lease.ended_at or lease.seen_at),
            active_at=lease.seen_at if lease is not None and live else None,
            unread=sum(unread.values()),
            received=received,
        )

    def stamp(self, connection: sqlite3.Connection, *, after: str | None = None) -> str:
        """Return a new stamp, later than every one that any process of this node made; inside a write transaction.

        Args:
            connection: the mail database.
            after: a stamp from elsewhere that this one must be later than, too.
        """
        row = connection.execute("SELECT value FROM meta WHERE key = 'clock'").fetchone()
        if row is not None:
            self._clock.observe(row["value"])
        if after is not None:
            self._clock.observe(after)
        stamp = self._clock.stamp()
        connection.execute("INSERT INTO meta VALUES ('clock', ?1) ON CONFLICT DO UPDATE SET value = ?1", (stamp,))
        return stamp if after is None else self._clock.beyond(stamp, after)

    def _peers_changed(self) -> None:
        self._peers = None

    async def close(self) -> None:
        """Close both databases."""
        self._forget_peers()
        await self.mail.close()
        await self.registry.close()


def _with_sessions(instance: Presence, everyone: list[Presence]) -> Presence:
    """Return an instance as there when one of its sessions is, and as last seen when the last of them was."""
    own = [presence for presence in everyone if presence.instance == instance.instance and presence.since is not None]
    live = [presence for presence in own if presence.live]
    if live:
        return instance.model_copy(update={"live": True, "since": min(presence.since or 0 for presence in live)})
    return instance.model_copy(update={"since": max((presence.since or 0 for presence in own), default=None)})


def is_running(pid: int) -> bool:
    """Return whether a process of this number exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
