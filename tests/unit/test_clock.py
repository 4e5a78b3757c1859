"""The hybrid logical clock under wall clocks that jump and stamps from elsewhere."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from claudemail.clock import MAX_AHEAD_MS, HybridClock, stamp_ms, wall_ms

NOW = 1_790_000_000_000
DAY = 86_400_000
WALLS = st.integers(NOW - 3 * DAY, NOW + 400 * DAY)
FOREIGN = st.tuples(WALLS, st.integers(0, 99_999)).map(lambda drawn: f"{drawn[0]:014d}-{drawn[1]:05d}-other")


class Wall:
    """A wall clock that the test sets."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@given(st.lists(st.one_of(WALLS, FOREIGN, st.none()), max_size=60))
def test_stamps_only_grow(events: list[int | str | None]) -> None:
    """Stamps strictly grow as text, whatever the wall clock does and whatever is observed in between."""
    wall = Wall()
    clock = HybridClock("here", wall)
    made = [clock.stamp()]
    for event in events:
        if isinstance(event, int):
            wall.now = event
        elif event is not None:
            clock.observe(event)
        made.append(clock.stamp())
    assert all(earlier < later for earlier, later in itertools.pairwise(made))
    assert all(re.fullmatch(r"\d{14}-\d{5}-here", stamp) for stamp in made)


@given(st.integers(-DAY, MAX_AHEAD_MS), st.integers(0, 99_999))
def test_a_stamp_is_later_than_every_one_observed(ahead: int, counter: int) -> None:
    """After another node's stamp was seen, the next own one is later than it."""
    clock = HybridClock("here", Wall())
    seen = f"{NOW + ahead:014d}-{counter:05d}-zulu"
    clock.observe(seen)
    assert clock.stamp() > seen


def test_a_stamp_from_the_far_future_is_not_believed() -> None:
    """A node whose clock is wild does not take this one along."""
    clock = HybridClock("here", Wall())
    clock.observe(f"{NOW + MAX_AHEAD_MS + 1:014d}-00000-wild")
    assert stamp_ms(clock.stamp()) == NOW


def test_an_own_stamp_is_believed_however_far_ahead() -> None:
    """After this node's clock was set back by a year, its stamps still grow past those that it stored before."""
    clock = HybridClock("here", Wall(NOW - 365 * DAY))
    clock.observe(f"{NOW:014d}-00007-here")
    assert clock.stamp() == f"{NOW:014d}-00008-here"


def test_a_full_counter_carries_over() -> None:
    """One stamp after the last counter of a millisecond is in the next millisecond, and still sorts after it."""
    clock = HybridClock("here", Wall())
    clock.observe(f"{NOW:014d}-99999-other")
    assert clock.stamp() == f"{NOW + 1:014d}-00000-here"


def test_the_wall_clock_is_in_milliseconds() -> None:
    """The wall clock counts Unix milliseconds: thirteen digits in this era."""
    assert len(str(wall_ms())) == 13
