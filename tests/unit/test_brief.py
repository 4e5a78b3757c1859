"""Drafts at the door, briefs as they were accepted, and their one canonical text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from claudemail.errors import BriefTooLarge
from claudemail.model.brief import (
    MAX_BRIEF_BYTES,
    MAX_TITLE,
    ActionItem,
    Brief,
    Draft,
    Priority,
    canonical,
    check_size,
    invalid,
)
from claudemail.model.ids import code_of
from claudemail.text import scrub

ID = "01a0c450-6c00-7bb2-9c3d-2f1e5a7b8c9d"
FIELDS: dict[str, Any] = {
    "id": ID,
    "ref": code_of(ID)[:4],
    "stamp": "01790000000000-00000-server1",
    "at": 1_790_000_000_000,
    "sender": {"name": "alpha", "instance": "instance1", "node": "server1"},
    "to": ["charlie"],
    "title": "Deploy Blocker — DB Migration",
    "body": "text",
    "thread": ID,
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=6))
def test_the_canonical_text_is_one_and_plain(fields: dict[str, Any]) -> None:
    """It is pure ASCII, the same for any order of the fields, and the same again after a trip through JSON."""
    text = canonical(fields)
    assert text.isascii()
    assert text == canonical(dict(reversed(fields.items())))
    assert text == canonical(json.loads(text))
    assert json.loads(text) == fields


def test_the_canonical_text_of_a_brief_is_fixed() -> None:
    """The exact bytes that signatures are over; if this changes, nodes no longer verify each other's mail."""
    assert canonical(Brief(**FIELDS).fields()) == (
        '{"at":1790000000000,"body":"text","id":"'
        + ID
        + '","ref":"'
        + FIELDS["ref"]
        + '","sender":{"instance":"instance1"'
        ',"name":"alpha","node":"server1"},"stamp":"01790000000000-00000-server1","thread":"' + ID + '"'
        ',"title":"Deploy Blocker \\u2014 DB Migration","to":["charlie"]}'
    )


def test_what_is_not_json_has_no_canonical_text() -> None:
    """Infinities, which other JSON parsers refuse, are an error."""
    with pytest.raises(ValueError, match="Out of range"):
        canonical({"x": float("inf")})


@given(st.text(), st.text(min_size=1), st.sampled_from(Priority))
def test_a_brief_comes_back_from_its_canonical_text(body: str, text: str, priority: Priority) -> None:
    """Reading a brief's canonical text gives the same brief, with the same text."""
    brief = Brief.model_validate(
        {**FIELDS, "body": body, "priority": priority, "actions": [{"text": f"x{text}"[:300]}]}
    )
    again = Brief.model_validate(json.loads(canonical(brief.fields())))
    assert again == brief
    assert canonical(again.fields()) == canonical(brief.fields())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "not-a-uuid"),
        ("id", ID.upper()),
        ("ref", "5abc"),
        ("ref", "ab"),
        ("ref", "abcd/x"),
        ("stamp", "2026"),
        ("stamp", "٠١٧٩٠٠٠٠٠٠٠٠٠٠-00000-server1"),
        ("at", -1),
        ("at", 10**14),
        ("sender", {"name": "../x", "node": "server1"}),
        ("sender", {"name": "alpha"}),
        ("to", []),
        ("to", ["a b"]),
        ("title", " \n "),
        ("title", "x" * (MAX_TITLE + 1)),
        ("due", "tomorrow"),
        ("due", "٢٠٢٦-٠١-٠١"),
        ("labels", ["a b"]),
        ("thread", "x"),
        ("actions", [{"text": ""}]),
        ("priority", "whenever"),
    ],
)
def test_a_brief_that_does_not_fit_is_refused(field: str, value: object) -> None:
    """Each field of a brief from another node is held to its pattern, in ASCII."""
    with pytest.raises(ValidationError, match=field):
        Brief.model_validate({**FIELDS, field: value})


def test_fields_of_a_newer_version_are_passed_over() -> None:
    """A brief with fields that this version does not know is read without them."""
    assert Brief.model_validate({**FIELDS, "colour": "red"}) == Brief(**FIELDS)


@given(st.text(st.characters()))
def test_texts_are_scrubbed_at_the_door(text: str) -> None:
    """No draft keeps a control or surrogate character, in body, title or action."""
    try:
        draft = Draft(to=["all"], title=f"t{text}"[:150], body=text, actions=[{"text": f"a{text}"[:400]}])
    except ValidationError as error:  # pydantic itself refuses surrogates
        assert any(0xD800 <= ord(char) < 0xE000 for char in text), error  # noqa: PT017 - only then
        return
    parts = (draft.title, draft.body, draft.actions[0].text)
    assert parts == tuple(scrub(part) for part in parts)
    assert "\n" not in draft.title + draft.actions[0].text


def test_a_draft_takes_what_people_write() -> None:
    """One recipient or many, one action or many, as text or in full."""
    draft = Draft.model_validate({"to": "alpha, bravo", "title": "t", "actions": "do it"})
    assert draft.to == ["alpha, bravo"]
    assert draft.actions == [ActionItem(text="do it")]
    assert Draft.model_validate({"to": [], "title": "t", "actions": {"text": "x", "priority": "high"}}).actions == [
        ActionItem(text="x", priority=Priority.HIGH)
    ]


def test_priorities_rank_by_urgency() -> None:
    """The rank grows from low to urgent."""
    assert [priority.rank for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH, Priority.URGENT)] == [
        0,
        1,
        2,
        3,
    ]


@pytest.mark.parametrize("char", ["x", "é", "😀"])
def test_the_size_limit_counts_bytes_and_is_named(char: str) -> None:
    """A brief of exactly the limit fits; one byte more is refused with its size and the limit."""
    body = char * ((MAX_BRIEF_BYTES - 10) // len(char.encode()))
    rest = MAX_BRIEF_BYTES - len(body.encode())
    check_size("x" * rest, body, [], [])
    with pytest.raises(BriefTooLarge, match=rf"{MAX_BRIEF_BYTES + 1} bytes; the limit is 256 KiB \({MAX_BRIEF_BYTES}"):
        check_size("x" * rest, body, [], ["y"])
    with pytest.raises(BriefTooLarge):
        check_size("x" * rest, body, [ActionItem(text="y")], [])


def test_a_mistake_is_told_in_one_line() -> None:
    """What pydantic finds is told by field, without control characters."""
    with pytest.raises(ValidationError) as caught:
        Draft.model_validate({"to": ["a"], "title": "", "labels": ["\x1b[2J\n"]})
    message = str(invalid(caught.value, "The brief"))
    assert "title:" in message
    assert "labels.0:" in message
    assert message.isprintable()
