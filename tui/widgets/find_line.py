"""The line in which a search is typed, with what is said of it below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from claudemail.text import scrub_line
from claudemail.tui.widgets.fields import Line

HINT = 'words  "a phrase"  start*  -not  from:alpha  is:unread  after:mon'


_LEAST_START = 3


class FindLine(Widget):
    """Hidden while nothing is searched for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "leave", "to what was found", id="find.leave", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Something else is searched for."""

        text: str

    @dataclass
    class Left(Message):
        """The reader goes on to what was found."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._input = Line(placeholder=HINT, compact=True, select_on_focus=False)
        self._said = Static(markup=False, id="find-said")
        self._words: Content | None = None
        self.wrong = False
        """Whether what it says is what is wrong with what is typed."""
        self.display = False

    def compose(self) -> ComposeResult:
        """Lay out the line and what is said of it."""
        with Horizontal():
            yield Static(Content.styled("/ ", "bold $primary"), markup=False, id="find-sign")
            yield self._input
        yield self._said

    @property
    def text(self) -> str:
        """What is typed."""
        return self._input.value

    @property
    def is_typed_into(self) -> bool:
        """Whether the line has the keys."""
        return self._input.has_focus

    def open(self) -> None:
        """Show the line and give it the keys."""
        if not self.display:
            self.display = True
            self.say("")
        self.screen.set_focus(self._input)

    def close(self) -> None:
        """Hide the line; what was typed is forgotten."""
        self.display = False
        with self.prevent(Input.Changed):
            self._input.value = ""

    def say(self, words: str, *, wrong: bool = False) -> None:
        """Say something of the search, or what is wrong with it."""
        self.wrong = wrong
        content = Content.styled(scrub_line(words), "$text-error" if wrong else "$muted")
        if content != self._words:
            self._words = content
            self._said.update(content)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Give the keys to what was found."""
        self.post_message(self.Left())


def as_typed(text: str) -> str:
    """Return what a line that is still being typed looks for: its last word may go on, where it is a plain one."""
    last = text.rsplit(" ", maxsplit=1)[-1]
    is_whole = text.count('"') % 2 or len(last) < _LEAST_START or not last.isalnum()
    return text if is_whole else f"{text}*"
