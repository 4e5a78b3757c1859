"""The palette: one line that finds whatever can be done or gone to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input

from claudemail.office import Office
from claudemail.tui.bindings import ASK
from claudemail.tui.palette import Command, of_words
from claudemail.tui.trouble import told
from claudemail.tui.widgets.choices import Choice, Choices
from claudemail.tui.widgets.fields import Line

_REST_S = 0.15
"""How long typing rests before briefs are searched."""
_SHOWN = 9


class PaletteScreen(ModalScreen[Command | None]):
    """Finds a command; None where it was called off."""

    BINDINGS: ClassVar[list[BindingType]] = ASK

    def __init__(self, office: Office, commands: Sequence[Command]) -> None:
        super().__init__()
        self._office = office
        self._commands = list(commands)
        self._found: list[Command] = []
        self._timer: Timer | None = None
        self._input = Line(placeholder="a command, a name, words of a brief", compact=True, id="answer")
        self._choices = Choices(self._offered(), shown=_SHOWN, id="choices")

    def _offered(self) -> list[Choice]:
        return [
            Choice(str(number), command.about, label=command.label)
            for number, command in enumerate([*self._commands, *self._found])
        ]

    def compose(self) -> ComposeResult:
        """Lay out the line and what it finds."""
        with Vertical(id="ask"):
            yield self._input
            yield self._choices

    def on_mount(self) -> None:
        """Show everything to begin with."""
        self._input.focus()
        self._choices.narrow("")

    def on_resize(self) -> None:
        """Show fewer where there are few lines."""
        self._choices.shown = max(min(_SHOWN, self.size.height - 5), 3)
        self._choices.narrow(self._input.value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._choices.narrow(event.value)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_REST_S, self._search)

    def _search(self) -> None:
        self.run_worker(self._find(self._input.value), group="find", exclusive=True)

    async def _find(self, words: str) -> None:
        with told(self):
            found = await of_words(self._office, words)
            if words == self._input.value and found != self._found:
                self._found = found
                self._choices.set_choices(self._offered())

    @on(Input.Submitted)
    def _answered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._choices.picked is not None:
            self._end(self._choices.picked)

    def on_choices_picked(self, event: Choices.Picked) -> None:
        """Take the one that was clicked."""
        event.stop()
        self._end(event.choice)

    def _end(self, choice: Choice) -> None:
        self.dismiss([*self._commands, *self._found][int(choice.value)])

    def action_next(self) -> None:
        """Go to the next one."""
        self._choices.step(1)

    def action_previous(self) -> None:
        """Go to the one before."""
        self._choices.step(-1)

    def action_dismiss_none(self) -> None:
        """Call it off."""
        self.dismiss(None)
