"""The line of panes: their numbers, names and what there is to see in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from claudemail.text import scrub_line
from claudemail.tui.columns import cut
from claudemail.tui.places import Where

_SHORT = {Where.INBOX: "Inbox", Where.ACTIONS: "Act", Where.ROSTER: "Ros", Where.NODES: "Nod", Where.CHECKUP: "Chk"}


class _Tab(NamedTuple):
    where: Where
    text: str


class TabBar(Widget):
    """Says where the reader is, and takes clicks."""

    @dataclass
    class Clicked(Message):
        """A pane was clicked."""

        where: Where

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._at = Where.INBOX
        self._counts: Mapping[Where, int] = {}
        self._aside = ""

    def say(self, at: Where, counts: Mapping[Where, int], aside: str) -> None:
        """Show which pane is seen, how many things there are in each, and what the pane says of itself."""
        if (at, counts, aside) != (self._at, self._counts, self._aside):
            self._at, self._counts, self._aside = at, counts, aside
            self.refresh()

    def _tabs(self, width: int) -> list[_Tab]:
        for name, gap in ((lambda where: f" {where.value.capitalize()}", "   "), (_SHORT.__getitem__, " ")):
            tabs = []
            for number, where in enumerate(Where, 1):
                count = self._counts.get(where)
                tabs.append(_Tab(where, f"{number}{name(where)}{'' if count is None else f' {count}'}{gap}"))
            if sum(len(tab.text) for tab in tabs) <= width:
                return tabs
        return [_Tab(where, f"{number}{where.value[:2].capitalize()} ") for number, where in enumerate(Where, 1)]

    def render(self) -> Content:
        """Return the line."""
        width = self.content_size.width
        parts: list[tuple[str, str]] = []
        used = 0
        for tab in self._tabs(width):
            text = tab.text.rstrip()
            parts += [(text, "bold $primary underline" if tab.where is self._at else "$muted")]
            parts += [(tab.text[len(text) :], "")]
            used += len(tab.text)
        aside = scrub_line(self._aside)
        room = width - used
        if aside and room >= 8:
            words = Content(cut(aside, room))
            parts += [(" " * (room - words.cell_length), ""), (words.plain, "$muted")]
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Go to the pane that was clicked."""
        x = event.get_content_offset(self)
        if x is None:
            return
        left = 0
        for tab in self._tabs(self.content_size.width):
            if left <= x.x < left + len(tab.text):
                self.post_message(self.Clicked(tab.where))
                return
            left += len(tab.text)
