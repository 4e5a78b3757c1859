"""The console's one standing screen: the headline, a pane, the keys."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from claudemail.clock import WallClock
from claudemail.office import Office
from claudemail.tui.bindings import CONSOLE
from claudemail.tui.moments import to_minute
from claudemail.tui.needs import node_state
from claudemail.tui.panes.inbox import InboxPane
from claudemail.tui.screens.help import HelpScreen
from claudemail.tui.trouble import EXPECTED, in_words
from claudemail.tui.widgets.headline import WIDE, Headline
from claudemail.tui.widgets.notice import Notice


class ConsoleScreen(Screen[None]):
    """Shows the node of an office."""

    AUTO_FOCUS = "#list"
    BINDINGS = CONSOLE

    def __init__(self, office: Office, wall: WallClock) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self._office = office
        self._wall = wall
        self._headline = Headline(id="headline")
        self._notice = Notice(id="notice")
        self._inbox = InboxPane(office, wall, id="inbox")

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield self._headline
        yield self._notice
        yield self._inbox
        yield Footer(compact=True, show_command_palette=False)

    async def refresh_all(self) -> None:
        """Ask the office for everything that is shown. What cannot be known is said, and asked for again next time."""
        words = ""
        try:
            await self._inbox.refresh_mail()
            self._headline.state = await node_state(self._office, to_minute(self._wall()))
        except EXPECTED as error:
            words = in_words(error)
        self._notice.say(words)

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(HelpScreen(list(self.active_bindings.values())))
