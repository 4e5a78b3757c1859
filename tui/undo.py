"""What was done last, so that it can be undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

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
            ClaudeMailError: it cannot be undone, and is forgotten all the same: others may be.
        """
        if not self._steps:
            return None
        step = self._steps.pop()
        await step.undo()
        return step.words
