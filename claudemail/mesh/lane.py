"""The lane to one peer: parcels in order, one request in flight, and a way to wait that never delays another lane."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from claudemail.clock import WallClock
from claudemail.config import Node
from claudemail.errors import PeerRefused, PeerUnreachable, StoreError
from claudemail.mesh.backoff import Backoff
from claudemail.mesh.client import MeshClient, PeerBusy
from claudemail.mesh.contacts import Contacts
from claudemail.mesh.counts import Counts
from claudemail.mesh.mailroom import Mailroom
from claudemail.model.parcel import Answer, Batch

log = logging.getLogger(__name__)
_BREATH_S = 0.05
"""The least time between a failure and a try that the peer's contact brought about: it may reach us and we not it."""


class Lane:
    """Carries parcels to one peer until the mailroom has no more, and waits for the next."""

    def __init__(
        self,
        peer: Node,
        mailroom: Mailroom,
        client: MeshClient,
        contacts: Contacts,
        wall: WallClock,
        *,
        poll_interval_ms: int,
        counts: Counts,
    ) -> None:
        self.peer = peer
        self._mailroom = mailroom
        self._client = client
        self._contacts = contacts
        self._wall = wall
        self._poll_s = poll_interval_ms / 1000
        self._backoff = Backoff()
        self._setbacks = 0
        """How often in a row the peer asked for earlier parcels: once is how it is set right."""
        self._counts = counts
        self._finishing = False
        self._more = asyncio.Event()
        self._contacted = asyncio.Event()

    def nudge(self) -> None:
        """There may be new parcels. A lane that waits out a failure goes on waiting."""
        self._more.set()

    def contact(self) -> None:
        """The peer was in contact: what waits is tried at once."""
        self._backoff.reset()
        self._contacted.set()

    def finish(self) -> None:
        """Have `run` return: at once, or when the exchange in flight has ended."""
        self._finishing = True
        self._more.set()
        self._contacted.set()

    async def run(self) -> None:
        """Carry parcels until cancelled, or told to finish."""
        while not self._finishing:
            self._more.clear()
            self._contacted.clear()
            try:
                batch = await self._mailroom.next_batch(self.peer.id)
                if batch is None:
                    await _wait(self._more, self._poll_s)  # and look anyhow: whoever put a parcel in may not have rung
                    continue
                await self._exchange(batch)
                self._backoff.reset()
            except (PeerUnreachable, PeerRefused, StoreError) as error:
                await self._wait_out(error)
            except Exception as error:
                # Whatever one peer answers, the other lanes go on, and so does this one.
                log.exception("the lane to %s failed", self.peer.id)
                await self._wait_out(PeerRefused(f"The lane to {self.peer.id} failed: {type(error).__name__}."))

    async def _exchange(self, batch: Batch) -> None:
        """Hand a batch over and take the answer in.

        Raises:
            PeerRefused: the peer answers, and takes nothing: to send the same again at once would go on for ever.
        """
        answer = await self._client.deliver(self.peer, batch)
        await self._contacts.seen(self.peer.id)
        if isinstance(answer, Answer):
            await self._mailroom.acknowledged(self.peer.id, batch, answer)
            self._counts.delivered(self.peer.id, batch, answer)
            if answer.have < batch.parcels[0].seq:
                raise PeerRefused(f"{self.peer.id} answers without having taken what was sent.")
            self._setbacks = 0
            return
        log.warning("%s answers %s, it has %s: sending again", self.peer.id, answer.error, answer.have)
        await self._mailroom.set_back(self.peer.id, batch.epoch, answer)
        self._setbacks += 1
        if self._setbacks > 1:
            raise PeerRefused(f"{self.peer.id} asks again and again for mail that it was sent ({answer.error}).")

    async def _wait_out(self, error: PeerUnreachable | PeerRefused | StoreError) -> None:
        delay = self._backoff.next()
        if isinstance(error, PeerBusy):
            delay = max(delay, error.retry_after_s)
        log.info("lane to %s waits %.1f s: %s", self.peer.id, delay, error.message)
        with contextlib.suppress(StoreError):  # the lane goes on even when its trouble cannot be noted
            await self._contacts.failed(self.peer.id, error.message, self._wall() + int(delay * 1000))
        await _wait(self._contacted, delay)
        await asyncio.sleep(_BREATH_S)


async def _wait(event: asyncio.Event, most_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            await event.wait()
