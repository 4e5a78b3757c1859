"""Every key of the console, each with an id, so that a keymap can move it. One key means one thing everywhere."""

from __future__ import annotations

from textual.binding import Binding, BindingType

MOVE: list[BindingType] = [
    Binding("j,down", "down", "Down", id="move.down", show=False),
    Binding("k,up", "up", "Up", id="move.up", show=False),
    Binding("ctrl+d,pagedown", "half_down", "Half a page down", id="move.half_down", show=False),
    Binding("ctrl+u,pageup", "half_up", "Half a page up", id="move.half_up", show=False),
    Binding("g,home", "first", "To the first", id="move.first", show=False),
    Binding("G,end", "last", "To the last", id="move.last", show=False),
]
"""Moving the cursor in a list, and scrolling a text."""

OPEN: list[BindingType] = [
    Binding("enter", "open", "open", id="inbox.open", key_display="enter", tooltip="Open; your own mail is then read"),
]

READ: list[BindingType] = [
    Binding("escape", "back", "back", id="brief.back", tooltip="Back to the list"),
    Binding("tab,shift+tab", "other", "list or brief", id="pane.other", show=False, tooltip="Between list and brief"),
]
"""Between the list and the brief."""

CONSOLE: list[BindingType] = [
    Binding("question_mark", "help", "help", id="console.help", key_display="?", tooltip="Show the keys"),
    Binding("q", "app.quit", "quit", id="console.quit", tooltip="Quit; mail goes on without the console"),
]

CLOSE: list[BindingType] = [
    Binding("escape,question_mark", "dismiss", "back", id="help.close", key_display="esc", tooltip="Close this screen"),
]
