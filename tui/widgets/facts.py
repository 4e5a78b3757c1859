"""A text about one thing, beside or below the list that it is chosen in."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from claudemail.text import scrub, scrub_line
from claudemail.tui.widgets.scrolling import Scrolling

_LABEL = 12
Fact = tuple[str, str, str]
"""A label, what it is, and the style of that."""


class Facts(Scrolling):
    """Shows a text that scrolls; it is drawn again only when it has changed, and keeps its scroll then."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Static(markup=False)
        self._about: str | None = None
        self.content = Content()
        """What is shown."""

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield self._text

    def show(self, about: str | None, content: Content) -> None:
        """Show a text. `about` is what it is of: of another thing it is shown from its start."""
        if content != self.content:
            self.content = content
            self._text.update(content)
        if about != self._about:
            self._about = about
            self.scroll_home(animate=False)


def titled(title: str, aside: str = "", style: str = "$muted") -> Content:
    """Return the first line of a text, and what stands behind the title."""
    return Content.assemble((scrub_line(title), "bold"), (f"  {scrub_line(aside)}" if aside else "", style))


def table(facts: Iterable[Fact]) -> Content:
    """Return facts a line each, the labels in a column of their own; those that say nothing are left out."""
    lines = [
        Content.assemble((f"{label:<{_LABEL}}", "$muted"), (scrub_line(words), style))
        for label, words, style in facts
        if words
    ]
    return Content("\n").join(lines)


def paragraphs(*parts: Content) -> Content:
    """Return parts with an empty line between them; the empty ones are left out."""
    return Content("\n\n").join([part for part in parts if part])


def prose(words: str, style: str = "") -> Content:
    """Return words from outside as they are, but for what a terminal would obey."""
    return Content.styled(scrub(words), style)
