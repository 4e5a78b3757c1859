"""Actions against a plain model: changes in any order end the same everywhere, and lists hold what they should."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from itertools import count, pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.errors import NoSuchAction
from claudemail.model.action import ActionStatus, Change
from claudemail.model.brief import Priority, canonical
from claudemail.model.ids import REF_LENGTH, code_of, id_ms
from claudemail.model.query import parse_words
from claudemail.model.views import ActionView
from claudemail.office.replication import Apart
from claudemail.store import action_changes, actions, text_index
from tests.store.conftest import (
    ASKERS,
    BRIEF,
    DAYS,
    IDS,
    PEOPLE,
    TEXTS,
    VOCABULARY,
    apply,
    change,
    create,
    listed,
    opened,
)

FAR = 32_503_679_999_998
"""As far ahead as a stamp may be, but for a little."""
STAMPS = st.builds(
    "{:014d}-{:05d}-{}".format,
    st.sampled_from([1_000, 1_001, 2_000, FAR]),
    st.integers(0, 1),
    st.sampled_from("abc"),
)
"""So few that many changes have the same, as after a node was set back."""
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "ref": st.sampled_from(["abcd", "abcde"]),
        "text": TEXTS | st.none(),
        "assignee": PEOPLE | st.none(),
        "status": st.sampled_from(ActionStatus),
        "priority": st.sampled_from(Priority),
        "due": DAYS | st.none(),
        "note": TEXTS | st.none() | st.just(""),
        "brief": st.just(BRIEF) | st.none(),
        "asker": ASKERS | st.none(),
    },
)


CHANGES = st.builds(change, st.sampled_from(IDS), STAMPS, FIELDS)
CREATIONS = st.builds(
    change,
    st.sampled_from(IDS),
    STAMPS,
    st.fixed_dictionaries(
        {"text": TEXTS, "status": st.just(ActionStatus.PENDING), "assignee": PEOPLE | st.none()},
        optional={"ref": st.just("abcd"), "brief": st.just(BRIEF), "asker": ASKERS},
    ),
)
HISTORIES = st.lists(st.one_of(CREATIONS, CHANGES, CHANGES), min_size=1, max_size=12)


def known(changes: Iterable[Change]) -> dict[str, dict[str, Any]]:
    """Return what there is to know of each action: of every field what has the latest stamp, and of one stamp the larger."""
    found: dict[str, dict[str, Any]] = {}
    latest: dict[tuple[str, str], tuple[str, str]] = {}
    for one in changes:
        fields = found.setdefault(one.action, {"changed_at": 0, "status_at": 0})
        fields["changed_at"] = max(fields["changed_at"], one.at)
        for name, value in one.wire()["fields"].items():
            order = (one.stamp, json.dumps(value))
            if order > latest.get((one.action, name), ("", "")):
                latest[one.action, name] = order
                fields[name] = value
                if name == "status":
                    fields["status_at"] = one.at
    return found


class Everything(NamedTuple):
    """All that a store says of its actions, but for the numbers that it gave them."""

    rows: list[dict[str, Any]]
    shown: list[ActionView]
    histories: dict[str, list[Any]]
    digests: dict[int, str]
    total: str
    counts: dict[ActionStatus, int]
    found: dict[str, set[str]]


def everything(connection: sqlite3.Connection) -> Everything:
    """Return all that a store says of its actions, after checks that it does not contradict itself."""
    rows = [dict(row) for row in connection.execute("SELECT * FROM actions ORDER BY id")]
    numbers = {row.pop("number"): row["id"] for row in rows}
    counts = Counter(row["status"] for row in rows if row["text"] is not None)
    assert actions.counts(connection) == {status: counts[status.rank] for status in ActionStatus if counts[status.rank]}
    found = {}
    for word in VOCABULARY:
        matching = set(text_index.matching_actions(connection, f'"{word}"'))
        like = connection.execute(
            "SELECT number FROM actions WHERE text LIKE ?1 OR note LIKE ?1 ORDER BY number", (f"%{word}%",)
        )
        assert sorted(matching) == [row["number"] for row in like]
        found[word] = {numbers[number] for number in matching}
    shown = listed(connection)
    assert all(re.fullmatch("[0-9a-f]{16}", digest) for digest in action_changes.digests(connection).values())
    assert {one.id for one in shown} == {row["id"] for row in rows if row["text"] is not None}
    return Everything(
        rows=rows,
        shown=sorted((one.model_copy(update={"number": 0}) for one in shown), key=lambda one: one.id),
        histories={id: action_changes.history(connection, number) for number, id in numbers.items()},
        digests=action_changes.digests(connection),
        total=action_changes.total(connection),
        counts=actions.counts(connection),
        found=found,
    )


class TestConvergence:
    """Changes come in any order, and more than once."""

    @given(HISTORIES, st.data())
    @settings(max_examples=80, deadline=None)
    def test_any_order_ends_the_same(self, changes: list[Change], data: st.DataObject) -> None:
        """Three nodes that take the same changes in, each in an order of its own and some of them again, know the same."""
        expected = known(changes)
        ends = []
        with ExitStack() as stack:
            for _ in range(3):
                connection = stack.enter_context(closing(opened()))
                again = data.draw(st.lists(st.sampled_from(changes), max_size=4))
                taken: set[str] = set()
                for one in data.draw(st.permutations([*changes, *again])):
                    text = canonical(one.wire())
                    assert apply(connection, one) == (text not in taken)
                    taken.add(text)
                ends.append(everything(connection))
        assert ends[0] == ends[1] == ends[2]
        assert {row["id"] for row in ends[0].rows} == expected.keys()
        assert ends[0].counts == {
            status: number
            for status in ActionStatus
            if (
                number := sum(
                    fields.get("text") is not None and fields.get("status", "pending") == status
                    for fields in expected.values()
                )
            )
        }
        for shown in ends[0].shown:
            fields = expected[shown.id]
            assert shown.model_dump(mode="json", exclude={"id", "number", "ref", "brief_ref", "created_at"}) == {
                name: fields.get(name, default)
                for name, default in (
                    ("text", None), ("assignee", None), ("status", "pending"), ("priority", "normal"), ("due", None),
                    ("note", None), ("asker", None), ("brief", None), ("changed_at", 0), ("status_at", 0),
                )
            }  # fmt: skip
            assert shown.ref == (fields.get("ref") or code_of(shown.id)[:REF_LENGTH])
            assert shown.created_at == id_ms(shown.id)

    @given(HISTORIES)
    @settings(max_examples=40, deadline=None)
    def test_it_holds_at_every_step(self, changes: list[Change]) -> None:
        """After each change counts equal a recount and words find what they should; a change that is known changes nothing."""
        with closing(opened()) as connection:
            for number, one in enumerate(changes):
                apply(connection, one)
                before = everything(connection)
                for earlier in changes[: number + 1]:
                    assert not apply(connection, earlier)
                assert everything(connection) == before

    @given(HISTORIES, HISTORIES)
    @settings(max_examples=40, deadline=None)
    def test_two_nodes_that_exchange_what_differs(self, here: list[Change], there: list[Change]) -> None:
        """Sent all changes of the parts whose sums differ, two nodes come to know the same, and see that they do."""
        with closing(opened()) as one, closing(opened()) as other:
            for connection, changes in ((one, here), (other, there)):
                for made in changes:
                    apply(connection, made)
            sums = action_changes.digests(one), action_changes.digests(other)
            same = {canonical(made.wire()) for made in here} == {canonical(made.wire()) for made in there}
            assert (action_changes.total(one) == action_changes.total(other)) == same == (sums[0] == sums[1])
            for source, target, theirs in ((one, other, sums[1]), (other, one, sums[0])):
                for bucket in action_changes.where_different(source, theirs):
                    for kept in action_changes.in_bucket(source, bucket):
                        apply(target, Change.model_validate(json.loads(kept.canonical)))
            assert action_changes.total(one) == action_changes.total(other)
            assert everything(one) == everything(other)
            assert action_changes.where_different(one, action_changes.digests(other)) == []

    @given(HISTORIES, st.integers(1, 5))
    @settings(max_examples=30, deadline=None)
    def test_the_history_in_the_order_of_arrival(self, changes: list[Change], limit: int) -> None:
        """Page by page, each change comes once, in the order in which it was taken in, with the text that was signed."""
        with closing(opened()) as connection:
            for one in changes:
                apply(connection, one)
            kept: list[action_changes.Kept] = []
            while some := action_changes.since(connection, kept[-1].place if kept else 0, limit):
                assert len(some) <= limit
                assert len(kept) <= len(changes)
                kept += some
            assert [one.canonical for one in kept] == list(dict.fromkeys(canonical(one.wire()) for one in changes))
            assert actions.last_place(connection) == kept[-1].place
            for action in {one.action for one in changes}:
                row = connection.execute("SELECT number FROM actions WHERE id = ?", (action,)).fetchone()
                stamps = [one.stamp for one in changes if one.action == action and one.wire()["fields"]]
                assert actions.last_stamp(connection, row["number"]) == max(stamps, default=None)

    def test_one_stamp_at_two_times(self) -> None:
        """Two changes to the same status with the same stamp, made at different times, end the same in any order."""
        made = [change(IDS[0], "00000000001000-00000-a", {"text": "review", "status": "done"}, at) for at in (5, 9)]
        with closing(opened()) as one, closing(opened()) as other:
            for first, second in zip(made, reversed(made), strict=True):
                apply(one, first)
                apply(other, second)
            assert action_changes.total(one) == action_changes.total(other)
            assert listed(one)[0].changed_at == listed(other)[0].changed_at == 9
            assert listed(one)[0].status_at == listed(other)[0].status_at


class TestUpdatesBeforeTheAction:
    """What comes before the change that makes an action."""

    @given(st.lists(st.builds(change, st.just(IDS[0]), STAMPS, FIELDS), min_size=1, max_size=5))
    @settings(max_examples=60, deadline=None)
    def test_stays_unseen_until_the_action_comes(self, changes: list[Change]) -> None:
        """No list, no count and no name shows it; once the action is there, all of it counts."""
        updates = [one for one in changes if "text" not in one.fields.model_fields_set]
        made = change(IDS[0], "00000000001000-00001-b", {"text": "made", "status": "wip", "asker": "bravo@b"})
        with closing(opened()) as connection:
            other = create(connection, IDS[1])
            for one in updates:
                apply(connection, one)
            assert [one.number for one in listed(connection)] == [other]
            assert actions.counts(connection) == {ActionStatus.PENDING: 1}
            assert actions.loads(connection) == {}
            assert actions.of_brief(connection, BRIEF) == []
            assert list(actions.changed_since(connection, "bravo@b", 0)) == []
            for status in ActionStatus:
                assert {one.id for one in actions.longest_in(connection, status, 9)} <= {IDS[1]}
            for name in ("alpha", "bravo", "operator@a"):
                assert not actions.was_assigned(connection, name)
            for word in (IDS[0], code_of(IDS[0]), code_of(IDS[0])[:4], str(other + 1)):
                with pytest.raises(NoSuchAction):
                    actions.find(connection, word)
            apply(connection, made)
            shown = actions.find(connection, IDS[0])
            expected = known([*updates, made])[IDS[0]]
            assert (shown.text, shown.status, shown.asker) == ("made", expected["status"], expected["asker"])
            assert (shown.priority, shown.due) == (expected.get("priority", "normal"), expected.get("due"))
            assert sum(actions.counts(connection).values()) == 2
            everything(connection)

    def test_an_update_of_everything_else_is_no_action(self, connection: sqlite3.Connection) -> None:
        """Whose it is, how far it has come and who asked for it make no action without a text."""
        fields = {
            "assignee": "alpha",
            "status": "wip",
            "asker": "bravo@b",
            "brief": BRIEF,
            "note": "deploy",
            "ref": "abcd",
        }
        apply(connection, change(IDS[0], "00000000002000-00000-b", fields))
        assert listed(connection) == []
        assert actions.counts(connection) == actions.loads(connection) == {}
        assert actions.of_brief(connection, BRIEF) == []
        assert actions.longest_in(connection, ActionStatus.WIP, 9) == []
        assert not actions.was_assigned(connection, "alpha")
        assert actions.askers_called(connection, "bravo") == []
        assert list(actions.changed_since(connection, "bravo@b", 0)) == []
        create(connection)
        assert actions.counts(connection) == {ActionStatus.WIP: 1}
        assert actions.loads(connection) == {"alpha": 1}
        assert actions.was_assigned(connection, "alpha")
        assert actions.askers_called(connection, "bravo") == ["bravo@b"]
        assert [one.id for one in actions.of_brief(connection, BRIEF)] == [IDS[0]]

    def test_an_update_before_the_action_is_found_by_its_words(self, connection: sqlite3.Connection) -> None:
        """A note that came first is found as soon as the action is there, and not before."""
        wanted = actions.Filter(terms=parse_words("blocker"))
        apply(connection, change(IDS[0], "00000000002000-00000-b", {"note": "blocker"}))
        assert actions.page(connection, wanted, 9) == []
        create(connection)
        assert [one.note for _, one in actions.page(connection, wanted, 9)] == ["blocker"]


class TestNames:
    """What an action goes by."""

    def test_ref_number_id_and_code(self, connection: sqlite3.Connection) -> None:
        """An action is found by its number, its ref, every longer start of its code and its id, in any case."""
        create(connection, IDS[1])
        number = create(connection)
        code = code_of(IDS[0])
        for word in (
            str(number),
            f"#{number}",
            f" {code[:4]} ",
            code[:4].upper(),
            code[:7],
            code,
            IDS[0],
            IDS[0].upper(),
        ):
            assert actions.find(connection, word).id == IDS[0]

    @given(st.text(st.characters(), max_size=40) | st.text("0123456789abcdef-# ", max_size=40))
    @settings(max_examples=100, deadline=None)
    @example("1" * 15)
    @example("9" * 20)
    @example("1" * 400)
    @example("²" * 3)
    @example("%" * 36)
    def test_any_other_word(self, word: str) -> None:
        """Any text is an action's name, or there is no such action."""
        with closing(opened()) as connection:
            create(connection)
            with suppress(NoSuchAction):
                assert actions.find(connection, word).id == IDS[0]

    def test_a_word_of_surrogates(self, connection: sqlite3.Connection) -> None:
        """Text that is no Unicode names no action."""
        with pytest.raises(NoSuchAction):
            actions.find(connection, "\udcff" * 36)

    def test_two_that_begin_alike(self, connection: sqlite3.Connection) -> None:
        """The second of two actions whose codes begin alike gets a longer ref; the short one is its owner's."""
        seen: dict[str, str] = {}
        for n in count():
            other = f"0199a2b3-c4d0-7000-8000-{n:012x}"
            id = seen.setdefault(code_of(other)[:4], other)
            if id != other:
                break
        short = actions.new_ref(connection, id)
        assert short == code_of(id)[:4]
        create(connection, id, ref=code_of(id))
        longer = actions.new_ref(connection, other)
        assert code_of(other).startswith(longer)
        assert not code_of(id).startswith(longer)
        assert code_of(id).startswith(longer[:-1])
        create(connection, other, ref=longer)
        with pytest.raises(NoSuchAction, match="several actions") as caught:
            actions.find(connection, short)
        assert code_of(id) in caught.value.message
        assert code_of(other) in caught.value.message
        assert actions.find(connection, longer).id == other
        assert actions.find(connection, code_of(id)).id == id
        apply(connection, change(id, "00000000002000-00000-a", {"ref": short}))
        assert actions.find(connection, short).id == id

    def test_of_a_brief(self, connection: sqlite3.Connection) -> None:
        """The actions that a brief asked for come in its order."""
        for id in (IDS[2], IDS[0]):
            create(connection, id, brief=BRIEF, asker="alpha@a")
        create(connection, IDS[1])
        assert [one.id for one in actions.of_brief(connection, BRIEF)] == [IDS[2], IDS[0]]

    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("alpha", ["alpha@a", "alpha@b"]),
            ("ALPHA", ["alpha@a", "alpha@b"]),
            ("alph", []),
            ("alpha-2", ["alpha-2@a"]),
            ("a", []),
        ],
    )
    def test_who_of_a_name_has_asked(self, connection: sqlite3.Connection, name: str, found: list[str]) -> None:
        """Of those who ever asked for something, the ones of that name, on whatever node, and nobody of a longer name."""
        for n, asker in enumerate(["alpha@a", "alpha@b", "alpha-2@a", "alphabet@a", "alpha1@a", "bravo@a", "alpha@a"]):
            create(connection, f"0199a2b3-c4d0-7000-8000-{n:012d}", asker=asker)
        assert sorted(actions.askers_called(connection, name)) == found

    def test_somebody_whose_name_goes_on_with_an_underscore(self, connection: sqlite3.Connection) -> None:
        """`alpha_2` is somebody else than `alpha`."""
        create(connection, asker="alpha_2@a")
        assert actions.askers_called(connection, "alpha") == []

    def test_what_changed_of_what_somebody_asked(self, connection: sqlite3.Connection) -> None:
        """Changes after a place come in the order of their arrival, with the action as it is now."""
        create(connection, asker="alpha@a")
        create(connection, IDS[1], asker="bravo@b")
        place = actions.last_place(connection)
        apply(connection, change(IDS[0], "00000000002000-00000-b", {"status": "wip"}))
        apply(connection, change(IDS[1], "00000000002000-00000-b", {"status": "done"}))
        apply(connection, change(IDS[0], "00000000001500-00000-c", {"note": "late"}))
        news = list(actions.changed_since(connection, "Alpha@a", place))
        assert [(one.status, made.stamp[-1]) for one, made in news] == [("wip", "b"), ("wip", "c")]
        assert list(actions.changed_since(connection, "alpha@a", actions.last_place(connection))) == []


SUMS = st.sampled_from(["x", "y", "z"])


class TestApart:
    """Which peers stay apart, by what heartbeats say."""

    @given(st.lists(st.tuples(st.sampled_from(["b", "c"]), SUMS, SUMS), max_size=50))
    @settings(deadline=None)
    def test_a_difference_that_stays(self, beats: list[tuple[str, str, str]]) -> None:
        """A peer is asked at the second difference in a row, and at each further one that is another than the one before."""
        apart = Apart()
        rows: dict[str, list[tuple[str, str]]] = {"b": [], "c": []}
        for peer, own, theirs in beats:
            row = rows[peer]
            row.append((own, theirs))
            asked = apart.should_ask(peer, own, theirs)
            if own == theirs:
                assert not asked
                row.clear()
            else:
                assert asked == (len(row) == 2 or (len(row) > 2 and row[-1] != row[-2]))

    def test_never_at_the_first_difference(self) -> None:
        """Most differences are on their way already; one that is over is forgotten."""
        apart = Apart()
        for _ in range(100):
            assert not apart.should_ask("b", "x", "y")
            assert not apart.should_ask("b", "x", "x")

    def test_what_stays_for_good_is_asked_for_now_and_then(self) -> None:
        """What a peer refuses for good is asked for again, but once in many heartbeats only."""
        apart = Apart()
        asked = [beat for beat in range(1, 1_001) if apart.should_ask("b", "x", "y")]
        assert asked[0] == 2
        assert 5 <= len(asked) <= 20
        assert max(later - earlier for earlier, later in pairwise(asked)) <= 60
