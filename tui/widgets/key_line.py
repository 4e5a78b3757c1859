"""The keys that matter most at the moment, as many as the line has room for, and always the one that shows all of them."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

_GAP = 2
_ALWAYS = "console.help"


class _Key(NamedTuple):
    """A key as it is shown, and the key that a click on it presses."""

    shown: str
    words: str
    key: str
    id: str | None

    @property
    def cells(self) -> int:
        """How much room it takes."""
        return cell_len(self.shown) + 1 + cell_len(self.words)


class KeyLine(Widget):
    """One line, drawn again only when what it shows is other."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: list[_Key] = []

    def on_mount(self) -> None:
        """Listen for keys that come and go."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _: Screen[object]) -> None:
        if self.is_attached and self._fitting() != self._drawn:
            self.refresh()

    def _keys(self) -> list[_Key]:
        found: dict[str, _Key] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.show and active.enabled and binding.action not in found:
                shown = self.app.get_key_display(binding)
                found[binding.action] = _Key(shown, binding.description, binding.key, binding.id)
        return list(found.values())

    def _fitting(self) -> list[_Key]:
        """Return the keys that fit, in their order; where not all do, the last that do not are left out."""
        keys = self._keys()
        room = self.content_size.width + _GAP
        fixed = sum(key.cells + _GAP for key in keys if key.id == _ALWAYS)
        fitting = []
        for key in keys:
            if key.id == _ALWAYS:
                fitting.append(key)
                fixed -= key.cells + _GAP
                room -= key.cells + _GAP
            elif key.cells + _GAP + fixed <= room:
                fitting.append(key)
                room -= key.cells + _GAP
        return fitting

    def render(self) -> Content:
        """Return the line."""
        self._drawn = self._fitting()
        parts: list[tuple[str, str]] = []
        for key in self._drawn:
            parts += [(key.shown, "bold $primary"), (f" {key.words}{' ' * _GAP}", "$muted")]
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        place = event.get_content_offset(self)
        left = 0
        for key in self._drawn:
            if place is not None and left <= place.x < left + key.cells:
                self.app.simulate_key(key.key)
                return
            left += key.cells + _GAP
