"""Polls: a node asks a peer for its parcels, because the peer cannot reach it, or now and then in case it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from claudemail.clock import WallClock
from claudemail.config import Node
from claudemail.errors import PeerRefused, PeerUnreachable, StoreError
from claudemail.mesh.backoff import Backoff
from claudemail.mesh.client import MeshClient, PeerBusy
from claudemail.mesh.contacts import Contacts
from claudemail.mesh.mailroom import Mailroom
from claudemail.model.parcel import Answer, Origin, Outcome, Pull

log = logging.getLogger(__name__)
WAIT_MS = 25_000
"""How long a peer is asked to wait for a parcel: less than what routers forget a quiet connection after."""


class Poll:
    """Asks one peer for its parcels.

    With `waiting`, one call is always open there, in which the peer answers once it has something. Without, it is the
    repair poll: pushing is how mail comes, and this brings it where only this node reaches the other.
    """

    def __init__(
        self,
        peer: Node,
        mailroom: Mailroom,
        client: MeshClient,
        contacts: Contacts,
        wall: WallClock,
        *,
        interval_ms: int,
        waiting: bool,
        contact: Callable[[], None],
    ) -> None:
        self._peer = peer
        self._mailroom = mailroom
        self._client = client
        self._contacts = contacts
        self._wall = wall
        self._interval_s = interval_ms / 1000
        self._wait_ms = WAIT_MS if waiting else 0
        self._contact = contact
        self._backoff = Backoff()
        self._outcome: Outcome | None = None
        """What became of the last parcels, for the peer to be told."""

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            try:
                came = await self._ask()
                self._backoff.reset()
                if not came and not self._wait_ms:
                    await self._pause()
            except (PeerUnreachable, PeerRefused, StoreError) as error:
                await self._wait_out(error)
            except Exception as error:
                log.exception("the poll of %s failed", self._peer.id)
                await self._wait_out(PeerRefused(f"Asking {self._peer.id} for mail failed: {type(error).__name__}."))

    async def _ask(self) -> bool:
        """Ask once, and take in what comes; return whether anything came."""
        peer = self._peer.id
        # Who is pushed to as well does not say how far it is: what is on its way to it would look lost.
        lane = await self._mailroom.progress(peer) if self._wait_ms else None
        pulled = await self._client.pull(self._peer, Pull(outcome=self._outcome, lane=lane, wait_ms=self._wait_ms))
        self._outcome = None
        await self._contacts.seen(peer)
        self._contact()
        batch = pulled.batch
        if batch is None:
            return False
        result = await self._mailroom.take_in(Origin(node=peer, verified=pulled.verified), batch)
        answer, setback = (result, None) if isinstance(result, Answer) else (None, result)
        self._outcome = Outcome(epoch=batch.epoch, last=batch.parcels[-1].seq, answer=answer, setback=setback)
        return True

    async def _wait_out(self, error: PeerUnreachable | PeerRefused | StoreError) -> None:
        if not self._wait_ms:  # lane and heartbeat fail as well, and say so
            log.debug("poll of %s: %s", self._peer.id, error.message)
            await self._pause()
            return
        delay = self._backoff.next()
        if isinstance(error, PeerBusy):
            delay = max(delay, error.retry_after_s)
        log.info("poll of %s waits %.1f s: %s", self._peer.id, delay, error.message)
        with contextlib.suppress(StoreError):
            await self._contacts.failed(self._peer.id, error.message, self._wall() + int(delay * 1000))
        await asyncio.sleep(delay)

    async def _pause(self) -> None:
        await asyncio.sleep(self._interval_s * random.uniform(0.9, 1.1))  # noqa: S311 - it spreads load
