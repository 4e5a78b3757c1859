"""The roster: who is there, where, since when and how much they have read."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from claudemail.model.brief import Line, Millis, Name
from claudemail.model.parcel import Lane
from claudemail.model.value import Value


class Liveness(StrEnum):
    """How lately something was heard of."""

    LIVE = "live"
    LATE = "late"
    STALE = "stale"
    AWAY = "away"
    """Known, but with no session now."""


class Presence(Value):
    """One callsign, or an instance without callsigns, on one node."""

    instance: Name
    callsign: Name | None = None
    pid: Annotated[int, Field(ge=0)] | None = None
    project: Annotated[Line, Field(max_length=200)] | None = None
    """The name of the project folder."""
    live: bool = False
    since: Millis | None = None
    """When the session came, or for one that is gone, when it was last seen."""
    active_at: Millis | None = None
    """When its session last called a tool."""
    unread: Annotated[int, Field(ge=0)] = 0
    received: Annotated[int, Field(ge=0)] = 0

    @property
    def name(self) -> str:
        """What mail reaches it by."""
        return self.callsign or self.instance

    @property
    def read_coverage(self) -> float:
        """The share of its mail that has been read, 0 to 1; 1 for an empty mailbox."""
        return 1.0 if not self.received else (self.received - self.unread) / self.received


class Heartbeat(Value):
    """What a node tells a peer of itself."""

    version: Annotated[Line, Field(max_length=40)]
    at: Millis
    roster: Annotated[list[Presence], Field(max_length=2_000)]
    lane: Lane | None = None
    """How far it has the lane of the peer it speaks to. None: it does not say."""
    actions: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    """What stands for all changes of actions that it knows of; the same on nodes that know the same."""


class PeerState(Value):
    """What this node knows of another."""

    node: str
    heard_at: int | None = None
    """When it was last in contact, in either direction; Unix milliseconds."""
    rtt_ms: float | None = None
    skew_ms: int | None = None
    """How far its clock is ahead of ours."""
    version: str | None = None
    error: str | None = None
    """What went wrong the last time, None when nothing did."""
    failing_since: int | None = None
    retry_at: int | None = None
    roster: list[Presence] = []


def slot_ms(interval_ms: int) -> int:
    """Return how long a slot of the history of heartbeats is: nothing heard in one is what makes a live node late."""
    return 2 * interval_ms


def liveness(heard_at: int | None, now: int, interval_ms: int) -> Liveness:
    """Return how fresh a node is: live within two heartbeat intervals, late within five, else stale."""
    if heard_at is None or now - heard_at > 5 * interval_ms:
        return Liveness.STALE
    return Liveness.LIVE if now - heard_at <= 2 * interval_ms else Liveness.LATE
