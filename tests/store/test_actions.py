"""Actions against a plain model: changes in any order end the same everywhere, and lists hold what they should."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import cache
from itertools import count, pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.errors import NoSuchAction
from claudemail.model.action import CLOSED, OPEN, ActionFields, ActionStatus, Change
from claudemail.model.brief import Priority, canonical
from claudemail.model.ids import REF_LENGTH, code_of, id_ms
from claudemail.model.query import parse_words
from claudemail.model.views import ActionView
from claudemail.office.replication import Apart
from claudemail.store import action_changes, actions, text_index
from claudemail.store.database import MAIL

IDS = tuple(f"0199a2b3-c4d{n}-7000-8000-00000000000{n}" for n in range(3))
BRIEF, ANSWER, OTHER = (f"0199a2b3-0000-7000-8000-00000000000{n}" for n in range(3))
"""Briefs: one, an answer to it, and one that this node does not have."""
FAR = 32_503_679_999_998
"""As far ahead as a stamp may be, but for a little."""
VOCABULARY = ("deploy", "script", "review", "blocker", "urgent")
"""None of them is a part of another."""
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(" ".join)
DAYS = st.sampled_from(["2026-03-24", "2026-03-25", "9999-12-31"])
PEOPLE = st.sampled_from(["alpha", "Alpha", "bravo", "operator@a"])
ASKERS = st.sampled_from(["alpha@a", "Alpha@A", "bravo@b"])
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


@cache
def schema() -> bytes:
    """Return an empty mail database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        MAIL.prepare(connection)
        for version in range(1, MAIL.version + 1):
            connection.executescript(MAIL.text(version))
        return connection.serialize()


def opened() -> sqlite3.Connection:
    """Return a new, empty mail database in memory; a copy, since examples need thousands."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    MAIL.prepare(connection)
    connection.deserialize(schema())
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A new, empty mail database."""
    with closing(opened()) as connection:
        yield connection


def change(action: str, stamp: str, fields: dict[str, Any], at: int | None = None) -> Change:
    """Return a change; what has the same stamp was made at the same time, if no other is given."""
    at = zlib.crc32(stamp.encode()) % 7 if at is None else at
    return Change(action=action, stamp=stamp, at=at, by="alpha", fields=ActionFields(**fields))


def apply(connection: sqlite3.Connection, change: Change) -> bool:
    """Take a change in."""
    return actions.apply(connection, change, canonical(change.wire()), "", verified=True)


def create(
    connection: sqlite3.Connection, id: str = IDS[0], stamp: str = "00000000001000-00000-a", **fields: Any
) -> int:
    """Make an action and return its number."""
    made = {"ref": code_of(id)[:4], "text": "review", "status": ActionStatus.PENDING, **fields}
    assert apply(connection, change(id, stamp, made))
    return actions.find(connection, id).number


def listed(connection: sqlite3.Connection, statuses: Sequence[ActionStatus] = tuple(ActionStatus)) -> list[ActionView]:
    """Return all actions with these statuses."""
    return [action for _, action in actions.page(connection, actions.Filter(statuses=tuple(statuses)), 1_000)]


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


class Made(NamedTuple):
    """An action of the model."""

    number: int
    status: ActionStatus
    priority: Priority
    due: str | None
    assignee: str | None
    asker: str | None
    text: str
    note: str | None
    brief: str | None
    at: int

    def fits(self, wanted: actions.Filter) -> bool:
        """Return whether it is one of those that are wanted."""
        words = f"{self.text} {self.note or ''}".split()
        names = None if wanted.assignees is None else [name.lower() for name in wanted.assignees]
        return (
            self.status in wanted.statuses
            and (names is None or (self.assignee or "").lower() in names)
            and (wanted.asker is None or (self.asker or "").lower() == wanted.asker.lower())
            and wanted.priority in (None, self.priority)
            and wanted.brief in (None, self.brief)
            and (wanted.thread is None or self.brief in (BRIEF, ANSWER))
            and (
                wanted.due_before is None
                or (self.status in OPEN and self.due is not None and self.due < wanted.due_before)
            )
            and all((term.words in words) != term.excluded for term in wanted.terms)
        )

    def place(self, wanted: actions.Filter) -> tuple[Any, ...]:
        """Return its sort key: the open before the closed, each in their order."""
        if self.status in CLOSED:
            return (1, -self.at, -self.number)
        due = self.due or "later"
        pressing = (-self.priority.rank, due) if wanted.due_before is None else (due, -self.priority.rank)
        return (0, *pressing, self.number)


DRAWN = st.tuples(
    st.sampled_from(ActionStatus),
    st.sampled_from(Priority),
    DAYS | st.none(),
    PEOPLE | st.none(),
    ASKERS | st.none(),
    TEXTS,
    TEXTS | st.none(),
    st.sampled_from([BRIEF, ANSWER, OTHER]) | st.none(),
    st.integers(0, 5),
)
FILTERS = st.builds(
    actions.Filter,
    statuses=st.just(tuple(ActionStatus)) | st.lists(st.sampled_from(ActionStatus), min_size=1, unique=True).map(tuple),
    assignees=st.none()
    | st.just(("alpha", "ALPHA", ""))
    | st.lists(PEOPLE | st.just(""), min_size=1, max_size=3).map(tuple),
    asker=st.none() | ASKERS,
    priority=st.none() | st.sampled_from(Priority),
    due_before=st.none() | st.none() | st.sampled_from(["2026-03-25", "2027-01-01", "9999-12-31"]),
    brief=st.none() | st.none() | st.sampled_from([BRIEF, OTHER]),
    thread=st.none() | st.none() | st.just(BRIEF),
    terms=st.sampled_from(["", "", "deploy", "script -review", "urgent deploy"]).map(
        lambda text: parse_words(text) if text else ()
    ),
)


def fill(connection: sqlite3.Connection, drawn: Sequence[tuple[Any, ...]]) -> list[Made]:
    """Make actions, and return the model of them."""
    made = []
    for id in (BRIEF, ANSWER):
        connection.execute(
            "INSERT INTO briefs (id, code, ref, thread, at, accepted_at, sender, node, title, priority, actions, canonical,"
            " signature, verified) VALUES (?, ?, 'abcd', ?, 1, 1, 'alpha', 'a', 't', 1, 0, '{}', '', 1)",
            (id, code_of(id), BRIEF),
        )
    for number, (status, priority, due, assignee, asker, text, note, brief, at) in enumerate(drawn, 1):
        fields = {
            "text": text, "status": status, "priority": priority, "due": due, "assignee": assignee, "asker": asker, "note": note,
            "brief": brief,
        }  # fmt: skip
        id = f"0199a2b3-c4d0-7000-8000-{number:012d}"
        assert apply(connection, change(id, f"{number:014d}-00000-a", fields, at))
        made.append(Made(number, status, priority, due, assignee, asker, text, note, brief, at))
    return made


class TestPages:
    """Lists, a page at a time."""

    @given(st.lists(DRAWN, max_size=30), st.lists(FILTERS, min_size=1, max_size=4), st.integers(1, 7), st.data())
    @settings(max_examples=80, deadline=None)
    def test_each_comes_once_in_its_order(
        self, drawn: list[tuple[Any, ...]], filters: list[actions.Filter], limit: int, data: st.DataObject
    ) -> None:
        """Whatever is wanted and however long a page is, page by page there is all of it, once and in order."""
        with closing(opened()) as connection:
            made = fill(connection, drawn)
            for wanted in filters:
                fitting = sorted((one for one in made if one.fits(wanted)), key=lambda one: one.place(wanted))
                expected = [one.number for one in fitting]
                seen: list[tuple[str, ActionView]] = []
                while rows := actions.page(connection, wanted, limit, seen[-1][0] if seen else None):
                    assert len(rows) <= limit
                    assert len(seen) <= len(expected)
                    seen += rows
                assert [action.number for _, action in seen] == expected
                assert seen == actions.page(connection, wanted, 100)
                if seen:
                    place = data.draw(st.integers(0, len(seen) - 1))
                    assert actions.page(connection, wanted, 100, seen[place][0]) == seen[place + 1 :]

    @given(st.lists(DRAWN, max_size=30))
    @settings(max_examples=30, deadline=None)
    def test_sums_equal_the_lists(self, drawn: list[tuple[Any, ...]]) -> None:
        """Counts, loads and who was assigned say what a walk through all actions says."""
        with closing(opened()) as connection:
            made = fill(connection, drawn)
            assert actions.counts(connection) == Counter(one.status for one in made)
            loads = Counter(one.assignee.lower() for one in made if one.assignee and one.status in OPEN)
            assert {name.lower(): load for name, load in actions.loads(connection).items()} == loads
            for name in ("alpha", "ALPHA", "bravo", "operator@a", "charlie"):
                assigned = any(name.lower() == (one.assignee or "").lower() for one in made)
                assert actions.was_assigned(connection, name) == assigned
            for status in ActionStatus:
                longest = sorted((one.at, one.number) for one in made if one.status == status)[:3]
                assert [(one.status_at, one.number) for one in actions.longest_in(connection, status, 3)] == longest

    @given(st.lists(DRAWN, min_size=1, max_size=12), FILTERS, FILTERS)
    @settings(max_examples=80, deadline=None)
    def test_a_cursor_of_another_list(
        self, drawn: list[tuple[Any, ...]], wanted: actions.Filter, other: actions.Filter
    ) -> None:
        """A cursor goes on in every list that has its order, and is refused by those that have not."""
        with closing(opened()) as connection:
            fill(connection, drawn)
            orders = set()
            if any(status in OPEN for status in other.statuses):
                orders.add("p" if other.due_before is None else "d")
            if any(status in CLOSED for status in other.statuses) and other.due_before is None:
                orders.add("c")
            for cursor, _ in actions.page(connection, wanted, 100):
                if cursor[0] in orders:
                    whole = actions.page(connection, other, 100)
                    rest = actions.page(connection, other, 100, cursor)
                    assert rest == whole[len(whole) - len(rest) :]
                else:
                    with pytest.raises(ValueError, match=cursor):
                        actions.page(connection, other, 100, cursor)

    @given(
        st.text(st.characters(), min_size=1, max_size=40)
        | st.lists(st.sampled_from(["p", "d", "c", "/", "-", "1", "9" * 18, "2026-12-31", "٣", "\n", " "])).map(
            "".join
        ),
        FILTERS,
    )
    @settings(max_examples=200, deadline=None)
    @example("p/1/2026-12-31/" + "9" * 18, actions.Filter())
    @example("p/1/2026-12-31/" + "9" * 19, actions.Filter())
    @example("c/" + "9" * 18 + "/0", actions.Filter(statuses=CLOSED))
    @example("d/9999-99-99/0/0", actions.Filter(due_before="2026-01-01"))
    def test_nonsense_for_a_cursor(self, cursor: str, wanted: actions.Filter) -> None:
        """Any text is a place in a list or a ValueError."""
        with closing(opened()) as connection:
            fill(connection, [(ActionStatus.WIP, Priority.HIGH, None, None, None, "deploy", None, None, 1)])
            try:
                found = actions.page(connection, wanted, 9, cursor)
            except ValueError:
                return
            assert len(found) <= 1

    @pytest.mark.parametrize(
        "cursor",
        ["x", "p", "p/1/2026-12-31", "p/1/2026-12-31/1/", " p/1/2026-12-31/1", "p/1/2026-12-31/1\n", "p/-1/2026-12-31/1",
         "p/1/today/1", "p/1/2026-12-31/٣", "c/1", "c/1/1", "d/2026-12-31/1/1", "1"],
    )  # fmt: skip
    def test_what_is_no_cursor_of_open_ones(self, connection: sqlite3.Connection, cursor: str) -> None:
        """What no page of open actions gave is refused, other lists' cursors too."""
        create(connection)
        with pytest.raises(ValueError, match=r".*"):
            actions.page(connection, actions.Filter(), 9, cursor)

    def test_the_order_as_it_is_documented(self, connection: sqlite3.Connection) -> None:
        """By priority, then by the day, then the older ones; then the closed, the latest first."""
        pending, wip, done = ActionStatus.PENDING, ActionStatus.WIP, ActionStatus.DONE
        low, normal, urgent = Priority.LOW, Priority.NORMAL, Priority.URGENT
        fill(
            connection,
            [
                (done, urgent, None, None, None, "closed first", None, None, 3),
                (pending, low, "2026-01-01", None, None, "low but overdue", None, None, 1),
                (pending, normal, None, None, None, "without a day", None, None, 1),
                (wip, normal, "2026-12-31", None, None, "in work, of the same day", None, None, 1),
                (pending, normal, "2026-12-31", None, None, "of the same day, younger", None, None, 1),
                (pending, urgent, None, None, None, "urgent", None, None, 1),
                (ActionStatus.DROPPED, low, None, None, None, "closed last", None, None, 4),
            ],
        )
        assert [one.text for one in listed(connection)] == [
            "urgent",
            "in work, of the same day",
            "of the same day, younger",
            "without a day",
            "low but overdue",
            "closed last",
            "closed first",
        ]
        overdue = actions.Filter(statuses=tuple(ActionStatus), due_before="2027-01-01")
        assert [one.text for _, one in actions.page(connection, overdue, 9)] == [
            "low but overdue",
            "in work, of the same day",
            "of the same day, younger",
        ]

    def test_a_word_that_very_many_have(self, connection: sqlite3.Connection) -> None:
        """Of a word that thousands of actions have, pages hold the same as of any other."""
        often = 2_100
        connection.execute("BEGIN")
        fill(connection, [(ActionStatus.PENDING, Priority.NORMAL, None, None, None, "deploy", None, None, 1)] * often)
        create(connection, text="deploy script", priority=Priority.URGENT)
        create(connection, IDS[1], text="review", priority=Priority.URGENT)
        connection.execute("COMMIT")
        wanted = actions.Filter(terms=parse_words("deploy"))
        first = actions.page(connection, wanted, 3)
        assert [one.number for _, one in first] == [often + 1, 1, 2]
        assert [one.number for _, one in actions.page(connection, wanted, 2, first[-1][0])] == [3, 4]
        only = actions.Filter(terms=parse_words("deploy script"))
        assert [one.number for _, one in actions.page(connection, only, 9)] == [often + 1]

    @pytest.mark.parametrize("typed", ["修理", "修理する", "する", "한국"])
    def test_words_of_scripts_without_spaces(self, connection: sqlite3.Connection, typed: str) -> None:
        """A part of a text in Japanese, Chinese or Korean finds the action that it is in."""
        create(connection, text="バグを修理する", note="한국어")
        create(connection, IDS[1], text="other")
        assert [one.id for _, one in actions.page(connection, actions.Filter(terms=parse_words(typed)), 9)] == [IDS[0]]


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
