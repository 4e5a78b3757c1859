"""What the palette offers: every key that works now, panes, themes, names, and briefs and actions by their words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.message import Message

from claudemail.config import OPERATOR
from claudemail.errors import InvalidInput
from claudemail.model.action import ActionStatus
from claudemail.model.query import Query, parse_words
from claudemail.office import Office
from claudemail.office.actions import Wanted
from claudemail.office.directory import Directory
from claudemail.text import scrub_line, shorten
from claudemail.tui.messages import Go, Write
from claudemail.tui.places import Place, Where

_MOST_FOUND = 6
_MOST_LABEL = 60
_LEAST_WORD = 2
_LEFT_OUT = ("move", "pane", "open", "back")
"""Kinds of bindings that nobody looks for: what they do is done at once, or is here in other words."""


class Command(NamedTuple):
    """Something that can be done."""

    label: str
    about: str = ""
    action: str | None = None
    """An action of `node`, as in a binding."""
    node: DOMNode | None = None
    message: Message | None = None
    """What is told to the screen instead."""


def of_bindings(active: Iterable[ActiveBinding], display: dict[str, str]) -> list[Command]:
    """Return what the keys do that work now; `display` says by the id of a binding how its key is shown."""
    found: dict[str, Command] = {}
    for node, binding, enabled, _ in active:
        kind = (binding.id or "move").partition(".")[0]
        if enabled and kind not in _LEFT_OUT and binding.id != "console.palette":
            label = binding.tooltip or binding.description
            about = display.get(binding.id or "", "")
            found.setdefault(label, Command(label, about, action=binding.action, node=node))
    return list(found.values())


def of_panes() -> list[Command]:
    """Return the ways to the panes."""
    return [Command(f"Go to {where.value}", message=Go(Place(where))) for where in Where]


def of_themes(names: Iterable[str], now: str) -> list[Command]:
    """Return the themes to change to."""
    return [
        Command(f"Theme {name}", "as it is now" if name == now else "", action=f"app.wear({name!r})") for name in names
    ]


def of_app(*, bell: bool) -> list[Command]:
    """Return what concerns the console itself; `bell`: whether its bell may ring."""
    return [
        Command("Bell off" if bell else "Bell on", "for urgent mail while nobody looks", action="app.switch_bell"),
        Command("Show the brief sent last", action="app.show_last"),
    ]


def of_names(directory: Directory) -> list[Command]:
    """Return whose mail can be looked into, and to whom can be written."""
    here = directory.config.node_id
    boxes = [OPERATOR, *(entry.name for entry in directory.entries if entry.node == here)]
    found = [Command(f"Mail of {name}", "its mailbox", message=Go(Place(Where.INBOX, mailbox=name))) for name in boxes]
    found += [
        Command(f"Write to {entry.name}", entry.node, message=Write(to=f"{entry.name}@{entry.node}"))
        for entry in directory.entries
    ]
    return found


async def of_words(office: Office, words: str) -> list[Command]:
    """Return the newest briefs and the open actions that have these words.

    Raises:
        StoreError: the database could not say.
    """
    if len(words.strip()) < _LEAST_WORD:
        return []
    try:
        terms = parse_words(words)
        last = terms[-1].model_copy(update={"starts": True}) if len(terms[-1].words) > _LEAST_WORD else terms[-1]
        party = office.operator()
        page = await office.search(party, Query(terms=(*terms[:-1], last)), limit=_MOST_FOUND)
        actions = await office.list_actions(party, Wanted(text=words, statuses=tuple(ActionStatus)), limit=_MOST_FOUND)
    except InvalidInput:
        return []
    found = [
        Command(
            f"Brief {hit.row.ref}: {shorten(hit.row.title, _MOST_LABEL)}",
            scrub_line(hit.row.sender.name),
            message=Go(Place(Where.INBOX, hit.row.id)),
        )
        for hit in page.hits
    ]
    found += [
        Command(
            f"Action {row.ref}: {shorten(row.text, _MOST_LABEL)}",
            f"{row.status} · {row.assignee or 'nobody'}",
            message=Go(Place(Where.ACTIONS, row.id)),
        )
        for row in actions.rows
    ]
    return found
