"""Days as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claudemail.errors import InvalidInput
from claudemail.model.due import FORMS, day, expect_day, past_day

TODAYS = st.dates(date(1970, 1, 1), date(2999, 12, 31))
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Written = Callable[[str], str]
WAYS: list[Written] = [str.lower, str.upper, str.title, " {} ".format, "\t{}\n".format]
WRITTEN = st.sampled_from(WAYS)
"""The ways of writing one word that make no difference."""
NEARLY = st.lists(st.sampled_from(["+", "-", "0", "1", "12", "2026", "d", "w", "mon", "fri", "today", " ", "٣"])).map(
    "".join
)
TUESDAY = date(2026, 3, 24)


@given(st.sampled_from(WEEKDAYS), st.integers(3, 9), WRITTEN, TODAYS)
def test_a_weekday_is_the_next_one_after_today(name: str, letters: int, written: Written, today: date) -> None:
    """Three or more letters of a weekday are that weekday, one to seven days ahead."""
    found = date.fromisoformat(day(written(name[:letters]), today) or "")
    assert found.weekday() == WEEKDAYS.index(name)
    assert 1 <= (found - today).days <= 7


@given(st.integers(0, 999), TODAYS, WRITTEN)
def test_so_many_days_or_weeks_ahead(count: int, today: date, written: Written) -> None:
    """`+3d` is three days from today, `+2w` fourteen."""
    assert day(written(f"+{count}d"), today) == str(today + timedelta(days=count))
    assert day(written(f"+{count}w"), today) == str(today + timedelta(weeks=count))


@given(TODAYS, WRITTEN)
def test_today_and_tomorrow(today: date, written: Written) -> None:
    """Both words are understood, however they are written."""
    assert day(written("today"), today) == str(today)
    assert day(written("tomorrow"), today) == str(today + timedelta(days=1))


@given(st.dates(), TODAYS)
def test_a_date_is_itself(written: date, today: date) -> None:
    """Any day of the calendar is understood, in the past too, and refused if it is none."""
    assert day(str(written), today) == str(written)
    assert day(f"{str(written)[:8]}{written.day + 31}", today) is None


@given(st.text(st.characters()) | NEARLY, TODAYS)
@example("0000-01-01", TUESDAY)
@example("+" + "9" * 5000 + "d", TUESDAY)
def test_any_other_text_is_no_day(text: str, today: date) -> None:
    """Whatever the text is, the answer is a day in one form, or None; and a day only for the documented forms."""
    found = day(text, today)
    word = text.strip().lower()
    is_written = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|today|tomorrow|\+[0-9]{1,3}[dw]", word)
    is_weekday = len(word) >= 3 and any(name.startswith(word) for name in WEEKDAYS)
    if found is None:
        assert not is_weekday
        assert is_written is None or re.fullmatch("[0-9-]+", word)  # 2026-02-30
    else:
        assert is_written or is_weekday
        assert date.fromisoformat(found).isoformat() == found


@pytest.mark.parametrize(
    "word",
    ["", " ", "mo", "mondays", "next fri", "to day", "yesterday", "+d", "+3", "3d", "-3d", "+3m", "+1000d", "+ 3d", "+٣d",
     "2026-02-30", "2026-2-3", "20260203", "2026-02-03T10:00", "٢٠٢٦-١٢-٣١", "0000-01-01"],
)  # fmt: skip
def test_what_is_no_day_is_refused_by_name(word: str) -> None:
    """Where a day must be given, the error repeats the word and says which forms there are."""
    assert day(word, TUESDAY) is None
    with pytest.raises(InvalidInput, match="is not a day") as caught:
        expect_day(word, TUESDAY)
    assert repr(word.strip()) in caught.value.message
    assert caught.value.remedy == FORMS


def test_a_long_word_is_not_repeated_in_full() -> None:
    """The error stays short, and has no control characters in it."""
    with pytest.raises(InvalidInput) as caught:
        expect_day("\x1b[2J" + "x" * 10_000, TUESDAY)
    assert len(caught.value.message) < 80
    assert "\x1b" not in caught.value.message


def test_forms_on_a_tuesday() -> None:
    """The day of the week itself is the one in a week."""
    assert [day(word, TUESDAY) for word in ("tue", "wed", "Mon", "+2w", "2026-12-31")] == [
        "2026-03-31",
        "2026-03-25",
        "2026-03-30",
        "2026-04-07",
        "2026-12-31",
    ]
    assert expect_day("fri", TUESDAY) == "2026-03-27"


@given(st.sampled_from(WEEKDAYS), st.integers(3, 9), WRITTEN, TODAYS)
def test_a_weekday_in_the_past_is_the_last_one_before_today(
    name: str, letters: int, written: Written, today: date
) -> None:
    """To somebody who looks back a weekday is one to seven days ago."""
    found = date.fromisoformat(past_day(written(name[:letters]), today) or "")
    assert found.weekday() == WEEKDAYS.index(name)
    assert 1 <= (today - found).days <= 7


@given(st.integers(0, 999), TODAYS, WRITTEN)
def test_so_many_days_or_weeks_ago(count: int, today: date, written: Written) -> None:
    """`-3d` is three days before today, `-2w` fourteen; yesterday is understood, and every day that has no direction."""
    assert past_day(written(f"-{count}d"), today) == str(today - timedelta(days=count))
    assert past_day(written(f"-{count}w"), today) == str(today - timedelta(weeks=count))
    assert past_day(written("yesterday"), today) == str(today - timedelta(days=1))
    assert past_day(written("today"), today) == str(today)
    assert past_day(f" {today} ", today) == str(today)


@given(st.text(st.characters()) | NEARLY | NEARLY.map("-{}".format), TODAYS)
@example("0000-01-01", TUESDAY)
@example("-" + "9" * 5000 + "d", TUESDAY)
def test_any_text_is_a_day_in_the_past_or_none(text: str, today: date) -> None:
    """Whatever the text is, the answer is a day in one form, or None; only weekdays mean another one than ahead."""
    found, ahead = past_day(text, today), day(text, today)
    assert found is None or date.fromisoformat(found).isoformat() == found
    if ahead is not None and found != ahead:
        assert (date.fromisoformat(ahead) - date.fromisoformat(found or "")).days in (7, 14)
