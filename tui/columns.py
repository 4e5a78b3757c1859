"""The columns of the inbox: which of them a width has room for, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from claudemail.config import OPERATOR
from claudemail.model.brief import Priority
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.model.views import InboxRow, SentRow
from claudemail.text import scrub_line
from claudemail.tui import glyphs
from claudemail.tui.moments import age

_HEADINGS = {"sender": "from", "to": "to", "mailbox": "for"}


class Column(NamedTuple):
    """A column: its name, its heading and how many cells it takes."""

    name: str
    heading: str
    width: int


_LEAST_TITLE = 8
WORST_FIRST = (
    DeliveryState.FAILED,
    DeliveryState.QUEUED,
    DeliveryState.DELIVERED,
    DeliveryState.NOTIFIED,
    DeliveryState.READ,
)


def columns(width: int, *, sent: bool = False) -> list[Column]:
    """Return the columns that fit `width` cells, one cell between them; the title takes what the others leave.

    Args:
        width: the cells.
        sent: for what was sent: to whom comes first then, and how far it has come is among them.
    """
    name = 8 if width < 48 else 10 if width < 90 else 14
    people, more = ("to", "sender") if sent else ("sender", "mailbox")
    fixed = [
        Column("mark", "", 2),
        Column(people, _HEADINGS[people], name),
        Column("title", "title", 0),
        Column(more, _HEADINGS[more], 11 if width < 90 else 16),
        Column("actions", "", 3),
        Column("state", "", 11 if sent else 0),
        Column("priority", "", 9 if width >= 90 else 2),
        Column("ref", "ref", 5),
        Column("age", "age", 4),
    ]
    dropped = set() if sent else {"state"}
    for least, names in ((84, {"ref"}), (62, {more}), (48, {"actions", "priority", "age"} if sent else {"actions"})):
        if width < least:
            dropped |= names
    kept = [column for column in fixed if column.name not in dropped]
    taken = sum(column.width for column in kept) + len(kept) - 1
    title = max(width - taken, _LEAST_TITLE)
    return [column._replace(width=title) if column.name == "title" else column for column in kept]


def heading(layout: list[Column]) -> str:
    """Return the line above the list."""
    return " ".join(fit(column.heading, column.width, right=column.name == "age") for column in layout)


def cells(row: InboxRow, layout: list[Column], now_ms: int) -> list[str]:
    """Return what stands in each column for one brief, padded to the column's width."""
    texts = []
    for column in layout:
        text = _text(row, column, now_ms)
        # The marks stand in places of their own, which folding white space would take from them.
        texts.append(text if column.name == "mark" else fit(text, column.width, right=column.name == "age"))
    return texts


def _text(row: InboxRow, column: Column, now_ms: int) -> str:
    if column.name == "mark":
        return (glyphs.STAR if row.starred else " ") + (glyphs.UNREAD if row.unread else " ")
    if column.name == "sender":
        if row.verified:
            return row.sender.name
        return shortened(row.sender.name, column.width - 1) + glyphs.UNVERIFIED
    if column.name == "title":
        return row.title
    if column.name == "mailbox":
        return mailbox_words(row.mailboxes, column.width)
    if column.name == "actions":
        return f"{glyphs.ACTION}{row.actions}" if row.actions else ""
    if column.name == "priority":
        return priority_words(row.priority) if column.width > 2 else glyphs.PRIORITY[row.priority]
    if column.name == "ref":
        return row.ref
    if isinstance(row, SentRow):
        if column.name == "to":
            return mailbox_words([state.name for state in row.recipients], column.width)
        if column.name == "state":
            return state_words(row.recipients)
    return age(row.at, now_ms) if column.name == "age" else ""


def state_words(states: Sequence[RecipientState]) -> str:
    """Return how far a brief has come for the recipient who has it the least, by glyph and word."""
    if not states:
        return ""
    worst = min((state.state for state in states), key=WORST_FIRST.index)
    return f"{glyphs.DELIVERY[worst]} {worst}"


def priority_words(priority: Priority) -> str:
    """Return a priority by glyph and word, nothing for the normal one."""
    glyph = glyphs.PRIORITY[priority]
    return f"{glyph} {priority}" if glyph else ""


def mailbox_words(mailboxes: list[str], room: int) -> str:
    """Return whose mail it is: the operator first, and how many more there are where not all fit."""
    names = sorted(mailboxes, key=lambda name: (name != OPERATOR, name))
    whole = ", ".join(names)
    if len(names) < 2 or len(whole) <= room:
        return whole
    rest = f" +{len(names) - 1}"
    return shortened(names[0], room - len(rest)) + rest


def shortened(text: str, width: int) -> str:
    """Return `text` on one line in at most `width` cells, the last an ellipsis where it was cut."""
    return cut(scrub_line(text), width)


def cut(line: str, width: int) -> str:
    """Return a line of our own making in at most `width` cells, the last an ellipsis where it was cut."""
    if cell_len(line) <= width:
        return line
    return set_cell_size(line, max(width - 1, 0)).rstrip() + "…"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` on one line in exactly `width` cells."""
    line = shortened(text, width)
    blank = " " * (width - cell_len(line))
    return blank + line if right else line + blank
