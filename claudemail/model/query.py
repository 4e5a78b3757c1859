"""What somebody looks for, as they type it.

Words; "words that stand together"; the start of a word*; -words that must not be there; and from:alpha, after:2026-12-01,
before:mon, thread:k7qd, is:unread, is:read, is:starred, is:archived, is:current. Any text is a query: what is none of these
forms is words.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import Field

from claudemail.errors import InvalidInput
from claudemail.model.due import past_day
from claudemail.model.value import Value
from claudemail.text import scrub_line, shorten

MAX_QUERY = 500
MAX_TERMS = 32
_PIECE = re.compile(r'(?P<no>-)?(?:(?P<key>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s"]+))')
_FILTERS = ("from", "after", "before", "thread", "is")
_LEAST_START = 3
"""The shortest start of a word that is looked for; shorter ones stand for too many words."""
_STATES = {
    "unread": ("unread", True),
    "read": ("unread", False),
    "starred": ("starred", True),
    "archived": ("archived", True),
    "current": ("archived", False),
}


class Term(Value):
    """Words that stand together."""

    words: str
    starts: bool = False
    """Whether the last word may go on."""
    excluded: bool = False


class Query(Value):
    """What is looked for. What is None is not asked for."""

    terms: tuple[Term, ...] = ()
    sender: Annotated[str, Field(max_length=130)] | None = None
    """A name, `name@node` or `@node`."""
    after: str | None = None
    """The first day, YYYY-MM-DD."""
    before: str | None = None
    """The day after the last one."""
    thread: Annotated[str, Field(max_length=64)] | None = None
    """Ref, number or id of a brief in it."""
    unread: bool | None = None
    starred: bool | None = None
    archived: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self == Query()


def parse_words(text: str) -> tuple[Term, ...]:
    """Return the words that are looked for in a text that has no filters.

    Raises:
        InvalidInput: it is too long, or there is no word in it that something could have.
    """
    found = _checked([term for match in _PIECE.finditer(_line(text)) if (term := _term(match)) is not None])
    if all(term.excluded for term in found):
        raise InvalidInput(f"{shorten(text, 40)!r} has no word to look for.", remedy="Give at least one word.")
    return found


def parse(text: str, today: date) -> Query:
    """Return what a text asks for.

    Raises:
        InvalidInput: it is too long, or a filter's value is none.
    """
    found: dict[str, Any] = {}
    words: list[Term] = []
    for match in _PIECE.finditer(_line(text)):
        key, value = match["key"], _value(match)
        if key in _FILTERS and not match["no"] and value:
            found.update(_filter(key, value, today))
        elif (term := _term(match)) is not None:
            words.append(term)
    return Query(terms=_checked(words), **found)


def _checked(words: list[Term]) -> tuple[Term, ...]:
    if len(words) > MAX_TERMS:
        raise InvalidInput(f"{len(words)} words are over the limit of {MAX_TERMS}.", remedy="Look for fewer words.")
    return tuple(words)


def _value(match: re.Match[str]) -> str:
    return match["bare"] if match["quoted"] is None else match["quoted"]


def _filter(key: str, value: str, today: date) -> dict[str, object]:
    if key == "is":
        if value not in _STATES:
            raise InvalidInput(
                f"is:{shorten(value, 20)} is not known.", remedy=f"Use is: with one of {', '.join(_STATES)}."
            )
        name, state = _STATES[value]
        return {name: state}
    if key in ("after", "before"):
        return {key: expect_past_day(value, today)}
    return {"sender" if key == "from" else key: value[:64]}


def expect_past_day(word: str, today: date) -> str:
    """Return the day that a word means to somebody who looks back, as YYYY-MM-DD.

    Raises:
        InvalidInput: it means none.
    """
    found = past_day(word, today)
    if found is None:
        raise InvalidInput(
            f"{shorten(word, 40)!r} is not a day.",
            remedy="Write a day like 2026-12-31, today, yesterday, mon, -3d or -2w.",
        )
    return found


def _line(text: str) -> str:
    line = scrub_line(text)
    if len(line) > MAX_QUERY:
        raise InvalidInput(
            f"The query is {len(line)} characters; the limit is {MAX_QUERY}.", remedy="Look for fewer words."
        )
    return line


def _term(match: re.Match[str]) -> Term | None:
    """Return words, to which a key that is no filter belongs; None where there is no letter or digit in them."""
    written = f"{match['key'] or ''} {_value(match)}".strip()
    words = written.rstrip("*")
    if not any(char.isalnum() for char in words):
        return None
    starts = match["quoted"] is None and words != written and len(words.split()[-1]) >= _LEAST_START
    return Term(words=words, starts=starts, excluded=match["no"] is not None)
