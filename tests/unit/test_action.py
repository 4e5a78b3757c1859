"""Actions: ids that follow from the brief's, changes as they are signed, and stamps that leave room for later ones."""

from __future__ import annotations

import json
import uuid
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from claudemail.clock import HybridClock
from claudemail.model.action import (
    CLOSED,
    MAX_NOTE,
    OPEN,
    ActionFields,
    ActionStatus,
    Change,
    asker,
    from_brief,
    is_overdue,
    item_id,
)
from claudemail.model.brief import MAX_ACTION_TEXT, ActionItem, Brief, Priority, Sender, Uuid, canonical
from claudemail.model.ids import id_ms, new_id

UUID = TypeAdapter[str](Uuid)
BRIEF_IDS = st.integers(0, 2**48 - 1).map(new_id)
YEAR_3000 = 32_503_680_000_000
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
STAMPS = st.builds("{:014d}-{:05d}-{}".format, st.integers(0, YEAR_3000 - 1), st.integers(0, 99_999), NAMES)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "ref": st.just("k7qd"),
        "text": st.just("Review the script"),
        "assignee": st.none() | NAMES | st.tuples(NAMES, NAMES).map("@".join),
        "status": st.sampled_from(ActionStatus),
        "priority": st.sampled_from(Priority),
        "due": st.none() | st.dates().map(str),
        "note": st.none() | st.text(max_size=40),
        "brief": BRIEF_IDS,
        "asker": st.none() | st.just("alpha@server1"),
    },
)
ID = new_id(1_774_310_400_000)
STAMP = "01774310400000-00000-server1"


def change(**fields: Any) -> Change:
    """Return a change with these fields."""
    return Change.model_validate({"action": ID, "stamp": STAMP, "at": 1, "by": "alpha", "fields": {}, **fields})


def brief(**fields: Any) -> Brief:
    """Return a brief with these fields."""
    known = {
        "id": ID,
        "ref": "k7qd",
        "stamp": STAMP,
        "at": 1_774_310_400_000,
        "sender": {"name": "alpha", "instance": "instance1", "node": "server1"},
        "to": ["charlie"],
        "title": "Deploy",
        "body": "",
        "thread": ID,
    }
    return Brief.model_validate({**known, **fields})


class TestIds:
    """Ids of the actions that briefs ask for."""

    @given(BRIEF_IDS, st.integers(0, 127))
    @settings(deadline=None)
    def test_follow_from_the_brief(self, brief_id: str, index: int) -> None:
        """Whoever makes an item's action again makes one of the same id: a version 7 UUID of the brief's time."""
        found = item_id(brief_id, index)
        assert item_id(brief_id, index) == found
        assert UUID.validate_python(found) == found
        assert (uuid.UUID(found).version, uuid.UUID(found).variant) == (7, uuid.RFC_4122)
        assert id_ms(found) == id_ms(brief_id)

    @given(BRIEF_IDS, BRIEF_IDS)
    @settings(deadline=None)
    def test_differ(self, one: str, other: str) -> None:
        """No two items have the same id, of one brief or of two, nor that of a brief."""
        found = [item_id(brief_id, index) for brief_id in {one, other} for index in range(128)]
        assert len({*found, one, other}) == len(found) + len({one, other})

    @given(st.uuids().map(str))
    @settings(deadline=None)
    def test_of_any_brief_id(self, brief_id: str) -> None:
        """An id of a brief that is no version 7 UUID, as another implementation may give, is good enough."""
        assert UUID.validate_python(item_id(brief_id, 0)) != brief_id

    def test_stay_what_they_were(self) -> None:
        """The ids are the same in every version: nodes of several versions must make the same ones."""
        assert item_id("019d1e35-5000-7abc-8def-0123456789ab", 0) == "019d1e35-5000-7194-b488-4a23d6ff77f3"


class TestChanges:
    """Changes as they are signed and sent."""

    @given(FIELDS, STAMPS, st.integers(0, 10**14 - 1), NAMES)
    @settings(deadline=None)
    def test_come_back_from_json(self, fields: dict[str, Any], stamp: str, at: int, by: str) -> None:
        """What is sent is what was set and nothing else; reading it gives the same change and the same canonical text."""
        made = Change(action=ID, stamp=stamp, at=at, by=by, fields=ActionFields(**fields))
        text = canonical(made.wire())
        read = Change.model_validate(json.loads(text))
        assert read == made
        assert read.fields.model_fields_set == fields.keys() == made.wire()["fields"].keys()
        assert canonical(read.wire()) == text
        assert made.node == stamp.split("-", 2)[2]

    @pytest.mark.parametrize("ms", [YEAR_3000, YEAR_3000 + 1, 10**14 - 1])
    def test_from_the_year_3000_are_refused(self, ms: int) -> None:
        """Nothing could be changed any more after a stamp of the last moment that there is."""
        with pytest.raises(ValidationError, match="year 3000"):
            change(stamp=f"{ms:014d}-00000-server1")
        assert change(stamp=f"{YEAR_3000 - 1:014d}-00000-server1").fields == ActionFields()

    def test_leave_room_for_a_later_one(self) -> None:
        """After every stamp that is taken there is a later one that is taken as well."""
        seen = f"{YEAR_3000 - 1:014d}-99999-wild"
        try:
            change(stamp=seen)
        except ValidationError:
            return
        later = HybridClock("server1").beyond(STAMP, seen)
        assert change(stamp=later).stamp > seen

    @pytest.mark.parametrize(
        "fields",
        [
            {"text": ""},
            {"text": " \u200b "},
            {"text": "x" * (MAX_ACTION_TEXT + 1)},
            {"note": "x" * (MAX_NOTE + 1)},
            {"assignee": ""},
            {"assignee": "a@b@c"},
            {"assignee": "two words"},
            {"status": "gone"},
            {"priority": "now"},
            {"due": "2026-02-30"},
            {"due": "fri"},
            {"asker": "alpha"},
            {"brief": "1"},
            {"ref": "1234"},
        ],
    )
    def test_that_do_not_fit_are_refused(self, fields: dict[str, Any]) -> None:
        """Each field has its form, whoever sends it."""
        with pytest.raises(ValidationError):
            change(fields=fields)

    def test_texts_are_scrubbed(self) -> None:
        """No control character of a peer's gets in, and text and note are one line each."""
        fields = change(fields={"text": "Re\x1bview\nit", "note": "a\u202e b\r\nc"}).fields
        assert (fields.text, fields.note) == ("Review it", "a b c")


class TestOfBriefs:
    """The changes that make the actions of a brief."""

    def test_the_item_goes_before_the_brief(self) -> None:
        """What an item says of itself stands; what it leaves open, the brief says."""
        item = ActionItem(text="Review", assignee="bravo", priority=Priority.LOW, due="2026-01-01")
        sent = brief(actions=[item], priority="urgent", due="2026-12-31")
        made = from_brief(sent, item, 3, sole="charlie")
        assert (made.action, made.stamp, made.at, made.by) == (item_id(ID, 3), STAMP, sent.at, "alpha")
        assert made.fields == ActionFields(
            text="Review",
            assignee="bravo",
            priority=Priority.LOW,
            due="2026-01-01",
            brief=ID,
            asker="alpha@server1",
        )
        plain = from_brief(sent, ActionItem(text="Review"), 0, sole="charlie").fields
        assert (plain.assignee, plain.priority, plain.due) == ("charlie", Priority.URGENT, "2026-12-31")

    def test_of_several_recipients_it_is_nobodys(self) -> None:
        """Where there is no sole recipient, an item without a name is nobody's, and that is said."""
        made = from_brief(brief(), ActionItem(text="Review"), 0, sole=None)
        assert made.fields.assignee is None
        assert made.wire()["fields"]["assignee"] is None

    def test_asker(self) -> None:
        """Who asked is named with the node."""
        assert asker(Sender(name="alpha", instance="instance1", node="server1")) == "alpha@server1"


class TestStatus:
    """How far an action has come."""

    def test_open_ones_come_first(self) -> None:
        """Ranks count from 0, those that are open before those that are closed, and each is one or the other."""
        assert [status.rank for status in ActionStatus] == list(range(5))
        assert (*OPEN, *CLOSED) == tuple(ActionStatus)
        assert [status.is_open for status in ActionStatus] == [True, True, True, False, False]

    @given(st.sampled_from(ActionStatus), st.none() | st.dates(), st.dates())
    @settings(deadline=None)
    def test_overdue(self, status: ActionStatus, due: date | None, today: date) -> None:
        """Overdue is what is open and was due before today; what is due today is not."""
        expected = status in OPEN and due is not None and due < today
        assert is_overdue(status, str(due) if due else None, today) == expected
