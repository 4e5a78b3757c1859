"""Actions in the text of a brief: `- [ ] Review the script @alpha !high due:fri`.

An empty box at the start of a list item asks for something. Boxes that are ticked, in code or in quotes ask for nothing. Where
lists, code and quotes begin and end, CommonMark says (https://spec.commonmark.org), and markdown-it knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from claudemail.model.brief import MAX_ACTION_TEXT, ActionItem, Priority
from claudemail.model.due import day
from claudemail.text import shorten

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_BOX = re.compile(r"\[ \][ \t]")
_MOST = 4 * MAX_ACTION_TEXT
"""As many characters of an item are looked at."""
_LIKELY = re.compile(r"^[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t].*)?\[ \][ \t]", re.MULTILINE)
"""A line that may have one, or go on with one that the line above began. Parsing Markdown takes a second for the largest body;
most bodies have no such line."""
_MARK = re.compile(
    r"(?<!\S)(?:@(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9_-]{0,63})?)|!(?P<priority>[A-Za-z]+)"
    r"|due:(?P<due>[A-Za-z0-9+-]+))[.,;:]?(?!\S)"
)
_HIDDEN = "\ue000"
"""Stands for each character of code and each escaped one while marks are looked for. Private use: no mark has it."""

Knows = Callable[[str], bool]
"""Whether a name (`alpha`, `operator@server1`) is one that an action can be given to."""


def may_have_boxes(body: str) -> bool:
    """Return whether it is worth parsing a body."""
    return "[ ]" in body and _LIKELY.search(body) is not None


def extract(body: str, *, today: date, knows: Knows) -> list[ActionItem]:
    """Return what the boxes of a body ask for, in order.

    `@name` gives an item to somebody, `!priority` says how soon, `due:day` until when. What is no known name, priority or
    day stays a part of the text.
    """
    if not may_have_boxes(body):
        return []
    items = (item(text, today=today, knows=knows) for text in _boxes(_block_parser().parse(body)))
    return [item for item in items if item is not None]


def _boxes(tokens: list[Token]) -> Iterator[str]:
    """Yield the text behind each empty box, as it was written."""
    quotes = 0
    for number, token in enumerate(tokens):
        if token.type == "blockquote_open":
            quotes += 1
        elif token.type == "blockquote_close":
            quotes -= 1
        elif token.type == "list_item_open" and not quotes:
            following = tokens[number + 1 : number + 3]
            if [one.type for one in following] == ["paragraph_open", "inline"]:
                text = following[1].content
                if box := _BOX.match(text):
                    yield text[box.end() :][:_MOST]


def item(text: str, *, today: date, knows: Knows) -> ActionItem | None:
    """Return what the text behind a box asks for, or None if there is nothing but marks in it."""
    written, visible = _masked(text)
    found: dict[str, Any] = {}
    kept, end = "", 0
    for match in _MARK.finditer(visible):
        kind = match.lastgroup
        assert kind is not None
        value = _meaning(kind, match[kind], today, knows)
        if value is not None and kind not in found:
            found[kind] = value
            kept += written[end : match.start()]
            end = match.end()
    line = shorten(kept + written[end:], MAX_ACTION_TEXT)
    if not line:
        return None
    return ActionItem(
        text=line,
        assignee=found.get("name"),
        priority=found.get("priority", Priority.NORMAL),
        due=found.get("due"),
    )


def _meaning(kind: str, word: str, today: date, knows: Knows) -> str | Priority | None:
    if kind == "name":
        return word if knows(word) else None
    if kind == "priority":
        return Priority(word.lower()) if word.lower() in list(Priority) else None
    return day(word, today)


def _masked(text: str) -> tuple[str, str]:
    """Return a text, and as many characters in which code and what was escaped cannot be taken for marks."""
    written, visible = "", ""
    for token in _inline_parser().parseInline(text)[0].children or ():
        part = "\n" if token.type in ("softbreak", "hardbreak") else token.content
        if token.type == "code_inline":
            part = f"{token.markup}{part}{token.markup}"
        written += part
        visible += part if token.type in ("text", "softbreak", "hardbreak") else _HIDDEN * len(part)
    return written, visible


@cache
def _block_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


@cache
def _inline_parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("zero").enable(["backticks", "escape"])
    parser.core.ruler.disable("text_join")
    return parser
