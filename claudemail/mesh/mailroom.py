"""What the mesh needs of the node it works for."""

from __future__ import annotations

from typing import Protocol

from claudemail.model.parcel import MAX_BATCH, Answer, Batch, Origin, Pull, Setback
from claudemail.model.roster import Heartbeat


class Mailroom(Protocol):
    """Gives out parcels for peers and takes in theirs. Every method may raise StoreError."""

    async def next_batch(self, peer: str, most: int = MAX_BATCH, after: int = 0) -> Batch | None:
        """Return what is to go to a peer next, up to so many parcels, with numbers above `after`; or None."""

    async def acknowledged(self, peer: str, batch: Batch, answer: Answer) -> None:
        """Take in a peer's answer to a batch."""

    async def fetched(self, peer: str, pull: Pull) -> None:
        """Take in what a peer that fetches its parcels says of the last ones, and of all before."""

    async def set_back(self, peer: str, epoch: str, setback: Setback) -> None:
        """Take in a peer's answer that it could not take a batch."""

    async def give_up(self, peer: str, epoch: str, seq: int, code: str, reason: str) -> None:
        """Put a parcel that a peer can never take into dead letters, and go on with the next."""

    async def take_in(self, origin: Origin, batch: Batch) -> Answer | Setback:
        """Take a peer's parcels in, durably; raise PeerRefused if one claims to be from another node."""

    async def own_heartbeat(self, peer: str) -> Heartbeat:
        """Return what this node says of itself to a peer."""

    async def heard(self, peer: str, beat: Heartbeat, *, rtt_ms: float | None) -> None:
        """Take in what a peer says of itself."""

    async def has_lost(self, peer: str, beat: Heartbeat, before: int) -> bool:
        """Return whether a heartbeat says that a peer has less than it acknowledged before that time (Unix milliseconds)."""

    async def serve_again(self, peer: str, beat: Heartbeat, before: int) -> None:
        """Send again what a peer lacks of what it acknowledged before that time."""

    async def progress(self, peer: str) -> dict[str, int]:
        """Return how far this node has a peer's lane: its latest epochs, and the number in each."""

    async def retry_asked(self, peer: str) -> int:
        """Return how often somebody has asked for a peer to be tried at once."""

    async def contact(self, peer: str) -> None:
        """Note that a peer was in contact."""

    async def unreachable(self, peer: str, error: str, retry_at: int) -> None:
        """Note why a peer could not be reached, and when it is tried again (Unix milliseconds)."""
