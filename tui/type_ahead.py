"""Keys that are typed, and what is pasted, while a line to type into is still on its way are that line's, and not the pane's.

Without this, `n` and then `do it` in one go, as a paste or a slow connection brings it, would make no action and mark one done.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TypeAlias

from textual import events

_PATIENCE_S = 1.0
"""After so long, no line comes any more: something was told instead, or there was nothing to ask about."""
ASKING = frozenset(
    {"find", "whose", "assign", "due", "edit", "note", "new", "compose", "reply", "reply_all", "forward", "palette"}
)
"""The actions after which somebody types."""
_GIVES_UP = "escape"
LEAVING = frozenset({"enter", "tab", "shift+tab"})
"""The keys by which a line is left for another, or for good."""
Typed: TypeAlias = events.Key | events.Paste


class TypeAhead:
    """Holds keys and what is pasted back for a line that is to come."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Make it; `now_s` is a clock that only goes forward."""
        self._now_s = now_s
        self._until: float | None = None
        self.passing: events.Key | None = None
        """The key that brings the line."""
        self._held: list[Typed] = []

    def wait(self, passing: events.Key | None = None) -> None:
        """A line is to come; a key that brings it, and all before it that are still on their way, may pass."""
        self.passing = passing
        self._until = self._now_s() + _PATIENCE_S

    def take(self, typed: Typed) -> bool:
        """Hold a key or a paste back if a line is to come; return whether it was."""
        if self._until is None or (self.passing is not None and typed.is_forwarded):
            return False
        if self._now_s() > self._until or (isinstance(typed, events.Key) and typed.key == _GIVES_UP):
            self.release()
            return False
        self._held.append(typed)
        return True

    def release(self) -> list[Typed]:
        """Wait no more; return what was held back, in the order in which it came."""
        held = sorted(self._held, key=attrgetter("time"))  # some came by way of a list that had the keys before
        self._until, self.passing, self._held = None, None, []
        return [
            events.Paste(typed.text) if isinstance(typed, events.Paste) else events.Key(typed.key, typed.character)
            for typed in held
        ]
