"""The checkup pane."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from claudemail.tui.panes.pane import Pane
from claudemail.tui.places import Place, Where
from claudemail.tui.widgets.row_list import RowList


class CheckupPane(Pane):
    """To be written."""

    WHERE: ClassVar[Where] = Where.CHECKUP

    def compose(self) -> ComposeResult:
        """Lay out the pane."""
        yield RowList[str](id="list-checkup")

    async def refresh_pane(self) -> None:
        """Show what has changed."""

    def take_keys(self) -> None:
        """Give the keys to the list."""
        self.query_one(RowList).focus()

    async def go(self, place: Place) -> None:
        """Show what is wanted."""
