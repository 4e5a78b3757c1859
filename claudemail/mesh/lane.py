"""The lane to one peer: parcels in order, one request in flight, and a way to wait that never delays another lane."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from claudemail.clock import WallClock
from claudemail.config import Node
from claudemail.errors import PeerRefused, PeerUnreachable, StoreError
from claudemail.mesh.backoff import Backoff
from claudemail.mesh.client import MeshClient, PeerBusy, TooLarge
from claudemail.mesh.contacts import Contacts
from claudemail.mesh.counts import Counts
from claudemail.mesh.mailroom import Mailroom
from claudemail.model.parcel import MAX_BATCH, Answer, Batch, Pull, Setback

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
        self._most = MAX_BATCH
        """How many parcels the peer takes at once, as far as it has said."""
        self._counts = counts
        self._finishing = False
        self._more = asyncio.Event()
        self._contacted = asyncio.Event()
        self._asked = 0
        """How often somebody had asked for the peer to be tried at once, when the lane last looked."""
        self._one_way = False
        """Whether the peer reaches this node, and this node does not reach it."""
        self._fetching: asyncio.Event | None = None
        """Ends the wait of the peer's last pull, when there is a newer one."""

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
        if self._fetching is not None:
            self._fetching.set()

    async def run(self) -> None:
        """Carry parcels until cancelled, or told to finish."""
        while not self._finishing:
            self._more.clear()
            try:
                batch = await self._mailroom.next_batch(self.peer.id, self._most)
                if batch is None:
                    await _wait(self._more, self._poll_s)  # and look anyhow: whoever put a parcel in may not have rung
                    continue
                await self._stream(batch)
                self._one_way = False
                self._contacted.clear()
                self._backoff.reset()
            except (PeerUnreachable, PeerRefused, StoreError) as error:
                await self._wait_out(error)
            except Exception as error:
                # Whatever one peer answers, the other lanes go on, and so does this one.
                log.exception("the lane to %s failed", self.peer.id)
                await self._wait_out(PeerRefused(f"The lane to {self.peer.id} failed: {type(error).__name__}."))

    async def _stream(self, batch: Batch) -> None:
        """Carry a batch and those behind it, one after the other, as long as the peer takes them.

        While one is on its way the next is read, and what became of the last is noted: neither node waits for the other's disk.
        Should a note be lost, the peer knows the parcels when they come again.
        """
        noting: asyncio.Task[None] | None = None
        following: Batch | None = batch
        try:
            while following is not None and not self._finishing:
                batch = following
                last = batch.parcels[-1].seq
                reading = asyncio.create_task(self._mailroom.next_batch(self.peer.id, self._most, last))
                try:
                    answer = await self._client.deliver(self.peer, batch)
                finally:
                    following = await reading
                await self._contacts.seen(self.peer.id)
                if noting is not None:
                    await noting
                noting = asyncio.create_task(self._note(batch, answer))
                if not isinstance(answer, Answer) or answer.have != last:
                    break
        except TooLarge as error:
            await self._send_less(batch, error)
        finally:
            if noting is not None:
                await noting

    async def _note(self, batch: Batch, answer: Answer | Setback) -> None:
        """Note what became of a batch.

        Raises:
            PeerRefused: the peer answers, and takes nothing: to send the same again at once would go on for ever.
        """
        if isinstance(answer, Answer):
            await self._mailroom.acknowledged(self.peer.id, batch, answer)
            self._counts.delivered(self.peer.id, batch, answer)
            if answer.have < batch.parcels[0].seq:
                raise PeerRefused(f"{self.peer.id} answers without having taken what was sent.")
            self._setbacks = 0
            self._most = min(2 * self._most, MAX_BATCH)
            return
        log.warning("%s answers %s, it has %s: sending again", self.peer.id, answer.error, answer.have)
        await self._mailroom.set_back(self.peer.id, batch.epoch, answer)
        self._setbacks += 1
        if self._setbacks > 1:
            raise PeerRefused(f"{self.peer.id} asks again and again for mail that it was sent ({answer.error}).")

    async def _send_less(self, batch: Batch, error: TooLarge) -> None:
        """Halve what goes out at once; a parcel that is too large alone is given up."""
        if len(batch.parcels) > 1:
            self._most = len(batch.parcels) // 2
            return
        [parcel] = batch.parcels
        log.warning("%s never takes parcel %s: %s", self.peer.id, parcel.id, error.message)
        await self._mailroom.give_up(self.peer.id, batch.epoch, parcel.seq, error.code, error.message)

    async def hand_out(self, pull: Pull) -> Batch | None:
        """Serve a peer that fetches its parcels: take in what became of the last ones, and return the next.

        It waits for some as long as the peer allows, or until the peer asks anew: then it has given the former call up. One that
        can be pushed to is handed nothing: it would get everything twice.
        """
        if self._fetching is not None:
            self._fetching.set()
        over = self._fetching = asyncio.Event()
        await self._mailroom.fetched(self.peer.id, pull)
        deadline = asyncio.get_running_loop().time() + pull.wait_ms / 1000
        while True:
            self._more.clear()
            fetches = self.peer.pull or self._one_way
            batch = await self._mailroom.next_batch(self.peer.id) if fetches else None
            left_s = deadline - asyncio.get_running_loop().time()
            if batch is not None or left_s <= 0 or over.is_set():
                return batch
            await _wait_any((self._more, over), min(left_s, self._poll_s))

    async def _wait_out(self, error: PeerUnreachable | PeerRefused | StoreError) -> None:
        if isinstance(error, PeerUnreachable) and self._contacted.is_set():
            self._one_way = True  # it was tried because the peer had called
        self._contacted.clear()
        delay = self._backoff.next()
        if isinstance(error, PeerBusy):
            delay = max(delay, error.retry_after_s)
        log.info("lane to %s waits %.1f s: %s", self.peer.id, delay, error.message)
        with contextlib.suppress(StoreError):  # the lane goes on even when its trouble cannot be noted
            await self._contacts.failed(self.peer.id, error.message, self._wall() + int(delay * 1000))
        await self._wait_for_the_next_try(delay)
        await asyncio.sleep(_BREATH_S)

    async def _wait_for_the_next_try(self, delay: float) -> None:
        """Wait so many seconds, or until the peer is in contact, or somebody asks for it to be tried."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + delay
        try:
            while not self._contacted.is_set() and (left_s := deadline - loop.time()) > 0:
                self._more.clear()
                before, self._asked = self._asked, await self._mailroom.retry_asked(self.peer.id)
                if self._asked != before:
                    self._backoff.reset()
                    return
                await _wait_any((self._contacted, self._more), left_s)
        except StoreError:
            await _wait(self._contacted, deadline - loop.time())


async def _wait_any(events: tuple[asyncio.Event, ...], most_s: float) -> None:
    """Return once one of the events is set, or after so many seconds."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _wait(event: asyncio.Event, most_s: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            await event.wait()
