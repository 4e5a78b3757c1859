"""A draft from a brief file and from options, which come before what the file says."""

from __future__ import annotations

import sys
from typing import Any

from claudemail.errors import BriefTooLarge, InvalidInput
from claudemail.model.brief import MAX_BRIEF_BYTES, Draft, invalid
from claudemail.model.document import is_date, parse

MAX_FILE = 1024 * 1024
"""More than this is not read at all: no brief is as large."""
STDIN = "-"


def compose(source: str | None, options: dict[str, Any]) -> Draft:
    """Return the draft that a file (`-`: stdin, None: none) and options make; options without a value say nothing.

    Raises:
        InvalidInput: the file or an option does not fit, or something is lacking.
    """
    fields = {} if source is None else _from_file(source)
    fields |= {key: value for key, value in options.items() if value}
    if not fields.get("title"):
        raise InvalidInput("The brief has no title.", remedy="Give --title, or a `title:` line in the file.")
    due = options.get("due")
    if due and not is_date(due):
        raise InvalidInput(f"{due!r} is not a date.", remedy="Write a day of the calendar like 2026-12-31.")
    from pydantic import ValidationError

    try:
        return Draft.model_validate({"to": [], **fields})
    except ValidationError as error:
        raise invalid(error, "The brief") from error


def _from_file(source: str) -> dict[str, Any]:
    name = "stdin" if source == STDIN else source
    try:
        return parse(_text(_bytes(source), name)).draft
    except InvalidInput as error:
        raise type(error)(f"{name}: {error.message}", remedy=error.remedy) from error


def _bytes(source: str) -> bytes:
    if source == STDIN:
        return sys.stdin.buffer.read(MAX_FILE + 1)
    try:
        with open(source, "rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise InvalidInput(
            f"it cannot be read: {error.strerror}.", remedy="Give the path of a brief file, or - for stdin."
        ) from error


def _text(data: bytes, name: str) -> str:
    if len(data) > MAX_FILE:
        raise BriefTooLarge(f"it is over 1 MiB; the limit of a brief is 256 KiB ({MAX_BRIEF_BYTES} bytes).")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"line {line} is not UTF-8 text.", remedy=f"Save {name} as UTF-8.") from error
