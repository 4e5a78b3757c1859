"""A pane of a list and a text about the row under the cursor: beside it where there is room, below or over it where not."""

from __future__ import annotations

from typing import ClassVar, Generic

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from claudemail.clock import WallClock
from claudemail.office import Office
from claudemail.tui.bindings import BACK, SIDES
from claudemail.tui.panes.pane import Pane
from claudemail.tui.widgets.facts import Facts
from claudemail.tui.widgets.headline import WIDE
from claudemail.tui.widgets.row_list import Row, RowList


class BesidePane(Pane, Generic[Row]):
    """List and text. With the class `-below` the narrow form has both, without it the text only once it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [*BACK, *SIDES]

    def __init__(self, office: Office, wall: WallClock, listing: RowList[Row], *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self.listing = listing
        """The list."""
        self.facts = Facts()
        """The text about the row under the cursor."""

    def compose(self) -> ComposeResult:
        """Lay out the list and the text."""
        yield self.listing
        yield self.facts

    @property
    def wide(self) -> bool:
        """Whether the two are side by side."""
        return self.size.width >= WIDE

    @property
    def reading(self) -> bool:
        """Whether the text was opened over the list."""
        return self.has_class("-reading")

    def take_keys(self) -> None:
        """Give the keys to the list, or to the text where only that is seen."""
        self.screen.set_focus(self.facts if self.reading and not self.wide else self.listing)

    def about(self, row: Row) -> Content:
        """Return the text about a row."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the text about the row under the cursor."""
        row = self.listing.current
        if row is None:
            self.facts.show(None, Content())
        else:
            self.facts.show(self.listing.key(row), self.about(row))

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Draw the text about another row."""
        event.stop()
        self.draw()

    def read(self) -> None:
        """Give the keys to the text, over the list where it is narrow."""
        self.add_class("-reading")
        self.screen.set_focus(self.facts)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back needs something to go back from; two sides need room."""
        del parameters
        if action == "back":
            return True if self.reading or self.facts.has_focus or self.has_class("-zoom") else None
        return True if action not in ("other", "zoom") or self.wide or self.has_class("-below") else None

    def action_back(self) -> None:
        """Go back to the list."""
        self.remove_class("-reading", "-zoom")
        self.screen.set_focus(self.listing)

    def action_other(self) -> None:
        """Give the keys to the text, or back to the list."""
        if self.has_class("-zoom"):
            self.toggle_class("-zoom-facts")
        self.screen.set_focus(self.listing if self.facts.has_focus else self.facts)

    def action_zoom(self) -> None:
        """Give all of the room to the side that has the keys, or take that back."""
        self.toggle_class("-zoom")
        self.set_class(self.has_class("-zoom") and self.facts.has_focus, "-zoom-facts")

    def on_resize(self) -> None:
        """Do not leave the keys where nothing is seen, and tell in more or fewer words."""
        if not self.wide and not self.reading and not self.has_class("-below") and self.facts.has_focus:
            self.screen.set_focus(self.listing)
        self.draw()
