"""Long lists in parts: what a tool says of what it left out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.errors import InvalidInput

Limit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str, Field(max_length=100)]
"""Where a list ended; the answer gives it."""


def more(cursor: object | None) -> list[str]:
    """Return a line that says how to get the rest, if there is one."""
    return [] if cursor is None else [f'There are more: call again with cursor="{cursor}".']


def number_of(cursor: str | None) -> int | None:
    """Return the number in a cursor; raise InvalidInput if it is none of a list of briefs."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidInput(
            "That cursor is not one of this list.", remedy="Call without a cursor to begin at the newest."
        )
    return int(cursor)
