"""The line of recipients: it offers who there is while one types."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from claudemail.tui.bindings import COMPLETE
from claudemail.tui.recipients import completed, word_at
from claudemail.tui.widgets.choices import Choice, Choices
from claudemail.tui.widgets.fields import Line


class RecipientInput(Line):
    """A line of names. What fits the name at the cursor stands in the choices below, of which a key takes one."""

    BINDINGS: ClassVar[list[BindingType]] = COMPLETE

    def __init__(self, value: str, choices: Choices, *, id: str | None = None) -> None:
        super().__init__(value, placeholder="names, @node or all", compact=True, select_on_focus=False, id=id)
        self._choices = choices

    @property
    def _word(self) -> str:
        return word_at(self.value, self.cursor_position)[1]

    @property
    def settled(self) -> str:
        """The line without a name that is still being typed, as long as there are some that it may become."""
        if not self.is_offering or self._choices.picked is None:
            return self.value
        start, word = word_at(self.value, self.cursor_position)
        if word.lower() == self._choices.picked.value.lower():
            return self.value
        return self.value[:start] + self.value[start + len(word) :]

    @property
    def is_offering(self) -> bool:
        """Whether choices are seen."""
        return bool(self._choices.display)

    def offer(self) -> None:
        """Show who fits the name that is being typed; everyone, where nothing has been typed at all."""
        word = self._word
        self._choices.narrow(word)
        if not self.has_focus or (not word and self.value.strip()):
            self._choices.display = False

    def put_away(self) -> None:
        """Show no choices until something is typed."""
        self._choices.display = False

    def take(self, choice: Choice) -> None:
        """Put a name in the place of the one that is being typed."""
        line, cursor = completed(self.value, self.cursor_position, choice.value)
        self.value = line
        self.cursor_position = cursor

    def watch_value(self) -> None:
        """Offer what fits now, before the next key comes."""
        if self.has_focus:
            self.offer()

    def watch_selection(self) -> None:
        """Offer what fits where the cursor is now."""
        if self.has_focus:
            self.offer()

    def on_focus(self) -> None:
        """Offer who there is."""
        self.offer()

    def on_blur(self) -> None:
        """Take the choices away."""
        self.put_away()

    def action_next_choice(self) -> None:
        """Go to the next choice, or to the next field where there are none."""
        if self.is_offering:
            self._choices.step(1)
        else:
            self.screen.focus_next()

    def action_previous_choice(self) -> None:
        """Go to the choice before."""
        if self.is_offering:
            self._choices.step(-1)

    def action_take(self) -> None:
        """Take the choice that stands out; go on to the next field where there is none, or where the name is whole."""
        picked = self._choices.picked if self.is_offering else None
        if picked is None or picked.value.lower() == self._word.lower():
            self.screen.focus_next()
        else:
            self.take(picked)
