"""The console's app: it opens the office, keeps what is shown fresh, and leaves the rest to screens and panes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.types import CSSPathType

from claudemail import running
from claudemail.clock import WallClock, wall_ms
from claudemail.config import Config
from claudemail.errors import ClaudeMailError
from claudemail.office import Office
from claudemail.text import scrub
from claudemail.themes.loader import DARK, builtin, defaults
from claudemail.tui.screens.console import ConsoleScreen
from claudemail.tui.writing_desk import StartGateway

_SHORTEST_REFRESH_S = 0.1
"""Changes that come faster are taken in together."""
_LONGEST_REFRESH_S = 10.0
"""What no commit tells of, such as a gateway that died or a node gone silent, is seen after this long."""
_ANSI_THEME = "ansi-dark"
_STYLED = (
    "screens/console",
    "screens/help",
    "screens/ask",
    "screens/compose",
    "panes/inbox",
    "panes/actions",
    "panes/roster",
    "panes/nodes",
    "panes/checkup",
    "widgets/headline",
    "widgets/tab_bar",
    "widgets/notice",
    "widgets/row_list",
    "widgets/brief_pane",
    "widgets/preview",
    "widgets/sent_line",
)
"""What has a stylesheet beside it. The paths are whole, so that a subclass elsewhere finds them too."""


class ConsoleApp(App[None]):
    """The console of a node, used as its operator."""

    TITLE = "ClaudeMail"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH: ClassVar[CSSPathType] = [Path(__file__).parent / f"{name}.tcss" for name in _STYLED]

    def __init__(
        self,
        office: Office,
        *,
        wall: WallClock = wall_ms,
        theme: str | None = None,
        start_gateway: StartGateway | None = None,
    ) -> None:
        """Make the console.

        Args:
            office: the office of the node.
            wall: the clock that ages are counted by.
            theme: the name of a theme; None: the dark one, or the terminal's own colours where NO_COLOR is set.
            start_gateway: has mail for other nodes carried; None: whoever runs a gateway sees to that.
        """
        # Without `ansi_color`, NO_COLOR would paint everything in shades of grey instead of leaving colours alone.
        no_color = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if no_color else None)
        self._office = office
        self._console = ConsoleScreen(office, wall, start_gateway)
        self._changed = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        self.asked = 0
        """How often the office has been asked what is new."""
        for one in builtin():
            self.register_theme(one)
        self.theme = _ANSI_THEME if no_color else theme or DARK

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the console's own colours for themes that do not name them."""
        return defaults(self.current_theme)

    def get_default_screen(self) -> ConsoleScreen:
        """Return the standing screen."""
        return self._console

    def on_mount(self) -> None:
        """Listen to the office."""
        self._unsubscribe = self._office.subscribe(self.ask_again)

    def on_ready(self) -> None:
        """Begin to keep what is shown fresh."""
        self.set_interval(_LONGEST_REFRESH_S, self.ask_again)
        self.run_worker(self._keep_fresh(), name="refresh")

    def on_unmount(self) -> None:
        """Stop listening to the office."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    async def action_quit(self) -> None:
        """Leave the console, once all that was sent has gone; somebody who has just left drafts behind is told first."""
        if await self._console.desk.may_quit():
            self.exit()

    def ask_again(self) -> None:
        """Have the office asked what is new, now or a moment after it was asked last."""
        self._changed.set()

    async def _keep_fresh(self) -> None:
        self.ask_again()
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._console.refresh_all()
            self.asked += 1
            await asyncio.sleep(_SHORTEST_REFRESH_S)


def run(config: Config, *, theme: str | None = None) -> None:
    """Open the console of this node and return when it is closed. What keeps it from opening is printed as text."""
    try:
        code = asyncio.run(_run(config, theme))
    except ClaudeMailError as error:
        sys.stderr.write(f"claudemail: {scrub(str(error))}\n")
        raise SystemExit(error.exit_code) from error
    if code:
        raise SystemExit(code)


async def _run(config: Config, theme: str | None) -> int:
    async with await Office.open(config) as office:
        app = ConsoleApp(office, theme=theme, start_gateway=lambda: running.start(config))
        await app.run_async()
        return app.return_code or 0
