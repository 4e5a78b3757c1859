"""A brief as it was written."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from claudemail.model.brief import Brief
from claudemail.tui.widgets.reading import Reading, plain


class SourcePane(Reading):
    """Shows the file that a brief is: Markdown below YAML, as `claudemail read --raw` prints it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Static(markup=False)
        self._shown: str | None = None

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        yield self._text

    def show(self, brief: Brief) -> None:
        """Show a brief's file; it does not change."""
        if brief.id != self._shown:
            self._shown = brief.id
            self._text.update(plain(source_of(brief)))
            self.scroll_home(animate=False)


def source_of(brief: Brief) -> str:
    """Return the file that a brief is."""
    from claudemail.model import document  # YAML, which a console that shows no source can do without

    return document.format(brief)
