"""A line that says what keeps the console from knowing what is new, until it knows again."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Notice(Static):
    """Hidden while all is well."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.words = ""
        """What it says."""
        self.display = False

    def say(self, words: str) -> None:
        """Say this; nothing hides the line."""
        if words != self.words:
            self.words = words
            self.update(Content(words))
            self.display = bool(words)
