"""A question that takes one line to answer, with choices that fit what was typed so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from claudemail.text import scrub_line
from claudemail.tui.bindings import ASK
from claudemail.tui.widgets.choices import SHOWN, Choice, Choices
from claudemail.tui.widgets.fields import Line

_OTHER_LINES = 5
"""How many lines the question, its answer and the rest take beside the choices."""

Check = Callable[[str], tuple[str, bool]]
"""Given what was typed: what it means, in words, and whether it can be taken."""


class Question(NamedTuple):
    """What is asked."""

    title: str
    value: str = ""
    """What stands there to begin with."""
    placeholder: str = ""
    choices: Sequence[Choice] = ()
    only_choices: bool = False
    """Whether nothing else can be answered."""
    check: Check | None = None
    replaced: bool = True
    """Whether the first letter that is typed takes the place of what stands there, or goes on from it."""


class AskScreen(ModalScreen[str | None]):
    """Asks one thing at the foot of the screen; the answer is the line or a choice's value, None where it was called off."""

    BINDINGS: ClassVar[list[BindingType]] = ASK

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self._title = Static(Content(scrub_line(question.title)), id="question", markup=False)
        self._input = Line(question.value, placeholder=question.placeholder, compact=True, id="answer")
        self._input.select_on_focus = question.replaced
        self._said = Static(id="said", markup=False)
        self._choices = Choices(question.choices, id="choices")

    def compose(self) -> ComposeResult:
        """Lay out the question, the line and the choices."""
        with Vertical(id="ask"):
            yield self._title
            yield self._input
            yield self._said
            yield self._choices

    def on_mount(self) -> None:
        """Show what fits to begin with."""
        self._input.focus()
        self._narrow(self._question.value if not self._question.choices else "")
        self._say(self._question.value)

    def on_resize(self) -> None:
        """Show fewer choices where there are few lines: as many as fit in the three quarters that the question may take."""
        self._choices.show_at_most(max(min(SHOWN, self.size.height * 3 // 4 - _OTHER_LINES), 3))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._narrow(event.value)
        self._say(event.value)

    def _narrow(self, typed: str) -> None:
        self._choices.narrow(typed)

    def _say(self, typed: str) -> bool:
        if self._question.check is None:
            self._said.display = False
            return True
        words, fits = self._question.check(typed)
        self._said.update(Content.styled(scrub_line(words), "$muted" if fits else "$text-error"))
        return fits

    @on(Input.Submitted)
    def _answered(self, event: Input.Submitted) -> None:
        event.stop()
        picked = self._choices.picked
        if picked is not None:
            self.dismiss(picked.value)
        elif not self._question.only_choices and self._say(event.value):
            self.dismiss(event.value)

    def on_choices_picked(self, event: Choices.Picked) -> None:
        """Answer with the choice that was clicked."""
        event.stop()
        self.dismiss(event.choice.value)

    def action_next(self) -> None:
        """Go to the next choice."""
        self._choices.step(1)

    def action_previous(self) -> None:
        """Go to the choice before."""
        self._choices.step(-1)

    def action_dismiss_none(self) -> None:
        """Call it off."""
        self.dismiss(None)
