"""Contacts: when each peer was last in touch, noted when it matters and not on every request."""

from __future__ import annotations

from claudemail.clock import WallClock
from claudemail.mesh.mailroom import Mailroom

_NOTE_EVERY_MS = 5_000


class Contacts:
    """Notes contact with peers in the registry, at most every few seconds while all is well."""

    def __init__(self, mailroom: Mailroom, wall: WallClock) -> None:
        self._mailroom = mailroom
        self._wall = wall
        self._noted: dict[str, int] = {}

    async def seen(self, peer: str) -> None:
        """A peer called us, or answered a call."""
        now = self._wall()
        if now - self._noted.get(peer, 0) >= _NOTE_EVERY_MS:
            await self._mailroom.contact(peer)
            self._noted[peer] = now

    async def failed(self, peer: str, error: str, retry_at: int) -> None:
        """A call to a peer failed; it is tried again at `retry_at`, Unix milliseconds."""
        self._noted.pop(peer, None)
        await self._mailroom.unreachable(peer, error, retry_at)
