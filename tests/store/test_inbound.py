"""How far lanes have come in, whatever the clock says."""

from __future__ import annotations

from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from claudemail.store import inbound
from tests.store.conftest import opened

_FAR_MS = 3_000_000_000_000


@given(
    steps=st.lists(st.tuples(st.integers(0, 6), st.integers(0, _FAR_MS)), min_size=1, max_size=30),
    most=st.integers(1, 4),
)
def test_the_epochs_that_came_in_last_are_told(steps: list[tuple[int, int]], most: int) -> None:
    """Whatever a clock does meanwhile, those that came in last are told of, as many as may be: another would seem lost."""
    with closing(opened()) as connection:
        for number, (epoch, now) in enumerate(steps, 1):
            inbound.advance(connection, "south", f"{epoch:016x}", number, now)
            inbound.advance(connection, "west", f"{epoch:016x}", number, _FAR_MS)
        told = inbound.progress(connection, "south", most)
    latest = list(dict.fromkeys(f"{epoch:016x}" for epoch, _ in reversed(steps)))[:most]
    assert list(told) == latest
