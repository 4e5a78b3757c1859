"""What the five panes have in common."""

from __future__ import annotations

from typing import ClassVar

from textual.widget import Widget

from claudemail.clock import WallClock
from claudemail.office import Office
from claudemail.tui.copying import copy
from claudemail.tui.moments import to_minute
from claudemail.tui.places import Place, Where


class Pane(Widget):
    """One of the five. Only the one that is seen asks the office for anything."""

    WHERE: ClassVar[Where]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.office = office
        """The node's office."""
        self.wall = wall
        """The clock that ages are counted by."""

    @property
    def now(self) -> int:
        """What ages are counted to, Unix milliseconds."""
        return to_minute(self.wall())

    async def refresh_pane(self) -> None:
        """Ask again for what is shown, and show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        raise NotImplementedError

    def take_keys(self) -> None:
        """Give the keys to what is to have them when the pane is come to."""
        raise NotImplementedError

    @property
    def aside(self) -> str:
        """What stands at the end of the line of panes while this one is seen: what it is narrowed to, say."""
        return ""

    async def go(self, place: Place) -> None:
        """Show what is wanted; what is not there any more is told."""
        raise NotImplementedError

    def copy_out(self, text: str, what: str) -> None:
        """Copy a text, and say so; `what` is what it is called."""
        self.run_worker(self._copy_out(text, what), group="copy")

    async def _copy_out(self, text: str, what: str) -> None:
        await copy(self.app, text)
        self.app.notify(f"Copied {what}.", timeout=3, markup=False)

    def memory(self) -> dict[str, object]:
        """Return what the pane is to remember of itself for the next console, as JSON has it."""
        return {}

    def recall(self, kept: dict[str, object]) -> None:
        """Take up what a former console remembered; what does not fit is passed over."""
