"""Choices that fit what was typed so far, one of them picked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from claudemail.text import scrub_line
from claudemail.tui import glyphs
from claudemail.tui.columns import fit

SHOWN = 10
_GAP = "  "


class Choice(NamedTuple):
    """One of the choices."""

    value: str
    about: str = ""
    """What it is, for the one who chooses."""
    label: str | None = None
    """What is shown for it; None: the value itself."""

    @property
    def shown(self) -> str:
        """What is shown for it."""
        return scrub_line(self.value if self.label is None else self.label)


class Choices(Static):
    """A short list that has no keys of its own: whoever shows it moves what is picked."""

    @dataclass
    class Picked(Message):
        """A choice was clicked."""

        choice: Choice

    def __init__(self, choices: Sequence[Choice], *, shown: int = SHOWN, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.shown = shown
        """How many are seen at once."""
        self._all = list(choices)
        self._fitting = self._all
        self._typed = ""
        self._at: int | None = None

    @property
    def picked(self) -> Choice | None:
        """The choice that stands out: one that was stepped to, or the first that fits what was typed."""
        if self._at is None or not self._fitting:
            return None
        return self._fitting[self._at]

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Offer others."""
        self._all = list(choices)
        self.narrow(self._typed)

    def show_at_most(self, count: int) -> None:
        """Have so many seen at once."""
        self.shown = count
        self.update(self._lines())

    def narrow(self, typed: str) -> None:
        """Show what fits: first what begins so, then what has it anywhere."""
        self._typed = typed
        word = typed.strip().lower()
        begin = [one for one in self._all if one.shown.lower().startswith(word)]
        within = [one for one in self._all if one not in begin and word in f"{one.shown} {one.about}".lower()]
        self._fitting = begin + within if word else self._all
        self._at = 0 if word and self._fitting else None
        self._draw()

    def step(self, by: int) -> None:
        """Pick the next choice, or one before."""
        if self._fitting:
            first = 0 if by > 0 else len(self._fitting) - 1
            self._at = first if self._at is None else (self._at + by) % len(self._fitting)
            self._draw()

    @property
    def _top(self) -> int:
        return max((self._at or 0) - self.shown + 1, 0)

    def _draw(self) -> None:
        self.display = bool(self._fitting)
        self.update(self._lines())

    def on_resize(self) -> None:
        """Share the room out anew."""
        self.update(self._lines())

    def _lines(self) -> Content:
        seen = self._fitting[self._top : self._top + self.shown]
        width = self._label_width(seen)
        lines = []
        for index, one in enumerate(seen, self._top):
            on = index == self._at
            lines.append(
                Content.assemble(
                    (glyphs.CURSOR if on else " ", "$primary"),
                    (fit(one.shown, width), "bold" if on else ""),
                    (_GAP + scrub_line(one.about), "$muted"),
                )
            )
        more = len(self._fitting) - self._top - len(seen)
        if more > 0:
            lines.append(Content.styled(f"  and {more} more", "$muted"))
        return Content("\n").join(lines)

    def _label_width(self, seen: Sequence[Choice]) -> int:
        """Return how wide the column of labels is: where not all fits, they leave a third of the room to what is said of them."""
        longest = max((cell_len(one.shown) for one in seen), default=0)
        room = self.content_size.width - 1 - len(_GAP)
        if room <= 0:  # it has not been laid out yet
            return longest
        about = max((cell_len(one.about) for one in seen), default=0)
        return min(longest, max(room - about, room * 2 // 3))

    def on_click(self, event: events.Click) -> None:
        """Pick the choice that was clicked."""
        index = self._top + event.y
        if event.y < self.shown and index < len(self._fitting):
            self.post_message(self.Picked(self._fitting[index]))
