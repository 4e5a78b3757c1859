"""Waiting: what somebody's own briefs and requests wait for, and waiting for the next answer."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable

from claudemail.model.action import CLOSED, OPEN, ActionStatus, asker
from claudemail.model.views import ActionPage, ActionView, InboxRow, WaitEnd, WaitingBrief, WaitingView
from claudemail.office.desk import Desk
from claudemail.office.finding import find_for
from claudemail.office.party import Party
from claudemail.office.sending import with_presence
from claudemail.store import actions, briefs, entries, recipients

DAYS = 14
_DAY_MS = 86_400_000
_MOST_ACTIONS = 20
_MOST_LOOKED_AT = 500
_TELL_EVERY_S = 5.0
Tick = Callable[[float], Awaitable[None]]
"""Is told, now and then, for how many seconds somebody has been waiting."""


async def waiting(
    desk: Desk, party: Party, *, limit: int, before: int | None, days: int, word: str | None
) -> WaitingView:
    """Return this party's own briefs that someone has not read or nobody has answered, and open actions they asked for.

    Args:
        desk: the desk.
        party: who waits.
        limit: the most briefs.
        before: only numbers below this.
        days: how far to look back.
        word: only what is in the thread of this brief (ref, number or id).

    Raises:
        NotFound: there is no brief that goes by `word`, or it is neither from nor to this party.
    """
    peers = await desk.peers()

    def work(connection: sqlite3.Connection) -> WaitingView:
        found: list[WaitingBrief] = []
        directory = desk.directory_in(connection, peers)
        thread = None if word is None else find_for(connection, party, word).row["thread"]
        since = desk.wall() - days * _DAY_MS
        numbers, cursor = _unanswered(connection, party, since, limit, before, thread)
        for row in reversed(entries.rows_of(connection, numbers, party.mailboxes)):
            states = with_presence(recipients.states(connection, row.number), directory, peers)
            found.append(WaitingBrief(row=row, states=states, answered=_is_answered(connection, party, row.number)))
        wanted = actions.Filter(statuses=OPEN, asker=asker(party.sender), thread=thread)
        asked = actions.page(connection, wanted, _MOST_ACTIONS + 1)
        page = ActionPage(
            rows=[action for _, action in asked[:_MOST_ACTIONS]],
            cursor=asked[_MOST_ACTIONS - 1][0] if len(asked) > _MOST_ACTIONS else None,
        )
        return WaitingView(briefs=found, cursor=cursor, actions=page, days=days)

    return await desk.mail.read(work)


def _unanswered(
    connection: sqlite3.Connection, party: Party, since: int, limit: int, before: int | None, thread: str | None
) -> tuple[list[int], int | None]:
    """Return numbers of own briefs that wait for something, newest first, and where to go on."""
    found: list[int] = []
    last: int | None = None
    for looked_at, row in enumerate(briefs.sent_by(connection, party.node, party.name, before)):
        if row["accepted_at"] < since:
            return found, None
        if len(found) == limit or looked_at == _MOST_LOOKED_AT:
            return found, last
        last = row["number"]
        if thread not in (None, row["thread"]):
            continue
        if recipients.is_unread(connection, row["number"]) or not _is_answered(connection, party, row["number"]):
            found.append(row["number"])
    return found, None


def _is_answered(connection: sqlite3.Connection, party: Party, number: int) -> bool:
    row = briefs.by_number(connection, number)
    later = connection.execute(
        "SELECT 1 FROM briefs WHERE thread = ? AND number > ? AND NOT (node = ? AND sender = ?) LIMIT 1",
        (row["thread"], number, party.node, party.name),
    ).fetchone()
    return later is not None


async def wait(desk: Desk, party: Party, seconds: float, word: str | None, tick: Tick | None = None) -> WaitEnd:
    """Return at the next answer to this party: a brief in a thread of theirs that is unread, there already or coming.

    An action that they asked for and that somebody else ends, or blocks, is an answer as well.

    Args:
        desk: the desk.
        party: who waits.
        seconds: for how long at most.
        word: only answers in the thread of this brief (ref, number or id).
        tick: is told now and then that the wait goes on.

    Raises:
        NotFound: there is no brief that goes by `word`, or it is neither from nor to this party.
    """
    changed = asyncio.Event()
    unsubscribe = desk.mail.subscribe(changed.set)
    try:
        watch = await desk.mail.read(lambda connection: _Watch(connection, party, word))
        loop = asyncio.get_running_loop()
        started = told = loop.time()
        while True:
            changed.clear()
            end = await desk.mail.read(watch.look)
            now = loop.time()
            if end is not None or now - started >= seconds:
                return end or WaitEnd(reply=None, action=None)
            if now - told >= _TELL_EVERY_S:
                if tick is not None:
                    await tick(now - started)
                told = now
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(started + seconds - now, told + _TELL_EVERY_S - now)):
                    await changed.wait()
    finally:
        unsubscribe()


class _Watch:
    """Looks for an answer again and again, each time among what has come since the last."""

    def __init__(self, connection: sqlite3.Connection, party: Party, word: str | None) -> None:
        self._party = party
        self._thread = None if word is None else find_for(connection, party, word).row["thread"]
        self._number = 0
        self._place = actions.last_place(connection)

    def look(self, connection: sqlite3.Connection) -> WaitEnd | None:
        """Return the answer, if there is one now."""
        reply = self._reply(connection)
        action = None if self._thread is not None else self._ended(connection)
        return WaitEnd(reply=reply, action=action) if reply is not None or action is not None else None

    def _reply(self, connection: sqlite3.Connection) -> InboxRow | None:
        """Return the oldest unread brief that answers this party."""
        wrote, values = self._party.reader.wrote("own")
        for number in entries.unread_after(connection, self._party.mailboxes, self._number, _MOST_LOOKED_AT):
            self._number = max(number, self._number)
            found = connection.execute(
                "SELECT b.thread FROM briefs b JOIN briefs own ON own.thread = b.thread AND own.number < b.number"
                f" WHERE b.number = ? AND {wrote} LIMIT 1",
                (number, *values),
            ).fetchone()
            if found is not None and self._thread in (None, found["thread"]):
                return entries.rows_of(connection, [number], self._party.mailboxes)[0]
        return None

    def _ended(self, connection: sqlite3.Connection) -> ActionView | None:
        """Return an action that this party asked for and that somebody else has ended or blocked meanwhile."""
        party = self._party
        for action, change in actions.changed_since(connection, asker(party.sender), self._place):
            mine = (change.by, change.node) == (party.name, party.node)
            if not mine and action.status in (*CLOSED, ActionStatus.BLOCKED):
                return action
        return None
