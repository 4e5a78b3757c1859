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
    Binding("enter", "open", "open", id="open", key_display="enter", tooltip="Open; your own mail is then read"),
]

MARK: list[BindingType] = [
    Binding("space", "mark", "mark", id="mark", show=False, tooltip="Mark, to act on all that are marked"),
]

BACK: list[BindingType] = [
    Binding("escape", "back", "back", id="back", tooltip="One step back"),
]

SIDES: list[BindingType] = [
    Binding("tab,shift+tab", "other", "other side", id="pane.other", show=False, tooltip="To the other side"),
    Binding("z", "zoom", "zoom", id="pane.zoom", show=False, tooltip="All of the room for one side, and back"),
]
"""For panes that show two things side by side."""

FIND: list[BindingType] = [
    Binding("slash", "find", "find", id="find", key_display="/", tooltip="Find, as you type"),
    Binding("n", "find_next", "next found", id="find.next", show=False, tooltip="To the next that was found"),
    Binding("N", "find_previous", "previous found", id="find.previous", show=False, tooltip="To the one found before"),
]

FILTER: list[BindingType] = [
    Binding("f", "filter", "filter", id="filter", tooltip="The next filter"),
    Binding("w", "mine", "mine", id="filter.mine", show=False, tooltip="Only mine, or all"),
    Binding("m", "whose", "whose", id="filter.whose", show=False, tooltip="Choose whose"),
]

COPY: list[BindingType] = [
    Binding("y", "copy", "copy", id="copy", show=False, tooltip="Copy the text"),
    Binding("Y", "copy_id", "copy id", id="copy.id", show=False, tooltip="Copy what it goes by"),
]

BELONGS: list[BindingType] = [
    Binding("o", "belongs", "belongs to", id="belongs", show=False, tooltip="Jump to what it belongs to"),
]

TRY: list[BindingType] = [
    Binding("p", "ping", "ping", id="try.ping", tooltip="Ask the node whether it is there"),
    Binding(
        "ctrl+r", "retry", "try again", id="try.again", show=False, tooltip="Try at once what has not come through"
    ),
]

WRITE: list[BindingType] = [
    Binding("c", "compose", "compose", id="mail.compose", tooltip="Write a brief"),
]

ANSWER: list[BindingType] = [
    Binding("r", "reply", "reply", id="mail.reply", tooltip="Answer its sender"),
    Binding("R", "reply_all", "reply to all", id="mail.reply_all", show=False, tooltip="Answer all of its people"),
    Binding("F", "forward", "forward", id="mail.forward", show=False, tooltip="Pass it on"),
]

MAIL: list[BindingType] = [
    Binding("s", "star", "star", id="mail.star", show=False, tooltip="Star, or take the star away"),
    Binding("U", "unread", "unread", id="mail.unread", show=False, tooltip="Your own mail unread again, for you alone"),
    Binding("M", "all_read", "all read", id="mail.all_read", show=False, tooltip="Mark all of your own mail read"),
    Binding("v", "source", "source", id="mail.source", show=False, tooltip="Show it as it was written, and back"),
    Binding("i", "thread", "thread", id="mail.thread", show=False, tooltip="Show all of its thread, and back"),
    Binding("J", "next", "next", id="mail.next", show=False, tooltip="To the next brief"),
    Binding("K", "previous", "previous", id="mail.previous", show=False, tooltip="To the brief before"),
]

TRIAGE: list[BindingType] = [
    Binding("h,left", "left", "lane to the left", id="action.left", show=False),
    Binding("l,right", "right", "lane to the right", id="action.right", show=False),
    Binding("H", "move_left", "move left", id="action.move_left", show=False, tooltip="Move to the lane on the left"),
    Binding(
        "L", "move_right", "move", id="action.move_right", key_display="H L", tooltip="Move to the lane on the right"
    ),
    Binding("a", "assign", "assign", id="action.assign", tooltip="Give it to somebody"),
    Binding("t", "due", "due", id="action.due", tooltip="Say until when"),
    Binding("d", "done", "done", id="action.done", tooltip="It is done"),
    Binding("n", "new", "new", id="action.new", tooltip="Make an action"),
    Binding("plus,equals_sign", "more", "priority", id="action.more", key_display="+ -", tooltip="More pressing"),
    Binding("minus", "less", "less", id="action.less", show=False, tooltip="Less pressing"),
    Binding("e", "edit", "edit", id="action.edit", show=False, tooltip="Write its text anew"),
    Binding("E", "note", "note", id="action.note", show=False, tooltip="Note how it stands"),
    Binding("x", "drop", "drop", id="action.drop", show=False, tooltip="Drop it: it need not be done"),
]

SNOOZE: list[BindingType] = [
    Binding("x", "snooze", "snooze", id="checkup.snooze", tooltip="Do not tell of it for a day, or tell again"),
]

CONSOLE: list[BindingType] = [
    Binding("1", "pane('inbox')", "Inbox", id="pane.inbox", show=False),
    Binding("2", "pane('actions')", "Actions", id="pane.actions", show=False),
    Binding("3", "pane('roster')", "Roster", id="pane.roster", show=False),
    Binding("4", "pane('nodes')", "Nodes", id="pane.nodes", show=False),
    Binding("5", "pane('checkup')", "Checkup", id="pane.checkup", show=False),
    Binding("left_square_bracket", "turn(-1)", "Pane before", id="pane.before", key_display="[", show=False),
    Binding("right_square_bracket", "turn(1)", "Next pane", id="pane.after", key_display="]", show=False),
    Binding(
        "exclamation_mark", "needs_you", "needs you", id="console.needs", key_display="!", show=False,
        tooltip="The next thing that needs you",
    ),
    Binding("u", "undo", "undo", id="console.undo", show=False, tooltip="Undo what you did last"),
    Binding(
        "colon,ctrl+p", "app.palette", "commands", id="console.palette", key_display=":", show=False,
        tooltip="Find a command, a name or a brief",
    ),
    Binding("T", "app.next_theme", "theme", id="console.theme", show=False, tooltip="The next theme"),
    Binding("question_mark", "help", "help", id="console.help", key_display="?", tooltip="Show the keys"),
    Binding("q", "quit", "quit", id="console.quit", tooltip="Quit; mail goes on without the console"),
]  # fmt: skip

CLOSE: list[BindingType] = [
    Binding("escape,question_mark", "dismiss", "back", id="help.close", key_display="esc", tooltip="Close this screen"),
    Binding("q", "app.quit", "quit", id="help.quit", tooltip="Quit; mail goes on without the console"),
]

COMPOSE: list[BindingType] = [
    Binding("ctrl+s", "send", "send", id="compose.send", priority=True, tooltip="Send it"),
    Binding("ctrl+p", "preview", "preview", id="compose.preview", priority=True, tooltip="As it will look, and back"),
    Binding("ctrl+e", "editor", "edit", id="compose.editor", priority=True, tooltip="Write it in $EDITOR"),
    Binding("escape", "leave", "keep", id="compose.leave", tooltip="Leave; the draft is kept"),
    Binding("ctrl+g", "discard", "discard", id="compose.discard", priority=True, tooltip="Throw the draft away"),
    Binding("ctrl+t", "priority", "priority", id="compose.priority", priority=True, tooltip="The next priority"),
]
"""While a brief is written, all letters are text, so that its keys are others than the panes'."""

COMPLETE: list[BindingType] = [
    Binding("down,ctrl+n", "next_choice", "next", id="complete.next", show=False),
    Binding("up", "previous_choice", "previous", id="complete.previous", show=False),
    Binding("tab", "take", "take", id="complete.take", show=False),
    Binding("enter", "take", "take", id="complete.enter", show=False),
]

ASK: list[BindingType] = [
    Binding("escape", "dismiss_none", "back", id="ask.back", show=False),
    Binding("down,ctrl+n,tab", "next", "next", id="ask.next", show=False, priority=True),
    Binding("up,ctrl+p,shift+tab", "previous", "previous", id="ask.previous", show=False, priority=True),
]
