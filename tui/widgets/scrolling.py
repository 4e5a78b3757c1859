"""What scrolls by the same keys as lists move."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll

from claudemail.tui.bindings import MOVE


class Scrolling(VerticalScroll, inherit_bindings=False):
    """Scrolls, at once and by its own keys alone."""

    BINDINGS: ClassVar[list[BindingType]] = MOVE

    def action_down(self) -> None:
        """Scroll one line down."""
        self.scroll_relative(y=1, animate=False)

    def action_up(self) -> None:
        """Scroll one line up."""
        self.scroll_relative(y=-1, animate=False)

    def action_half_down(self) -> None:
        """Scroll half a page down."""
        self.scroll_relative(y=max(self.size.height // 2, 1), animate=False)

    def action_half_up(self) -> None:
        """Scroll half a page up."""
        self.scroll_relative(y=-max(self.size.height // 2, 1), animate=False)

    def action_first(self) -> None:
        """Scroll to the beginning."""
        self.scroll_home(animate=False)

    def action_last(self) -> None:
        """Scroll to the end."""
        self.scroll_end(animate=False)
