"""The help screen, made from the bindings themselves."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from claudemail import __version__
from claudemail.tui import glyphs
from claudemail.tui.bindings import CLOSE
from claudemail.tui.widgets.scrolling import Scrolling

_GROUPS = {
    "move": "Move", "open": "Look", "back": "Look", "mark": "Look", "find": "Look", "filter": "Look", "belongs": "Look",
    "copy": "Look", "mail": "Mail", "action": "Action", "checkup": "Checkup", "try": "Nodes", "pane": "Panes",
    "console": "Console",
}  # fmt: skip
"""The headings, by the first part of a binding's id."""


_KEYS = 14
_LEAST_WORDS = 12


class HelpScreen(ModalScreen[None]):
    """Lists the keys that work on the screen it was opened from, and what the signs mean."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, active: Sequence[ActiveBinding]) -> None:
        super().__init__()
        self._active = active

    def compose(self) -> ComposeResult:
        """Lay out the keys by group."""
        with HelpText():
            yield Static(
                Content.assemble(("ClaudeMail", "bold $primary"), (f"  {__version__}", "$muted")), markup=False
            )
            for heading, lines in self._keys().items():
                yield HelpTable(heading, lines)
            yield HelpTable("Signs", list(glyphs.LEGEND))

    def _keys(self) -> dict[str, list[tuple[str, str]]]:
        keys: dict[str, dict[str, list[str]]] = {heading: {} for heading in dict.fromkeys(_GROUPS.values())}
        for _, binding, _, _ in self._active:
            heading = _GROUPS.get((binding.id or "").partition(".")[0])
            if heading is not None:
                words = binding.tooltip or binding.description
                keys[heading].setdefault(words, []).append(self.app.get_key_display(binding))
        return {
            heading: [(" ".join(shown), words) for words, shown in group.items()]
            for heading, group in keys.items()
            if group
        }


class HelpText(Scrolling):
    """The text of the help screen."""


class HelpTable(Widget):
    """Lines of two columns; the words of the second are wrapped within it."""

    def __init__(self, heading: str, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading = heading
        self._lines = lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines it takes at a width: known before it is drawn, so that one may scroll to the end at once."""
        del container, viewport
        return self._at(width).plain.count("\n") + 1

    def render(self) -> Content:
        """Return the lines, wrapped for the width there is."""
        return self._at(self.content_size.width)

    def _at(self, width: int) -> Content:
        room = max(width - _KEYS - 3, _LEAST_WORDS)
        parts: list[tuple[str, str]] = [(f"\n{self._heading}", "bold")]
        for keys, words in self._lines:
            first, *rest = wrap(words, room) or [""]
            parts += [(f"\n  {keys:<{_KEYS}} ", "$primary"), (first, "")]
            parts += [(f"\n{' ' * (_KEYS + 3)}{line}", "") for line in rest]
        return Content.assemble(*parts)
