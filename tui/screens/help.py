"""The help screen, made from the bindings themselves."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from claudemail import __version__
from claudemail.tui import glyphs
from claudemail.tui.bindings import CLOSE, MOVE

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
                yield _Table(heading, lines)
            yield _Table("Signs", list(glyphs.LEGEND))

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


class HelpText(VerticalScroll, inherit_bindings=False):
    """The text of the help screen, which scrolls by the same keys as everything else."""

    BINDINGS = MOVE

    def action_down(self) -> None:
        """Scroll one line down."""
        self.scroll_relative(y=1, animate=False)

    def action_up(self) -> None:
        """Scroll one line up."""
        self.scroll_relative(y=-1, animate=False)

    def action_half_down(self) -> None:
        """Scroll half a page down."""
        self.scroll_relative(y=self.size.height // 2, animate=False)

    def action_half_up(self) -> None:
        """Scroll half a page up."""
        self.scroll_relative(y=-(self.size.height // 2), animate=False)

    def action_first(self) -> None:
        """Scroll to the top."""
        self.scroll_home(animate=False)

    def action_last(self) -> None:
        """Scroll to the end."""
        self.scroll_end(animate=False)


class _Table(Static):
    """Lines of two columns; the words of the second are wrapped within it."""

    def __init__(self, heading: str, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__(markup=False)
        self._heading = heading
        self._lines = lines

    def on_resize(self, event: events.Resize) -> None:
        """Wrap the words for another width."""
        room = max(event.size.width - _KEYS - 3, _LEAST_WORDS)
        parts: list[tuple[str, str]] = [(f"\n{self._heading}", "bold")]
        for keys, words in self._lines:
            first, *rest = wrap(words, room) or [""]
            parts += [(f"\n  {keys:<{_KEYS}} ", "$primary"), (first, "")]
            parts += [(f"\n{' ' * (_KEYS + 3)}{line}", "") for line in rest]
        self.update(Content.assemble(*parts))
