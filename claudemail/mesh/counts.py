"""Counts: what a gateway has done since it started, for whoever measures it. Numbers, and the names of nodes and paths."""

from __future__ import annotations

from collections import Counter

from claudemail.model.parcel import Answer, Batch, Setback


class Counts:
    """Counters that only go up. Each is read as it is."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        """Parcels that a peer has taken, by peer."""
        self.refused_by: Counter[str] = Counter()
        """Parcels that a peer refused for good, by peer."""
        self.received: Counter[str] = Counter()
        """Parcels of a peer that were taken, by peer; those that were here already, too."""
        self.refused: Counter[str] = Counter()
        """Parcels of a peer that were refused for good, by peer."""
        self.requests: Counter[tuple[str, int]] = Counter()
        """Requests of peers, by path and status."""
        self.request_bytes: Counter[str] = Counter()
        """Bytes of their bodies, by path."""

    def delivered(self, peer: str, batch: Batch, answer: Answer) -> None:
        """A peer has answered that it has a batch."""
        taken = sum(parcel.seq <= answer.have for parcel in batch.parcels)
        self.refused_by[peer] += len(answer.refused)
        self.sent[peer] += max(taken - len(answer.refused), 0)

    def taken_in(self, peer: str, batch: Batch, answer: Answer | Setback) -> None:
        """A batch of a peer was answered."""
        if isinstance(answer, Answer):
            self.refused[peer] += len(answer.refused)
            self.received[peer] += max(len(batch.parcels) - len(answer.refused), 0)
