"""Text that is read: it scrolls by the same keys as lists move."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Markdown, Static

from claudemail.text import scrub
from claudemail.tui.widgets.scrolling import Scrolling

MARKDOWN_CHARS = 4_000
MARKDOWN_LINES = 80
"""A body within both is drawn as Markdown. Each block is a widget, and some hundred of them take 0.3 s to lay out."""


class Reading(Scrolling):
    """Text that is read."""


def is_small(text: str) -> bool:
    """Return whether a body is small enough to be drawn as Markdown."""
    return len(text) <= MARKDOWN_CHARS and text.count("\n") <= MARKDOWN_LINES


def body_widget(body: str, *, markdown: bool = True) -> Widget:
    """Return a widget for a body: Markdown where it is small, else the text as it was written."""
    text = scrub(body)
    if markdown and is_small(text):
        return Markdown(text, open_links=False)
    return Static(plain(body), markup=False, classes="post-body")


def plain(text: str) -> Content:
    """Return a text as it is shown letter by letter."""
    return Content(scrub(text).expandtabs(4))
