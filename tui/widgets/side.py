"""The side of the inbox where mail is read: a brief, its whole thread, or its source."""

from __future__ import annotations

from enum import StrEnum

from textual.app import ComposeResult
from textual.widget import Widget

from claudemail.model.views import BriefView, ThreadView
from claudemail.tui.widgets.brief_pane import BriefPane
from claudemail.tui.widgets.reading import Reading
from claudemail.tui.widgets.source_pane import SourcePane
from claudemail.tui.widgets.thread_pane import ThreadPane


class Mode(StrEnum):
    """What of a brief is shown."""

    BRIEF = "brief"
    THREAD = "thread"
    SOURCE = "source"


class Side(Widget):
    """Shows one of the three."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.mode = Mode.BRIEF
        """Which of them is seen."""
        self.brief = BriefPane(id="brief")
        """The brief."""
        self.thread = ThreadPane(id="whole-thread")
        """The thread."""
        self.source = SourcePane(id="source")
        """The source."""
        self._panes: dict[Mode, Reading] = {
            Mode.BRIEF: self.brief, Mode.THREAD: self.thread, Mode.SOURCE: self.source,
        }  # fmt: skip

    def compose(self) -> ComposeResult:
        """Lay out the three, of which the brief is seen first."""
        for mode, pane in self._panes.items():
            pane.display = mode is self.mode
            yield pane

    @property
    def seen(self) -> Reading:
        """What is seen."""
        return self._panes[self.mode]

    @property
    def has_keys(self) -> bool:
        """Whether what is seen has the keys."""
        return self.seen.has_focus

    @property
    def view(self) -> BriefView | None:
        """The brief that is shown; of a thread the one that is picked out."""
        return self.thread.view if self.mode is Mode.THREAD else self.brief.view

    def turn(self, mode: Mode) -> None:
        """Show another of the three; the keys go along."""
        if mode is not self.mode:
            had_keys = self.has_keys
            self.mode = mode
            for one, pane in self._panes.items():
                pane.display = one is mode
            if had_keys:
                self.screen.set_focus(self.seen)

    async def show(self, view: BriefView | None, now_ms: int) -> None:
        """Show a brief, or nothing, as a brief; its source is ready as well where that is seen."""
        if (view and view.brief.id) != (self.brief.view and self.brief.view.brief.id):
            self.turn(Mode.BRIEF)
        await self.brief.show(view, now_ms)
        if view is not None and self.mode is Mode.SOURCE:
            self.source.show(view.brief)

    async def show_thread(self, thread: ThreadView, at: str | None, now_ms: int) -> None:
        """Show a thread, the brief with the id `at` picked out; None: the one that is."""
        await self.thread.show(thread, at, now_ms)
        self.turn(Mode.THREAD)

    def show_source(self, view: BriefView) -> None:
        """Show a brief's source."""
        self.source.show(view.brief)
        self.turn(Mode.SOURCE)
