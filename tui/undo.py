"""What was done last, so that it can be undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from claudemail.errors import StoreError

MOST = 100


class Step(NamedTuple):
    """Something that was done, and how it is undone."""

    words: str
    undo: Callable[[], Awaitable[None]]


class Undo:
    """The steps that can be undone, the last first."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def did(self, words: str, undo: Callable[[], Awaitable[None]]) -> None:
        """Note a step. Of very many, the first are forgotten."""
        self._steps = [*self._steps[-MOST + 1 :], Step(words, undo)]

    async def back(self) -> str | None:
        """Undo the last step; return what that was, or None where there is none.

        Raises:
            StoreError: the database could not do it, and the step is kept for another try.
            ClaudeMailError: it cannot be undone, and is forgotten: others may be.
        """
        if not self._steps:
            return None
        step = self._steps.pop()
        try:
            await step.undo()
        except StoreError:
            self._steps.append(step)
            raise
        return step.words
