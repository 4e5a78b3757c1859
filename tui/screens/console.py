"""The console's one standing screen: the headline, the line of panes, a pane, the keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual import work
from textual.app import ComposeResult
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from claudemail.clock import WallClock
from claudemail.office import Office
from claudemail.tui.bindings import CONSOLE, WRITE
from claudemail.tui.messages import AsideChanged, Done, Go, Write
from claudemail.tui.moments import to_minute
from claudemail.tui.needs import Need, NodeState, node_state
from claudemail.tui.panes.actions import ActionsPane
from claudemail.tui.panes.checkup import CheckupPane
from claudemail.tui.panes.inbox import InboxPane
from claudemail.tui.panes.nodes import NodesPane
from claudemail.tui.panes.pane import Pane
from claudemail.tui.panes.roster import RosterPane
from claudemail.tui.places import Place, Where
from claudemail.tui.screens.help import HelpScreen
from claudemail.tui.trouble import EXPECTED, in_words, told
from claudemail.tui.undo import Undo
from claudemail.tui.widgets.headline import WIDE, Headline
from claudemail.tui.widgets.key_line import KeyLine
from claudemail.tui.widgets.notice import Notice
from claudemail.tui.widgets.sent_line import SentLine
from claudemail.tui.widgets.tab_bar import TabBar
from claudemail.tui.writing_desk import StartGateway, WritingDesk

_PANES: tuple[type[Pane], ...] = (InboxPane, ActionsPane, RosterPane, NodesPane, CheckupPane)


class ConsoleScreen(Screen[None]):
    """Shows the node of an office."""

    AUTO_FOCUS = "#list"
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """What has the keys. What gets or loses them draws itself; Textual would draw the whole screen."""
    BINDINGS = [*WRITE, *CONSOLE]  # noqa: RUF012 - as Textual has it

    def __init__(
        self,
        office: Office,
        wall: WallClock,
        start_gateway: StartGateway | None = None,
        kept: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the screen; `kept` is what a former one remembered."""
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self._office = office
        self._wall = wall
        self._headline = Headline(id="headline")
        self._tabs = TabBar(id="tabs")
        self._notice = Notice(id="notice")
        self._panes = {kind.WHERE: kind(office, wall, id=kind.WHERE) for kind in _PANES}
        self._switcher = ContentSwitcher(id="panes", initial=Where.INBOX)
        self._sent = SentLine(id="sent")
        self.desk = WritingDesk(self, office, wall, self._sent, start_gateway)
        """Where briefs are written."""
        self._undo = Undo()
        self._needed = 0
        self._kept = kept or {}
        self.at = Where.INBOX
        """The pane that is seen."""

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield self._headline
        yield self._tabs
        yield self._notice
        with self._switcher:
            yield from self._panes.values()
        yield self._sent
        yield KeyLine(id="keys")

    def on_mount(self) -> None:
        """Take up what a former console remembered, and look for what it was still to send."""
        self._recall()
        self.run_worker(self.desk.look(), group="look")

    def _recall(self) -> None:
        panes = self._kept.get("panes")
        for where, pane in self._panes.items():
            kept = panes.get(where) if isinstance(panes, dict) else None
            if isinstance(kept, dict):
                pane.recall(kept)
        if self._kept.get("pane") in list(Where):
            self.show_pane(Where(self._kept["pane"]))

    def memory(self) -> dict[str, Any]:
        """Return what the next console is to remember, as JSON has it."""
        return {"pane": self.at.value, "panes": {where.value: pane.memory() for where, pane in self._panes.items()}}

    @property
    def state(self) -> NodeState | None:
        """The state of the node that the headline tells."""
        return self._headline.state

    @property
    def pane(self) -> Pane:
        """The pane that is seen."""
        return self._panes[self.at]

    @property
    def _checkup(self) -> CheckupPane:
        pane = self._panes[Where.CHECKUP]
        assert isinstance(pane, CheckupPane)
        return pane

    async def refresh_all(self) -> None:
        """Ask the office for everything that is shown. What cannot be known is said, and asked for again next time."""
        words = ""
        try:
            await self.pane.refresh_pane()
            checkup = await self._checkup.examined.lately()
            self._headline.state = await node_state(self._office, to_minute(self._wall()), checkup)
            await self.desk.refresh()
        except EXPECTED as error:
            words = in_words(error)
        self._notice.say(words)
        self._say_tabs()

    def _say_tabs(self) -> None:
        state = self._headline.state
        self._tabs.say(self.at, {} if state is None else state.counts, self.pane.aside)

    def show_pane(self, where: Where) -> None:
        """Show a pane, with the keys, and have it ask what is new."""
        if where is not self.at:
            self.at = where
            self._switcher.current = where
            self._say_tabs()
            self.run_worker(self._refresh_pane(), group="pane")
        self.pane.take_keys()

    async def _refresh_pane(self) -> None:
        with told(self):
            await self.pane.refresh_pane()
        self._say_tabs()

    def on_go(self, event: Go) -> None:
        """Take the reader to a place."""
        event.stop()
        self._go(event.place)

    @work(group="go", exclusive=True)
    async def _go(self, place: Place) -> None:
        self.show_pane(place.where)
        with told(self):
            await self.pane.refresh_pane()
            if place.what is not None or place.mailbox is not None:
                await self.pane.go(place)
        self._say_tabs()

    def on_write(self, event: Write) -> None:
        """Have a brief written."""
        event.stop()
        self.run_worker(self.desk.write(event), group="write")

    def on_sent_line_clicked(self, event: SentLine.Clicked) -> None:
        """Take back what can be taken back; go to what was sent."""
        event.stop()
        if not self.desk.take_back():
            self.desk.show_last()

    def action_compose(self) -> None:
        """Write a brief."""
        self.post_message(Write())

    def on_aside_changed(self, event: AsideChanged) -> None:
        """Say what the pane says of itself now."""
        event.stop()
        self._say_tabs()

    def on_done(self, event: Done) -> None:
        """Note what was done, and say how it is undone."""
        event.stop()
        self._undo.did(event.words, event.undo)
        self.app.notify(f"{event.words}   u undoes it", timeout=4, markup=False)

    def on_tab_bar_clicked(self, event: TabBar.Clicked) -> None:
        """Show the pane that was clicked."""
        event.stop()
        self.show_pane(event.where)

    def action_pane(self, name: str) -> None:
        """Show a pane."""
        self.show_pane(Where(name))

    def action_turn(self, by: int) -> None:
        """Show the next pane, or the one before."""
        order = list(Where)
        self.show_pane(order[(order.index(self.at) + by) % len(order)])

    def action_needs_you(self) -> None:
        """Go to the next thing that needs a person; pressed again, to the one after it."""
        needs: tuple[Need, ...] = () if self._headline.state is None else self._headline.state.needs
        if not needs:
            self.app.notify("Nothing needs you.", timeout=3, markup=False)
            return
        self._needed = self._needed % len(needs)
        need = needs[self._needed]
        self._needed += 1
        self.post_message(Go(need.place))

    def action_undo(self) -> None:
        """Undo what was done last; a brief that has not gone yet is taken back before all else."""
        if not self.desk.take_back():
            self.run_worker(self._undo_last(), group="undo")

    async def _undo_last(self) -> None:
        with told(self):
            words = await self._undo.back()
            said = "There is nothing to undo." if words is None else f"Undone: {words}"
            self.app.notify(said, timeout=4, markup=False)

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(HelpScreen(list(self.active_bindings.values())))

    async def action_quit(self) -> None:
        """Leave the console, once all that was sent has gone."""
        await self.app.action_quit()
