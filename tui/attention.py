"""Calls for attention: the terminal's title says how much is unread, and its bell rings for urgent mail while nobody looks."""

from __future__ import annotations

from collections.abc import Callable

BELL = "\a"
KEEP_TITLE, GIVE_TITLE_BACK = "\x1b[22;0t", "\x1b[23;0t"
"""XTWINOPS: put the title that the terminal has on its stack, and take it from there again."""
_LEAST_BETWEEN_BELLS_S = 60
_AWAY_S = 180
"""A terminal that does not tell whether it has the focus is taken to be left alone after so long without a key."""


class Attention:
    """Writes to the terminal, and only when there is something else to say than before."""

    def __init__(self, node: str, write: Callable[[str], None], now_s: Callable[[], float], *, bell: bool) -> None:
        """Make it.

        Args:
            node: the name of the node, for the title.
            write: writes to the terminal.
            now_s: a clock that only goes forward.
            bell: whether the bell may ring.
        """
        self._node = node
        self._write = write
        self._now_s = now_s
        self.bell = bell
        """Whether the bell may ring."""
        self._focused: bool | None = None
        self._touched_at = now_s()
        self._rang_at: float | None = None
        self._urgent: int | None = None
        self._title = ""

    def begin(self) -> None:
        """Keep the title that the terminal has, and put ours in its place."""
        self._write(KEEP_TITLE)
        self._say(f"ClaudeMail {self._node}")

    def end(self) -> None:
        """Give the terminal its title back."""
        self._write(GIVE_TITLE_BACK)

    def focus(self, *, has: bool) -> None:
        """Note that the terminal has the focus, or has it no more; one that says so will always say so."""
        self._focused = has

    def touched(self) -> None:
        """Note that somebody pressed a key or used the mouse."""
        self._touched_at = self._now_s()

    @property
    def is_away(self) -> bool:
        """Whether nobody looks, as far as can be told."""
        if self._focused is not None:
            return not self._focused
        return self._now_s() - self._touched_at > _AWAY_S

    def see(self, unread: int, urgent: int) -> None:
        """Tell of what is unread, and of the urgent part of it; what was there from the beginning rings no bell."""
        if self._urgent is not None and urgent > self._urgent and self.is_away:
            self._ring()
        self._urgent = urgent
        self._say(
            f"{f'({urgent}!) ' if urgent else ''}ClaudeMail {self._node}{f' - {unread} unread' if unread else ''}"
        )

    def _say(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self._write(f"\x1b]0;{title}\a")

    def _ring(self) -> None:
        now = self._now_s()
        if self.bell and (self._rang_at is None or now - self._rang_at >= _LEAST_BETWEEN_BELLS_S):
            self._rang_at = now
            self._write(BELL)
