"""What people type to find mail: any text is a query or is refused, and nothing that is typed is lost."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.errors import InvalidInput
from claudemail.model.query import MAX_QUERY, MAX_TERMS, Query, Term, expect_past_day, parse, parse_words
from claudemail.text import scrub_line

TODAY = date(2026, 3, 24)
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
PIECES = st.sampled_from(
    ["from:", "after:", "before:", "thread:", "is:", "unread", "read", "starred", "fri", "2026-01-01", "alpha", "@server1",
     '"', "-", "*", ":", " ", "\t", "ab", "abc", "AND", "OR", "NOT", "NEAR(", ")", "^", "+", "漢字", "\0", "\x1b", "é", "\ud800"]
)  # fmt: skip
TYPED = st.lists(PIECES, max_size=24).map("".join) | st.text(st.characters(), max_size=80)


def check_refusal(error: InvalidInput) -> None:
    """Check that an error is one short line without control characters, and says what to do."""
    assert error.remedy
    assert 0 < len(error.message) < 600
    assert scrub_line(error.message) == error.message


class TestAnyText:
    """Whatever is typed."""

    @given(TYPED, st.dates(date(1970, 1, 1), date(2999, 12, 31)))
    @settings(deadline=None)
    @example("x" * (MAX_QUERY + 1), TODAY)
    @example("x " * (MAX_TERMS + 1), TODAY)
    @example("from:" + "x" * 400, TODAY)
    @example("thread:" + "\u2028\udfff" * 100, TODAY)
    def test_is_a_query_or_refused(self, text: str, today: date) -> None:
        """The answer is a query or an error that says what to do."""
        try:
            found = parse(text, today)
        except InvalidInput as error:
            check_refusal(error)
            return
        assert found.model_copy() == Query.model_validate(found.model_dump())
        assert len(found.terms) <= MAX_TERMS
        for term in found.terms:
            assert any(char.isalnum() for char in term.words)
            assert not set(term.words) & set('"\0\x1b\n\ud800')
        for day in filter(None, (found.after, found.before)):
            assert str(date.fromisoformat(day)) == day

    @given(TYPED)
    @settings(deadline=None)
    @example("")
    @example("-alpha")
    @example('*** - : "')
    def test_is_words_or_refused(self, text: str) -> None:
        """Where there are no filters, there is always a word that something can have."""
        try:
            found = parse_words(text)
        except InvalidInput as error:
            check_refusal(error)
            return
        assert any(not term.excluded for term in found)

    @given(st.sampled_from(["", " ", "-", "*", '""', "-*", ": -", "\0"]))
    @settings(deadline=None)
    def test_without_a_letter_asks_for_nothing(self, text: str) -> None:
        """Signs alone are no words; a query of them is empty, and words they are not."""
        assert parse(text, TODAY).is_empty
        with pytest.raises(InvalidInput, match="no word to look for"):
            parse_words(text)


class TestWords:
    """What is no filter."""

    @given(st.lists(WORDS, min_size=1, max_size=MAX_TERMS))
    @settings(deadline=None)
    def test_come_out_in_order(self, words: list[str]) -> None:
        """Each word is looked for, as it was typed and in the order of typing."""
        expected = tuple(Term(words=word) for word in words)
        assert parse(" ".join(words), TODAY) == Query(terms=expected)
        assert parse_words(" ".join(words)) == expected

    @given(WORDS, WORDS)
    @settings(deadline=None)
    def test_excluded(self, wanted: str, unwanted: str) -> None:
        """A dash before a word or before quotes says that it must not be there."""
        assert parse_words(f'{wanted} -{unwanted} -"{wanted} {unwanted}"') == (
            Term(words=wanted),
            Term(words=unwanted, excluded=True),
            Term(words=f"{wanted} {unwanted}", excluded=True),
        )

    @given(WORDS)
    @settings(deadline=None)
    def test_the_start_of_a_word(self, word: str) -> None:
        """A star behind three letters or more looks for what begins with them; behind fewer it is no more than a sign."""
        [term] = parse_words(f"{word}*")
        assert term == Term(words=word, starts=len(word) >= 3)
        assert parse_words(f'"{word}*"') == (Term(words=word),)

    @given(st.lists(WORDS, min_size=1, max_size=5), st.booleans())
    @settings(deadline=None)
    def test_that_stand_together(self, words: list[str], closed: bool) -> None:  # noqa: FBT001
        """What is in quotes is one term, also when the closing ones are missing."""
        assert parse_words(f'"{" ".join(words)}' + '"' * closed) == (Term(words=" ".join(words)),)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("https://example.org", ["https //example.org"]),
            ("re:invent", ["re invent"]),
            ("From:alpha", ["From:alpha"]),
            ("from:", ["from:"]),
            ('from:""', ["from"]),
            ("from: alpha", ["from:", "alpha"]),
            ("a-b_c", ["a-b_c"]),
            ('say"hello"', ["say", "hello"]),
        ],
    )
    def test_what_only_looks_like_a_filter(self, text: str, words: list[str]) -> None:
        """A key that is none, and a filter without a value, are words."""
        assert [term.words for term in parse(text, TODAY).terms] == words

    def test_an_excluded_filter_is_words(self) -> None:
        """There is no filter for what must not be so; the words are what must not be there."""
        assert parse("-from:alpha", TODAY) == Query(terms=(Term(words="from alpha", excluded=True),))


class TestFilters:
    """What is asked of a brief beside its words."""

    @pytest.mark.parametrize(
        ("text", "fields"),
        [
            ("from:alpha", {"sender": "alpha"}),
            ("from:alpha@server1", {"sender": "alpha@server1"}),
            ('from:"alpha"', {"sender": "alpha"}),
            ("after:2026-01-31", {"after": "2026-01-31"}),
            ("before:yesterday", {"before": "2026-03-23"}),
            ("before:-2w", {"before": "2026-03-10"}),
            ("after:fri", {"after": "2026-03-20"}),
            ("thread:k7qd", {"thread": "k7qd"}),
            ("is:unread", {"unread": True}),
            ("is:read", {"unread": False}),
            ("is:starred", {"starred": True}),
            ("is:archived", {"archived": True}),
            ("is:current", {"archived": False}),
            ("is:unread is:read", {"unread": False}),
        ],
    )
    def test_each(self, text: str, fields: dict[str, Any]) -> None:
        """Each filter sets its field and no other; of two for one field the last counts."""
        found = parse(text, TODAY)
        assert found == Query(**fields)
        assert not found.is_empty

    @given(st.permutations(["from:alpha", "after:2026-01-01", "is:starred", "thread:7", "deploy", "-prod", "mig*"]))
    @settings(deadline=None)
    def test_in_any_order(self, pieces: list[str]) -> None:
        """Filters and words may be mixed in any order."""
        found = parse(" ".join(pieces), TODAY)
        assert found.model_copy(update={"terms": ()}) == Query(
            sender="alpha", after="2026-01-01", starred=True, thread="7"
        )
        assert {term.words for term in found.terms} == {"deploy", "prod", "mig"}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("is:new", ["is:new", "unread", "archived"]),
            ("is:UNREAD", ["is:UNREAD", "unread"]),
            ("after:soon", ["'soon' is not a day", "2026-12-31"]),
            ("before:2026-02-30", ["'2026-02-30'"]),
            ("x" * (MAX_QUERY + 1), [str(MAX_QUERY + 1), str(MAX_QUERY)]),
            ("x " * (MAX_TERMS + 1), [str(MAX_TERMS + 1), str(MAX_TERMS)]),
        ],
    )
    def test_refusals(self, text: str, says: list[str]) -> None:
        """The error repeats what does not fit and says what does."""
        with pytest.raises(InvalidInput) as caught:
            parse(text, TODAY)
        for words in says:
            assert words in str(caught.value)

    @given(
        st.sampled_from(["fri", "yesterday", "-3d", "2026-12-31", "2025-01-01"]), st.text(st.characters(), max_size=9)
    )
    @settings(deadline=None)
    def test_a_day_that_stands_alone(self, word: str, text: str) -> None:
        """It is understood as one in a filter is, and what is none is refused."""
        assert expect_past_day(word, TODAY) == parse(f"before:{word}", TODAY).before
        try:
            found = expect_past_day(text, TODAY)
        except InvalidInput as error:
            check_refusal(error)
        else:
            assert str(date.fromisoformat(found)) == found
