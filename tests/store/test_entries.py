"""Mailboxes against a plain model: counters, lists, what is read, told, starred and archived, and what is found in them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from claudemail.model.brief import Brief, Priority, Sender, canonical
from claudemail.model.ids import code_of, new_id
from claudemail.store import briefs, entries, stars, text_index
from claudemail.store.database import MAIL

BOXES = ("alpha", "bravo", "team")
boxes = st.sampled_from(BOXES)
several = st.lists(boxes, min_size=1, max_size=3, unique=True)


class Sent(NamedTuple):
    """A brief of the model."""

    sender: str
    priority: Priority
    brief: Brief


class Mailboxes(RuleBasedStateMachine):
    """Any order of deliveries (repeated ones too), readings, stars and clean-ups."""

    def __init__(self) -> None:
        super().__init__()
        self.briefs: dict[int, Sent] = {}
        self.unread: dict[tuple[str, int], bool] = {}
        self.told: set[tuple[str, int]] = set()
        self.archived: set[tuple[str, int]] = set()
        self.starred: set[tuple[str, int]] = set()
        self.indexed = 0

    @initialize()
    def start(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        MAIL.prepare(self.connection)
        for version in range(1, MAIL.version + 1):
            self.connection.executescript(MAIL.text(version))

    def teardown(self) -> None:
        self.connection.close()

    @rule(sender=st.sampled_from(["charlie", "delta"]), priority=st.sampled_from(Priority), to=several)
    def arrive(self, sender: str, priority: Priority, to: list[str]) -> None:
        number = len(self.briefs) + 1
        id = new_id(number)
        brief = Brief(
            id=id,
            ref=code_of(id)[:4],
            stamp=f"{number:014d}-00000-server2",
            at=number * 10,
            sender=Sender(name=sender, node="server2"),
            to=list(to),
            title=f"title {number}",
            body=f"body {priority}",
            priority=priority,
            thread=id,
        )
        text = canonical(brief.fields())
        assert briefs.insert(self.connection, brief, text, "", verified=True, now=number * 10) == number
        self.briefs[number] = Sent(sender, priority, brief)
        entries.deliver(self.connection, number, brief, to, known=False)
        for box in to:
            self.unread[box, number] = True

    @rule(data=st.data(), box=boxes, shout=st.booleans())
    def arrive_again(self, data: st.DataObject, box: str, shout: bool) -> None:  # noqa: FBT001
        """A brief that comes again is as it was where it was, and new elsewhere."""
        if self.briefs:
            number = data.draw(st.sampled_from(sorted(self.briefs)))
            place = box.upper() if shout and (box, number) in self.unread else box
            entries.deliver(self.connection, number, self.briefs[number].brief, [place], known=True)
            self.unread.setdefault((box, number), True)

    @rule()
    def index(self) -> None:
        """The full text takes in what has come by now."""
        self.indexed = text_index.take_in_some(self.connection)
        assert self.indexed == len(self.briefs)
        assert text_index.due(self.connection) is None

    @rule(data=st.data(), where=several)
    def read(self, data: st.DataObject, where: list[str]) -> None:
        if self.briefs:
            number = data.draw(st.sampled_from(sorted(self.briefs)))
            marked = entries.mark_read(self.connection, where, number, "reader", 99)
            assert {box.lower() for box in marked} == {box for box in where if self.unread.get((box, number))}
            for box in where:
                if (box, number) in self.unread:
                    self.unread[box, number] = False

    @rule(where=several, limit=st.integers(1, 4))
    def tell(self, where: list[str], limit: int) -> None:
        """Of unread mail somebody is told once, the newest first."""
        news = {number for (box, number), fresh in self.unread.items() if box in where and fresh}
        news = {number for number in news if any(
            self.unread.get((box, number)) and (box, number) not in self.told for box in where)}  # fmt: skip
        found = entries.untold(self.connection, where, limit)
        assert found == sorted(news, reverse=True)[:limit]
        for number in found:
            fresh = {box for box in where if self.unread.get((box, number)) and (box, number) not in self.told}
            assert set(entries.mark_notified(self.connection, where, number, 5)) == fresh
            self.told |= {(box, number) for box in fresh}

    @rule(data=st.data(), box=boxes)
    def star(self, data: st.DataObject, box: str) -> None:
        if self.briefs:
            number = data.draw(st.sampled_from(sorted(self.briefs)))
            assert stars.toggle(self.connection, box, number, 1) == ((box, number) not in self.starred)
            self.starred ^= {(box, number)}

    @rule(data=st.data(), box=boxes)
    def archive(self, data: st.DataObject, box: str) -> None:
        """Only what is read goes into the archive."""
        if self.briefs:
            number = data.draw(st.sampled_from(sorted(self.briefs)))
            entries.archive(self.connection, box, number, 9)
            if self.unread.get((box, number)) is False:
                self.archived.add((box, number))

    @rule(box=boxes, at=st.integers(0, 300), after=st.integers(0, 5))
    def look_for_old_mail(self, box: str, at: int, after: int) -> None:
        """What may be archived is read, older than that, and not archived yet."""
        old = sorted(
            number
            for (name, number), fresh in self.unread.items()
            if name == box and not fresh and number > after and number * 10 < at and (name, number) not in self.archived
        )
        found = entries.read_before(self.connection, box, at, after=after, limit=3)
        assert [row["number"] for row in found] == old[:3]
        for row in found:
            assert row["stars"] == sum(number == row["number"] for _, number in self.starred)

    @invariant()
    def counters_equal_a_recount(self) -> None:
        if not hasattr(self, "connection"):
            return
        for where in (("alpha",), ("alpha", "team"), None):
            mine = {key: unread for key, unread in self.unread.items() if where is None or key[0] in where}
            counted, received = entries.counts(self.connection, where)
            assert counted == dict(
                Counter(self.briefs[number].priority for (_, number), unread in mine.items() if unread)
            )
            assert received == len(mine)
        senders = Counter(f"{self.briefs[n].sender} (server2)" for (_, n), unread in self.unread.items() if unread)
        assert entries.unread_by_sender(self.connection, BOXES) == sorted(
            senders.items(), key=lambda one: (-one[1], one[0])
        )
        assert entries.archived_count(self.connection) == len(self.archived)

    @invariant()
    def the_full_text_has_what_it_took_in_by_its_mailboxes(self) -> None:
        if not hasattr(self, "connection"):
            return
        for box in BOXES:
            query = text_index.any_of([text_index.held_by(box)])
            held = (number for name, number in self.unread if name == box and number <= self.indexed)
            assert list(text_index.matches(self.connection, query)) == sorted(held, reverse=True)
        everything = text_index.any_of([text_index.EVERY])
        assert list(text_index.matches(self.connection, everything)) == list(range(self.indexed, 0, -1))

    @rule(where=several, unread=st.booleans(), limit=st.integers(1, 4))
    def leaf_through(self, where: list[str], unread: bool, limit: int) -> None:  # noqa: FBT001
        """Page by page, each brief that is not archived comes once, newest first, with its mailboxes."""
        held: dict[int, list[tuple[str, bool]]] = {}
        for (box, number), fresh in self.unread.items():
            if box in where and (fresh or not unread) and (box, number) not in self.archived:
                held.setdefault(number, []).append((box, fresh))
        seen: list[Any] = []
        before = None
        while rows := entries.page(self.connection, where, unread=unread, limit=limit, before=before):
            assert len(rows) <= limit
            seen += rows
            before = rows[-1].number
        assert [row.number for row in seen] == sorted(held, reverse=True)
        for row in seen:
            assert sorted(box.lower() for box in row.mailboxes) == sorted(box for box, _ in held[row.number])
            assert row.unread == any(fresh for _, fresh in held[row.number])
            assert row.starred == any((box, row.number) in self.starred for box in where)
            assert not row.archived

    @rule(where=several, limit=st.integers(1, 5), above=st.integers(0, 5))
    def what_presses_most(self, where: list[str], limit: int, above: int) -> None:
        """The most urgent come first, the oldest first among them, each once."""
        waiting = {number for (box, number), fresh in self.unread.items() if box in where and fresh}
        expected = sorted(waiting, key=lambda number: (-self.briefs[number].priority.rank, number))
        rows = entries.most_pressing(self.connection, where, limit)
        assert [row.number for row in rows] == expected[:limit]
        oldest = entries.oldest_unread(self.connection, where, list(Priority))
        assert oldest == (min(waiting) * 10 if waiting else None)
        later = sorted(number for number in waiting if number > above)
        assert entries.unread_after(self.connection, where, above, limit) == later[-limit:]


Mailboxes.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestMailboxes = Mailboxes.TestCase
TestMailboxes.__doc__ = "Counters always equal a recount, and lists hold what the model holds, in its order."
