"""Pages of actions against a plain model: each lists what it should, in its order, and goes on where the last one ended."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claudemail.model.action import CLOSED, OPEN, ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.ids import code_of
from claudemail.model.query import parse_words
from claudemail.model.views import ActionView
from claudemail.store import actions
from tests.store.conftest import (
    ANSWER,
    ASKERS,
    BRIEF,
    DAYS,
    IDS,
    OTHER,
    PEOPLE,
    TEXTS,
    apply,
    change,
    create,
    listed,
    opened,
)


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
            and (wanted.least is None or self.priority.rank >= wanted.least.rank)
            and (wanted.node is None or self._is_of(wanted.node))
            and wanted.brief in (None, self.brief)
            and (wanted.thread is None or self.brief in (BRIEF, ANSWER))
            and (
                wanted.due_before is None
                or (self.status in OPEN and self.due is not None and self.due < wanted.due_before)
            )
            and all((term.words in words) != term.excluded for term in wanted.terms)
        )

    def _is_of(self, residents: actions.Residents) -> bool:
        names = [name.lower() for name in residents.names]
        return (self.assignee or "").lower() in names or (self.asker or "").partition("@")[2] == residents.node

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
    priority=st.none() | st.none() | st.sampled_from(Priority),
    least=st.none() | st.none() | st.sampled_from(Priority),
    node=st.none() | st.none() | st.builds(actions.Residents, st.sampled_from("ab"), st.tuples(PEOPLE)),
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

    @given(st.lists(DRAWN, max_size=20), st.lists(FILTERS, min_size=1, max_size=4), st.integers(1, 7))
    @settings(max_examples=60, deadline=None)
    def test_counts_and_places(self, drawn: list[tuple[Any, ...]], filters: list[actions.Filter], rows: int) -> None:
        """Whatever is wanted, it is counted by status, each action has its place, and the one some rows before is found."""
        with closing(opened()) as connection:
            made = fill(connection, drawn)
            for wanted in filters:
                fitting = Counter(one.status for one in made if one.fits(wanted))
                assert actions.count(connection, wanted) == fitting
                listed = actions.page(connection, wanted, 100)
                places = {action.id: place for place, action in listed}
                for one in made:
                    id = f"0199a2b3-c4d0-7000-8000-{one.number:012d}"
                    assert actions.place_of(connection, wanted, id) == places.get(id)
                for statuses in (OPEN, CLOSED):
                    own = wanted._replace(statuses=statuses)
                    order = [place for place, _ in actions.page(connection, own, 100)]
                    for index, place in enumerate([*order, None]):
                        expected = order[index - rows] if index >= rows else None
                        assert actions.place_before(connection, own, place, rows) == expected

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
