"""The board of actions: a stretch of each lane, and over it what the operator has just done and the office has not yet said."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from claudemail.model.action import ActionStatus
from claudemail.model.views import ActionView
from claudemail.office import Office
from claudemail.office.actions import Stretch, Wanted

PAGE = 100
MOST = 400
"""The most cards of a lane that are held. All of them are asked for again when something changed."""


class Lane(NamedTuple):
    """One of the lanes."""

    name: str
    short: str
    empty: str
    """What follows "nothing" where there are no cards."""
    statuses: tuple[ActionStatus, ...]


LANES = (
    Lane("pending", "pend", "pending", (ActionStatus.PENDING,)),
    Lane("wip", "wip", "in work", (ActionStatus.WIP,)),
    Lane("blocked", "blkd", "blocked", (ActionStatus.BLOCKED,)),
    Lane("done", "done", "done", (ActionStatus.DONE, ActionStatus.DROPPED)),
)


def lane_of(status: ActionStatus) -> int:
    """Return the index of the lane that actions of a status are in."""
    return next(index for index, lane in enumerate(LANES) if status in lane.statuses)


class Edge(StrEnum):
    """Which cards a lane wants beyond those it has."""

    ABOVE = "above"
    BELOW = "below"
    FIRST = "first"
    LAST = "last"


class _Window:
    """The stretch of a lane that is held."""

    def __init__(self) -> None:
        self.rows: list[ActionView] = []
        self.after: str | None = None
        self.limit = PAGE
        self.more = False


class Guess(NamedTuple):
    """What the operator has done to some actions, while it is being stored: the fields that each has then, by id."""

    fields: Mapping[str, Mapping[str, Any]]


class Board:
    """What is known of the lanes."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._windows = [_Window() for _ in LANES]
        self._totals: dict[ActionStatus, int] = {}
        self._guesses: list[Guess] = []
        self._wanted = Wanted()
        self._lock = asyncio.Lock()

    async def refresh(self, wanted: Wanted, keep: Sequence[str | None], move: tuple[int, Edge] | None = None) -> None:
        """Ask the office for the stretches again, and from the top where other actions are wanted than before.

        Args:
            wanted: which actions are to be seen.
            keep: for each lane the id of a card that is to be in its stretch, as long as it is in the lane.
            move: a lane whose stretch is to be moved, and where to.

        Raises:
            UnknownName: nobody is called as the filter says.
            StoreError: the database could not say.
        """
        async with self._lock:
            if wanted != self._wanted:
                self._windows, self._wanted = [_Window() for _ in LANES], wanted
            stretches = [
                Stretch(statuses=lane.statuses, limit=window.limit, after=window.after, keep=id)
                for lane, window, id in zip(LANES, self._windows, keep, strict=True)
            ]
            if move is not None:
                index, edge = move
                stretches[index] = self._moved(index, edge)
            found = await self._office.action_board(self._office.operator(), wanted, stretches)
            for window, stretch, got in zip(self._windows, stretches, found.stretches, strict=True):
                window.rows, window.after, window.more = got.rows, got.after, got.more
                window.limit = stretch.limit
            self._totals = found.totals

    def _moved(self, index: int, edge: Edge) -> Stretch:
        window, statuses = self._windows[index], LANES[index].statuses
        if edge is Edge.FIRST:
            return Stretch(statuses=statuses, limit=PAGE)
        if edge is Edge.LAST:
            return Stretch(statuses=statuses, limit=PAGE, end=True)
        if edge is Edge.ABOVE:
            return Stretch(statuses=statuses, limit=min(window.limit + PAGE, MOST), after=window.after, skip=-PAGE)
        longer = window.limit + PAGE
        return Stretch(statuses=statuses, limit=min(longer, MOST), after=window.after, skip=max(longer - MOST, 0))

    def above(self, index: int) -> bool:
        """Return whether a lane has cards above those that are held."""
        return self._windows[index].after is not None

    def below(self, index: int) -> bool:
        """Return whether a lane has cards below those that are held."""
        return self._windows[index].more

    def guess(self, fields: Mapping[str, Mapping[str, Any]]) -> Guess:
        """Show actions with these fields until `forget`."""
        guess = Guess(fields)
        self._guesses.append(guess)
        return guess

    def forget(self, guess: Guess) -> None:
        """Show what the office says again."""
        self._guesses = [one for one in self._guesses if one is not guess]

    def lanes(self) -> list[list[ActionView]]:
        """Return the cards of each lane."""
        lanes = [list(window.rows) for window in self._windows]
        if not self._guesses:
            return lanes
        for index, window in enumerate(self._windows):
            for row in window.rows:
                guessed = self._guessed(row)
                if guessed is not row:
                    lanes[index].remove(row)
                    self._put(lanes[lane_of(guessed.status)], guessed)
        return lanes

    def totals(self) -> list[int]:
        """Return how many cards each lane has in all."""
        totals = [sum(self._totals.get(status, 0) for status in lane.statuses) for lane in LANES]
        if not self._guesses:
            return totals
        for index, window in enumerate(self._windows):
            for row in window.rows:
                totals[index] -= 1
                totals[lane_of(self._guessed(row).status)] += 1
        return totals

    @property
    def dropped(self) -> int:
        """How many of those in the last lane were dropped."""
        return self._totals.get(ActionStatus.DROPPED, 0)

    def _guessed(self, row: ActionView) -> ActionView:
        for guess in self._guesses:
            fields = guess.fields.get(row.id, {})
            if any(getattr(row, name) != value for name, value in fields.items()):
                row = row.model_copy(update=dict(fields))
        return row

    def _put(self, lane: list[ActionView], row: ActionView) -> None:
        """Put a card where it belongs by its order; one that has just been closed is the first."""
        place = 0
        if row.status.is_open:
            place = sum(self._order(other) < self._order(row) for other in lane)
        lane.insert(place, row)

    def _order(self, row: ActionView) -> tuple[Any, ...]:
        due = row.due or "~"
        return (due, -row.priority.rank, row.number) if self._wanted.overdue else (-row.priority.rank, due, row.number)
