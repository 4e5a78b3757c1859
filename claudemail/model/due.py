"""Days as people write them: 2026-12-31, today, tomorrow, fri, +3d, +2w."""

from __future__ import annotations

import re
from datetime import date, timedelta

from claudemail.errors import InvalidInput
from claudemail.text import shorten

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LEAST = 3
"""The shortest form of a weekday."""
_AHEAD = re.compile(r"\+([0-9]{1,3})([dw])")
_BACK = re.compile(r"-([0-9]{1,3})([dw])")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
FORMS = "Write a day like 2026-12-31, today, tomorrow, fri, +3d or +2w."


def day(word: str, today: date) -> str | None:
    """Return the day that `word` means on `today`, as YYYY-MM-DD, or None when it means none.

    A weekday is the next one after today.
    """
    word = word.strip().lower()
    if _ISO.fullmatch(word):
        try:
            return date.fromisoformat(word).isoformat()
        except ValueError:
            return None
    if word in ("today", "tomorrow"):
        return _shifted(today, word == "tomorrow")
    if match := _AHEAD.fullmatch(word):
        return _shifted(today, int(match[1]) * (7 if match[2] == "w" else 1))
    for number, name in enumerate(_WEEKDAYS):
        if len(word) >= _LEAST and name.startswith(word):
            return _shifted(today, (number - today.weekday() - 1) % 7 + 1)
    return None


def past_day(word: str, today: date) -> str | None:
    """Return the day that `word` means to somebody who looks back: 2026-12-31, today, yesterday, mon, -3d, -2w; or None.

    A weekday is the last one before today.
    """
    word = word.strip().lower()
    if word == "yesterday":
        return _shifted(today, -1)
    if match := _BACK.fullmatch(word):
        return _shifted(today, -int(match[1]) * (7 if match[2] == "w" else 1))
    for number, name in enumerate(_WEEKDAYS):
        if len(word) >= _LEAST and name.startswith(word):
            return _shifted(today, -((today.weekday() - number - 1) % 7 + 1))
    return day(word, today)


def _shifted(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def expect_day(word: str, today: date) -> str:
    """Return the day that `word` means.

    Raises:
        InvalidInput: it means none.
    """
    found = day(word, today)
    if found is None:
        raise InvalidInput(f"{shorten(word, 40)!r} is not a day.", remedy=FORMS)
    return found
