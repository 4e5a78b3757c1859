"""Searching: full text and filters over all mail that somebody may see, archived mail too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from claudemail.errors import InvalidInput, UnknownName
from claudemail.model.query import Query
from claudemail.model.views import SearchHit, SearchPage
from claudemail.office import indexing
from claudemail.office.desk import Desk
from claudemail.office.directory import Directory, nearest
from claudemail.office.finding import find_for
from claudemail.office.party import Party
from claudemail.store import briefs, entries, stars, text_index
from claudemail.text import scrub_line, shorten

MOST_LOOKED_AT = 10_000
"""How many briefs are looked at for filters that the full text does not have; then the rest is left to the next page."""
_LARGEST_STEP = 500
_MOST_UNREAD = 1_000
"""Up to as many unread briefs are gone through one by one; of more, those with the words are looked at."""
_BEFORE, _AFTER = 60, 100
"""How much of a body is shown around the first word that was found, in characters."""


class _Found(NamedTuple):
    """Where a search has come to: numbers, how many briefs were looked at for them, and the last of those."""

    numbers: list[int]
    looked_at: int
    last: int | None


class _Scope(NamedTuple):
    """Who looks, and through which mailboxes."""

    party: Party
    within: Sequence[str] | None

    @property
    def whose(self) -> tuple[str, ...] | None:
        """The names whose entries count; None: everyone's."""
        if self.within is not None:
            return tuple(self.within)
        return None if self.party.is_operator else self.party.own_names

    @property
    def starrers(self) -> tuple[str, ...] | None:
        """The names whose stars count; None: everyone's."""
        return self.whose if self.within is None else (*self.within, self.party.name)


async def search(
    desk: Desk, party: Party, query: Query, limit: int, before: int | None, within: Sequence[str] | None = None
) -> SearchPage:
    """Return part of the briefs that fit a query and that this party may see, newest first. Nothing is marked read.

    Args:
        desk: the office's.
        party: who looks.
        query: what for.
        limit: the most briefs.
        before: a page's cursor.
        within: mailboxes that the operator looks through, and no others: what is unread or archived is so there.

    Raises:
        InvalidInput: the query asks for nothing.
        UnknownName: nobody is called as the sender is, and no mail is from somebody of that name.
        NotFound: there is no brief that the thread is named by.
        StoreError: the briefs that the full text has not taken in yet could not be, or nothing could be read.
    """
    if query.is_empty:
        raise InvalidInput(
            "There is nothing to search for.", remedy="Give a word, or a filter such as from:alpha or is:unread."
        )
    words = [term.words for term in query.terms if not term.excluded]
    peers = await desk.peers()
    await indexing.index_due(desk)

    def work(connection: sqlite3.Connection) -> SearchPage:
        if query.sender is not None:
            _check_sender(connection, desk.directory_in(connection, peers), query.sender)
        scope = _Scope(party, within)
        found = _look(connection, scope, query, _candidates(connection, scope, query, before), limit)
        shown = found.numbers[:limit]
        rows = {row.number: row for row in entries.rows_of(connection, shown, scope.whose, party.name)}
        hits = [
            SearchHit(row=rows[number], excerpt=excerpt(briefs.load(briefs.by_number(connection, number)).body, words))
            for number in shown
        ]
        cursor = found.last if found.looked_at >= MOST_LOOKED_AT else None
        if len(found.numbers) > limit:
            cursor = shown[-1]
        return SearchPage(hits=hits, cursor=cursor, looked_at=found.looked_at)

    return await desk.mail.read(work)


def _candidates(connection: sqlite3.Connection, scope: _Scope, query: Query, before: int | None) -> Iterator[int]:
    """Return the numbers of briefs that may fit, newest first, by the filter that leaves the fewest."""
    party = scope.party
    expression = text_index.expression(query.terms, _within(scope, query))
    assert expression is not None
    if query.before is not None:
        edge = briefs.number_from(connection, _start(query.before), latest=True)
        before = edge if before is None else min(edge, before)
    least = 0 if query.after is None else briefs.number_from(connection, _start(query.after), latest=False)
    if query.thread is not None:
        row = find_for(connection, party, query.thread).row
        numbers, _ = briefs.thread(connection, row["thread"], party.reader_or_all, MOST_LOOKED_AT)
        few: Iterator[int] | None = reversed(numbers)
    elif query.starred:
        few = stars.of(connection, scope.starrers)
    else:
        few = _few_unread(connection, scope) if query.unread else None
    if few is None:
        return text_index.matches(connection, expression, least=least, before=before)
    top = before if before is not None else 2**62
    return _those_that_fit(connection, expression, (number for number in few if least <= number < top))


def _few_unread(connection: sqlite3.Connection, scope: _Scope) -> Iterator[int] | None:
    """Return the unread briefs, newest first, if there are few."""
    whose = scope.whose
    counts, _ = entries.counts(connection, whose)
    if sum(counts.values()) > _MOST_UNREAD:
        return None
    return reversed(entries.unread_after(connection, whose, 0, _MOST_UNREAD))


def _check_sender(connection: sqlite3.Connection, directory: Directory, sender: str) -> None:
    """Raise UnknownName if nobody is called as a sender is, now or in any mail."""
    name, _, node = sender.partition("@")
    if directory.knows(sender) if name else any(node == one.id for one in directory.config.nodes):
        return
    past = text_index.any_of([_word_of(name, "" if name else node)])
    if next(text_index.matches(connection, past), None) is None:
        names = [entry.name for entry in directory.entries]
        raise UnknownName(f"No mail is from {shorten(sender, 40)!r}.", remedy=nearest(sender, names))


def _within(scope: _Scope, query: Query) -> str:
    """Return the query for what a party may see, and for the sender that is asked for."""
    party = scope.party
    if scope.within is not None:
        seen = text_index.any_of([text_index.held_by(mailbox) for mailbox in scope.within])
    elif party.is_operator:
        seen = text_index.any_of([text_index.EVERY])
    else:
        words = [text_index.held_by(mailbox) for mailbox in party.mailboxes]
        words.append(text_index.sent_by(party.name, party.node))
        words += [text_index.sent_by(mailbox, party.node, "i") for mailbox in party.mailboxes]
        seen = text_index.any_of(words)
    if query.sender is None:
        return seen
    name, _, node = query.sender.partition("@")
    return f"{seen} AND {text_index.any_of([_word_of(name, node)])}"


def _word_of(name: str, node: str) -> str:
    if not name:
        return text_index.from_node(node)
    return text_index.sent_by(name, node) if node else text_index.from_name(name)


def _those_that_fit(connection: sqlite3.Connection, expression: str, numbers: Iterator[int]) -> Iterator[int]:
    for some in _in_steps(numbers):
        yield from text_index.among(connection, expression, some)


def _in_steps(numbers: Iterator[int], first: int = 32) -> Iterator[list[int]]:
    """Return numbers in lists, few at first: mostly they are enough."""
    step = first
    while some := list(islice(numbers, step)):
        yield some
        step = min(2 * step, _LARGEST_STEP)


def _look(connection: sqlite3.Connection, scope: _Scope, query: Query, candidates: Iterator[int], limit: int) -> _Found:
    """Look at candidates until one more than `limit` fits, or enough were looked at."""
    conditions, values = _conditions(scope, query)
    numbers: list[int] = []
    looked_at = 0
    last: int | None = None
    for some in _in_steps(candidates, limit + 1):
        looked_at += len(some)
        last = some[-1]
        if conditions:
            where = " AND ".join([f"b.number IN ({', '.join('?' * len(some))})", *conditions])
            rows = connection.execute(
                f"SELECT b.number FROM briefs b WHERE {where} ORDER BY b.number DESC", (*some, *values)
            )
            numbers += [row["number"] for row in rows]
        else:
            numbers += some
        if len(numbers) > limit or looked_at >= MOST_LOOKED_AT:
            break
    return _Found(numbers[: limit + 1], looked_at, last)


def _conditions(scope: _Scope, query: Query) -> tuple[list[str], list[int | str]]:
    """Return what of a query the full text does not know, as SQL conditions on a brief, and their values."""
    whose, starrers = scope.whose, scope.starrers
    held = f"SELECT 1 FROM entries e WHERE e.brief = b.number{_among('e.mailbox', whose)}"
    marked = f"SELECT 1 FROM stars s WHERE s.brief = b.number{_among('s.name', starrers)}"
    tests: list[tuple[bool | None, tuple[str, ...] | None, list[str]]] = [
        (query.unread, whose, [f"EXISTS ({held} AND e.read_at IS NULL)"]),
        (query.starred, starrers, [f"EXISTS ({marked})"]),
        (query.archived, whose, [f"EXISTS ({held})", f"NOT EXISTS ({held} AND e.archived_at IS NULL)"]),
    ]
    conditions: list[str] = []
    values: list[int | str] = []
    for wanted, names, parts in tests:
        if wanted is not None:
            test = " AND ".join(parts)
            conditions.append(test if wanted else f"NOT ({test})")
            values += (names or ()) * len(parts)
    for day, compare in ((query.after, ">="), (query.before, "<")):
        if day is not None:
            conditions.append(f"b.at {compare} ?")
            values.append(_start(day))
    return conditions, values


def _among(column: str, names: tuple[str, ...] | None) -> str:
    return "" if names is None else f" AND {column} IN ({', '.join('?' * len(names))})"


def _start(day: str) -> int:
    """Return when a day begins in the local time zone, Unix milliseconds."""
    start = date.fromisoformat(day)
    try:
        return int(datetime(start.year, start.month, start.day).astimezone().timestamp() * 1000)
    except (OverflowError, ValueError):  # the first and the last days that there are
        return int((start - date(1970, 1, 1)) / timedelta(milliseconds=1))


def excerpt(body: str, words: list[str]) -> str:
    """Return the part of a body where the first of some words stands, on one line, or its beginning."""
    text = scrub_line(body)
    lower = text.lower()
    places = [place for word in words if (place := lower.find(word.lower())) >= 0]
    start = max(min(places, default=0) - _BEFORE, 0)
    end = min(start + _BEFORE + _AFTER, len(text))
    return ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")
