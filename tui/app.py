"""The console's app: it opens the office, keeps what is shown fresh, and leaves the rest to screens and panes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.actions import ActionParseResult
from textual.app import App
from textual.dom import DOMNode
from textual.notifications import SeverityLevel
from textual.types import CSSPathType
from textual.widgets import Input, TextArea

from claudemail import running
from claudemail.clock import WallClock, wall_ms
from claudemail.config import Config
from claudemail.errors import ClaudeMailError, InvalidInput
from claudemail.office import Office
from claudemail.text import scrub, scrub_line
from claudemail.themes import loader
from claudemail.tui import memory, palette
from claudemail.tui.attention import Attention
from claudemail.tui.hanging_up import hung_up
from claudemail.tui.keymap import usable
from claudemail.tui.screens.console import ConsoleScreen
from claudemail.tui.screens.palette import PaletteScreen
from claudemail.tui.trouble import told
from claudemail.tui.type_ahead import ASKING, LEAVING, TypeAhead
from claudemail.tui.writing_desk import StartGateway

_SHORTEST_REFRESH_S = 0.1
"""Changes that come faster are taken in together."""
_LONGEST_REFRESH_S = 10.0
"""What no commit tells of, such as a gateway that died or a node gone silent, is seen after this long."""
_MISTAKES_S = 15
"""How long mistakes in keymap and themes are shown."""
_GARBAGE = (50_000, 20, 50)
"""Thresholds of the collector. With Python's own it took a third of the time from a key to its paint on the board."""
_LOOK_EVERY_S = 5.0
_ANSI_THEME = "ansi-dark"
_STYLED = (
    "screens/console",
    "screens/help",
    "screens/ask",
    "screens/compose",
    "screens/palette",
    "panes/inbox",
    "panes/actions",
    "panes/beside",
    "panes/roster",
    "widgets/headline",
    "widgets/tab_bar",
    "widgets/notice",
    "widgets/row_list",
    "widgets/key_line",
    "widgets/reading",
    "widgets/brief_pane",
    "widgets/preview",
    "widgets/sent_line",
    "widgets/facts",
    "widgets/lane_strip",
    "widgets/action_detail",
    "widgets/thread_pane",
    "widgets/find_line",
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
        self._no_color = "NO_COLOR" in os.environ
        super().__init__(ansi_color=True if self._no_color else None)
        self._office = office
        settings = office.config.console
        kept = memory.load(office.config.state_dir)
        self._kept = kept
        self._console = ConsoleScreen(office, wall, start_gateway, kept)
        bell = settings.bell and kept.get("bell") is not False
        self._attention = Attention(office.config.node_id, self._to_terminal, time.monotonic, bell=bell)
        self.ahead = TypeAhead(time.monotonic)
        """What is typed before there is a line for it."""
        self._told: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        self.asked = 0
        """How often the office has been asked what is new."""
        keys, self._mistakes = usable(settings.keymap)
        self.set_keymap(keys)
        self._register_themes()
        self.theme = _ANSI_THEME if self._no_color else self._first_theme(theme, kept.get("theme"), settings.theme)

    def _register_themes(self) -> None:
        """Make the themes known that come with ClaudeMail, and the operator's own, which stand beside the config file."""
        config = self._office.config
        folder = Path(config.path).parent if config.path else Path(config.state_dir)
        own, mistakes = loader.own(folder / "themes")
        self._mistakes += mistakes
        self._ours = []
        for one in (*loader.builtin(), *own):
            self.register_theme(one)
            self._ours.append(one.name)

    def _first_theme(self, asked: str | None, kept: object, configured: str | None) -> str:
        """Return the theme to begin with: what was asked for, what was used last, what the config says, or the dark one.

        Raises:
            InvalidInput: there is none of the name that was asked for.
        """
        known = self.available_themes
        if asked is not None:
            found = loader.find(asked, known)
            if found is None:
                raise InvalidInput(f"There is no theme {asked!r}.", remedy=f"There are: {', '.join(sorted(known))}.")
            return found
        if isinstance(kept, str) and kept in known:
            return kept
        if configured is None:
            return loader.DARK
        found = loader.find(configured, known)
        if found is None:
            self._mistakes.append(f"console.theme: there is no theme {configured!r}.")
        return found or loader.DARK

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the console's own colours for themes that do not name them."""
        return loader.defaults(self.current_theme)

    def get_default_screen(self) -> ConsoleScreen:
        """Return the standing screen."""
        return self._console

    def on_mount(self) -> None:
        """Listen to the office."""
        self._unsubscribe = self._office.subscribe(self.ask_again)

    def on_ready(self) -> None:
        """Begin to keep what is shown fresh."""
        self._attention.begin()
        if self._mistakes:
            self.notify(
                "\n".join(map(scrub_line, self._mistakes)), severity="warning", timeout=_MISTAKES_S, markup=False
            )
        self.set_interval(_LONGEST_REFRESH_S, self.ask_again)
        if not self.is_headless and not self.is_web and sys.stdin.isatty():
            self.set_interval(_LOOK_EVERY_S, self._leave_with_the_terminal)
        self.run_worker(self._keep_fresh(), name="refresh")

    def _leave_with_the_terminal(self) -> None:
        """End when the terminal is gone and no signal said so, as for a console that has none of its own to be signalled by."""
        if hung_up(sys.stdin.fileno()):
            self.exit(return_code=1)

    def on_unmount(self) -> None:
        """Stop listening to the office, and leave the terminal as it was."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._remember()
        self._attention.end()

    def _to_terminal(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)

    async def on_event(self, event: events.Event) -> None:
        """Note that somebody is there, and hold keys and pastes back that are for a line which is to come."""
        if isinstance(event, events.Key | events.Paste | events.MouseEvent):
            self._attention.touched()
        if isinstance(event, events.Key | events.Paste) and self.ahead.take(event):
            return
        leaving = event if isinstance(event, events.Key) and event.key in LEAVING and not event.is_forwarded else None
        await super().on_event(event)
        if leaving is not None and isinstance(field := self.focused, Input):
            self.ahead.wait(leaving)
            self._follow(field, lambda: self._follow(field, lambda: self._arrived(leaving)))

    def _follow(self, node: DOMNode | None, then: Callable[[], None]) -> None:
        """Go the way of a message from a node up to the app, behind it, and then do something.

        A key by which a line is left comes up to the app that way, and what the app has the line do of it, once more.
        """
        if node is None or node is self:  # a screen that comes to be seen again takes its focus up first
            self.screen.call_later(self.call_later, then)
        else:
            node.call_later(node.call_later, self._follow, node.parent, then)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key is for, and note whether a line to type into is to come of it."""
        asks = isinstance(action, str) and action.removeprefix("app.") in ASKING
        if asks:
            self.ahead.wait()
        done = await super().run_action(action, default_namespace, namespaces)
        if asks and not done:
            self._give_back()
        return done

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Give what was typed ahead to the line it was for."""
        if isinstance(event.widget, Input | TextArea) and self.ahead.passing is None:
            self._give_back()

    def _arrived(self, key: events.Key) -> None:
        if self.ahead.passing is key:
            self._give_back()

    def _give_back(self) -> None:
        for typed in self.ahead.release():
            self.post_message(typed)

    def on_app_focus(self) -> None:
        """Note that the terminal has the focus."""
        self._attention.focus(has=True)

    def on_app_blur(self) -> None:
        """Note that the terminal has the focus no more."""
        self._attention.focus(has=False)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Tell something, never as markup; trouble that is told of already, and to be read still, not once more."""
        del markup
        now = time.monotonic()
        if severity == "error" and now < self._told.get(message, now):
            return
        self._told = {words: until for words, until in self._told.items() if now < until}
        self._told[message] = now + (self.NOTIFICATION_TIMEOUT if timeout is None else timeout)
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def _remember(self) -> None:
        """Write down what the next console is to remember, if it has changed."""
        kept = {"theme": self._kept.get("theme"), "bell": self._attention.bell, **self._console.memory()}
        if not self._no_color:
            kept["theme"] = self.theme
        if kept != self._kept:
            self._kept = kept
            with contextlib.suppress(OSError):  # a comfort, and worth no error
                memory.save(self._office.config.state_dir, kept)

    def action_next_theme(self) -> None:
        """Change to the next of our themes and the operator's own."""
        place = self._ours.index(self.theme) + 1 if self.theme in self._ours else 0
        self.action_wear(self._ours[place % len(self._ours)])

    def action_wear(self, name: str) -> None:
        """Change to a theme."""
        if self._no_color:
            self.notify("NO_COLOR is set, so the terminal's own colours are used.", timeout=4, markup=False)
            return
        self.theme = name
        self.notify(f"Theme {name}", timeout=2, markup=False)
        self.ask_again()

    def action_switch_bell(self) -> None:
        """Let the bell ring for urgent mail, or not."""
        self._attention.bell = not self._attention.bell
        self.notify(f"The bell is {'on' if self._attention.bell else 'off'}.", timeout=3, markup=False)
        self.ask_again()

    def action_show_last(self) -> None:
        """Go to the brief that was sent last."""
        self._console.desk.show_last()

    def action_palette(self) -> None:
        """Find a command, a name or a brief."""
        self.run_worker(self._run_command(), group="palette", exclusive=True)

    async def _run_command(self) -> None:
        active = list(self._console.active_bindings.values())
        display = {one.binding.id: self.get_key_display(one.binding) for one in active if one.binding.id}
        commands = [
            *palette.of_bindings(active, display),
            *palette.of_panes(),
            *palette.of_app(bell=self._attention.bell),
            *palette.of_themes(self._ours, self.theme),
        ]
        with told(self):
            commands += palette.of_names(await self._office.directory())
        command = await self.push_screen_wait(PaletteScreen(self._office, commands))
        if command is None:
            return
        if command.message is not None:
            self._console.post_message(command.message)
        elif command.action is not None:
            await self.run_action(command.action, command.node)

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
            if (state := self._console.state) is not None:
                self._attention.see(state.unread, state.urgent)
            self._remember()
            await asyncio.sleep(_SHORTEST_REFRESH_S)


def run(config: Config, *, theme: str | None = None) -> None:
    """Open the console of this node and return when it is closed. What keeps it from opening is printed as text."""
    gc.freeze()  # what is imported stays
    gc.set_threshold(*_GARBAGE)
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
