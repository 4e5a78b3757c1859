"""Heartbeats: one exchange per pair and interval that carries each side's roster."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from claudemail.clock import WallClock
from claudemail.config import Node
from claudemail.errors import PeerRefused, PeerUnreachable, StoreError
from claudemail.mesh.client import MeshClient
from claudemail.mesh.contacts import Contacts
from claudemail.mesh.mailroom import Mailroom
from claudemail.model.roster import Heartbeat

log = logging.getLogger(__name__)
_SOON_S = 0.2


class Pulse:
    """Sends this node's heartbeat to one peer, every interval and soon after the roster changed."""

    def __init__(
        self,
        peer: Node,
        mailroom: Mailroom,
        client: MeshClient,
        contacts: Contacts,
        wall: WallClock,
        *,
        interval_ms: int,
        contact: Callable[[], None],
    ) -> None:
        self._peer = peer
        self._mailroom = mailroom
        self._client = client
        self._contacts = contacts
        self._wall = wall
        self._interval_s = interval_ms / 1000
        self._contact = contact
        self._soon = asyncio.Event()

    def soon(self) -> None:
        """Beat in a moment: the roster changed, or the peer seems to have lost mail."""
        self._soon.set()

    async def run(self) -> None:
        """Beat until cancelled, at once and then every interval, give or take a tenth so that nodes do not march in step."""
        while True:
            self._soon.clear()
            try:
                with contextlib.suppress(PeerUnreachable, PeerRefused, StoreError):
                    await self.ask()
            except Exception:
                log.exception("the heartbeat to %s failed", self._peer.id)  # and the next may go well
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s * random.uniform(0.9, 1.1)):  # noqa: S311 - spreads load
                    await self._soon.wait()
                    await asyncio.sleep(_SOON_S)  # several sessions often come at once

    async def ask(self) -> float:
        """Beat once, now; return the round trip in milliseconds.

        Raises:
            PeerUnreachable, PeerRefused, StoreError: it failed, which is noted.
        """
        try:
            return await self._beat(await self._mailroom.own_heartbeat(self._peer.id))
        except (PeerUnreachable, PeerRefused, StoreError) as error:
            log.info("heartbeat to %s: %s", self._peer.id, error.message)
            with contextlib.suppress(StoreError):
                again = self._wall() + int(self._interval_s * 1000)
                await self._contacts.failed(self._peer.id, error.message, again)
            raise

    async def _beat(self, own: Heartbeat) -> float:
        asked_at = self._wall()
        theirs, rtt_ms = await self._client.heartbeat(self._peer, own)
        await self._mailroom.heard(self._peer.id, theirs, rtt_ms=rtt_ms)
        # What it acknowledged before we asked, its answer must know of.
        if await self._mailroom.has_lost(self._peer.id, theirs, asked_at):
            log.warning("%s has lost mail that it had: sending it again", self._peer.id)
            await self._mailroom.serve_again(self._peer.id, theirs, asked_at)
        self._contact()
        return rtt_ms
