"""Mailboxes against a plain model: counters, lists and what is read."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from claudemail.model.brief import Priority
from claudemail.model.ids import code_of, new_id
from claudemail.store import entries
from claudemail.store.database import MAIL

BOXES = ("alpha", "bravo", "team")
boxes = st.sampled_from(BOXES)
several = st.lists(boxes, min_size=1, max_size=3, unique=True)


class Mailboxes(RuleBasedStateMachine):
    """Any order of deliveries (repeated ones too) and readings."""

    def __init__(self) -> None:
        super().__init__()
        self.briefs: dict[int, tuple[str, Priority]] = {}
        self.unread: dict[tuple[str, int], bool] = {}

    @initialize()
    def start(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        for version in range(1, MAIL.version + 1):
            self.connection.executescript(MAIL.text(version))

    def teardown(self) -> None:
        self.connection.close()

    @rule(sender=st.sampled_from(["charlie", "delta"]), priority=st.sampled_from(Priority), to=several)
    def arrive(self, sender: str, priority: Priority, to: list[str]) -> None:
        number = len(self.briefs) + 1
        id = new_id(number)
        self.connection.execute(
            "INSERT INTO briefs (id, code, ref, thread, at, accepted_at, sender, node, title, priority, actions, canonical,"
            " signature, verified) VALUES (?1, ?2, 'abcd', ?1, ?3, ?3, ?4, 'server2', 't', ?5, 0, '{}', '', 1)",
            (id, code_of(id), number * 10, sender, priority.rank),
        )
        self.briefs[number] = (sender, priority)
        for box in to:
            assert entries.deliver(self.connection, box, number, priority)
            self.unread[box, number] = True

    @rule(data=st.data(), box=boxes, shout=st.booleans())
    def arrive_again(self, data: st.DataObject, box: str, shout: bool) -> None:  # noqa: FBT001
        if self.briefs:
            number = data.draw(st.sampled_from(sorted(self.briefs)))
            new = entries.deliver(self.connection, box.upper() if shout else box, number, self.briefs[number][1])
            assert new == ((box, number) not in self.unread)
            self.unread.setdefault((box, number), True)

    @rule(data=st.data(), where=several)
    def read(self, data: st.DataObject, where: list[str]) -> None:
        if self.briefs:
            number = data.draw(st.sampled_from(sorted(self.briefs)))
            marked = entries.mark_read(self.connection, where, number, "reader", 99)
            assert {box.lower() for box in marked} == {box for box in where if self.unread.get((box, number))}
            for box in where:
                if (box, number) in self.unread:
                    self.unread[box, number] = False

    @invariant()
    def counters_equal_a_recount(self) -> None:
        if not hasattr(self, "connection"):
            return
        for where in (("alpha",), ("alpha", "team"), None):
            mine = {key: unread for key, unread in self.unread.items() if where is None or key[0] in where}
            counted, received = entries.counts(self.connection, where)
            assert counted == dict(Counter(self.briefs[number][1] for (_, number), unread in mine.items() if unread))
            assert received == len(mine)
        senders = Counter(f"{self.briefs[n][0]} (server2)" for (_, n), unread in self.unread.items() if unread)
        assert entries.unread_by_sender(self.connection, BOXES) == sorted(
            senders.items(), key=lambda one: (-one[1], one[0])
        )

    @rule(where=several, unread=st.booleans(), limit=st.integers(1, 4), oldest_first=st.booleans())
    def leaf_through(self, where: list[str], unread: bool, limit: int, oldest_first: bool) -> None:  # noqa: FBT001
        """Page by page, each brief comes once, in order, with its mailboxes."""
        held: dict[int, list[tuple[str, bool]]] = {}
        for (box, number), fresh in self.unread.items():
            if box in where and (fresh or not unread):
                held.setdefault(number, []).append((box, fresh))
        seen: list[Any] = []
        before = None
        while rows := entries.page(
            self.connection, where, unread=unread, limit=limit, before=before, oldest_first=oldest_first
        ):
            assert len(rows) <= limit
            seen += rows
            before = rows[-1].number
        assert [row.number for row in seen] == sorted(held, reverse=not oldest_first)
        for row in seen:
            assert sorted(box.lower() for box in row.mailboxes) == sorted(box for box, _ in held[row.number])
            assert row.unread == any(fresh for _, fresh in held[row.number])

    @rule(where=several, limit=st.integers(1, 5))
    def what_presses_most(self, where: list[str], limit: int) -> None:
        """The most urgent come first, the oldest first among them, each once."""
        waiting = {number for (box, number), fresh in self.unread.items() if box in where and fresh}
        expected = sorted(waiting, key=lambda number: (-self.briefs[number][1].rank, number))
        rows = entries.most_pressing(self.connection, where, limit)
        assert [row.number for row in rows] == expected[:limit]
        oldest = entries.oldest_unread(self.connection, where)
        assert oldest == (min(waiting) * 10 if waiting else None)


Mailboxes.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestMailboxes = Mailboxes.TestCase
TestMailboxes.__doc__ = "Counters always equal a recount, and lists hold what the model holds, in its order."
