"""Fields that somebody types or pastes into. What is pasted is text from outside, and is scrubbed like all of that."""

from __future__ import annotations

from textual.reactive import reactive
from textual.widgets import Input, TextArea
from textual.widgets.text_area import Edit, EditResult

from claudemail.text import scrub


class Line(Input):
    """One line of text, whose cursor does not blink: nothing is written to the terminal while nothing changes."""

    cursor_blink = reactive(False, init=False)

    def validate_value(self, value: str) -> str:
        """Return what may stand in the line."""
        return scrub(value).replace("\n", " ").replace("\t", " ")


class Body(TextArea):
    """Many lines of text, whose cursor does not blink either."""

    cursor_blink = reactive(False, init=False)

    def edit(self, edit: Edit) -> EditResult:
        """Make a change, scrubbed."""
        edit.text = scrub(edit.text)
        return super().edit(edit)

    def load_text(self, text: str) -> None:
        """Put a text in the place of all that is there."""
        super().load_text(scrub(text))
