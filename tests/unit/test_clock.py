"""The hybrid logical clock under wall clocks that jump and stamps from elsewhere."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claudemail.clock import MAX_AHEAD_MS, HybridClock, day_of, iso, iso_ms, stamp_ms, wall_ms

NOW = 1_790_000_000_000
DAY = 86_400_000
WALLS = st.integers(NOW - 3 * DAY, NOW + 400 * DAY)
FAR = st.integers(0, 32_503_680_000_000 - 1)
"""Any time before the year 3000."""
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


@given(WALLS, FAR, st.integers(0, 99_999), st.sampled_from(["alpha", "here", "zulu"]))
@example(NOW, NOW, 0, "zulu")
@example(NOW, NOW + 1, 99_999, "zulu")
def test_a_stamp_beyond_another_is_later_than_both(now: int, ms: int, counter: int, node: str) -> None:
    """However far ahead the other is, what follows it is later; what is later already stays as it is."""
    clock = HybridClock("here", Wall(now))
    made, other = clock.stamp(), f"{ms:014d}-{counter:05d}-{node}"
    found = clock.beyond(made, other)
    assert found > other
    assert found >= made
    assert re.fullmatch(r"\d{14}-\d{5}-here", found)
    assert (found == made) == (made[:20] > other[:20])
    assert found[:20] > other[:20]  # on its own, without the names of nodes


@given(WALLS, FAR, st.integers(0, 99_999))
def test_one_stamp_follows_into_the_future_and_the_clock_does_not(now: int, ms: int, counter: int) -> None:
    """After a stamp beyond another, the next ones are what they would have been without it."""
    clock, other = HybridClock("here", Wall(now)), HybridClock("here", Wall(now))
    clock.beyond(clock.stamp(), f"{ms:014d}-{counter:05d}-wild")
    other.stamp()
    assert [clock.stamp() for _ in range(3)] == [other.stamp() for _ in range(3)]


@given(st.lists(st.booleans(), max_size=20), FAR, st.integers(0, 99_999))
def test_changes_that_follow_each_other_only_grow(turns: list[bool], ms: int, counter: int) -> None:
    """Two nodes that change the same thing in turn, each after what it saw, make ever later stamps, after a wild one too."""
    nodes = HybridClock("alpha", Wall()), HybridClock("zulu", Wall(NOW - DAY))
    seen = f"{ms:014d}-{counter:05d}-wild"
    for turn in turns:
        clock = nodes[turn]
        clock.observe(seen)
        later = clock.beyond(clock.stamp(), seen)
        assert later > seen
        seen = later


@given(st.integers(0, 10**14 - 1))
@example(0)
@example(69_422_719_566_721)  # as seconds, a little less
@example(10**14 - 1)
def test_a_moment_is_written_and_read_to_the_millisecond(at: int) -> None:
    """What is written as ISO 8601 in UTC is read as the same moment, and text sorts as time does."""
    text = iso(at)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert iso_ms(text) == at
    assert (iso(at) < iso(NOW)) == (at < NOW)


@given(st.integers(0, 10**14 - 1), st.integers(-23 * 60, 23 * 60))
def test_a_moment_is_read_in_any_zone(at: int, minutes: int) -> None:
    """The zone may be another than UTC; without one it is UTC."""
    moment = datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
    assert iso_ms(moment.astimezone(timezone(timedelta(minutes=minutes))).isoformat()) == at
    assert iso_ms(moment.replace(tzinfo=None).isoformat()) == at


@given(st.text(st.characters(), max_size=40) | st.text("0123456789-:.TZ+W", max_size=30))
def test_what_is_no_moment_is_a_value_error(text: str) -> None:
    """Any other text is refused in one way."""
    with contextlib.suppress(ValueError):
        assert isinstance(iso_ms(text), int)


def test_a_moment_as_it_is_written() -> None:
    """Milliseconds have three digits, and the zone is written as Z."""
    assert iso(1_774_360_931_005) == "2026-03-24T14:02:11.005Z"
    with pytest.raises(ValueError, match="Invalid isoformat"):
        iso_ms("yesterday")


def test_the_day_of_a_moment_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same moment is on different days east and west."""
    late = iso_ms("2026-03-24T23:30:00Z")
    days = []
    for zone in ("UTC", "Etc/GMT-14", "Etc/GMT+12"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        days.append(str(day_of(late)))
    monkeypatch.undo()
    time.tzset()
    assert days == ["2026-03-24", "2026-03-25", "2026-03-24"]
