"""How long to wait before the next try: full jitter (Brooker, "Exponential Backoff And Jitter", 2015)."""

from __future__ import annotations

import random

BASE_S = 0.5
CAP_S = 300.0


class Backoff:
    """Delays that grow with each failure in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def reset(self) -> None:
        """Begin anew: the peer was in contact."""
        self._failures = 0

    def next(self) -> float:
        """Return how many seconds to wait after one more failure."""
        ceiling = min(CAP_S, BASE_S * 2**self._failures)
        self._failures = min(self._failures + 1, 32)
        return random.uniform(0.1 * BASE_S, ceiling)  # noqa: S311 - it spreads load, it guards nothing
