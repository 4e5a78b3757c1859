"""Listing: pages of mail, starred and sent, walked from both ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from claudemail.model.brief import Draft, Priority
from claudemail.model.query import parse
from claudemail.model.receipt import DeliveryState
from claudemail.model.views import InboxPage, SentPage
from claudemail.office import Office

Page = Callable[..., Awaitable[InboxPage | SentPage]]


async def _filled(office: Office) -> None:
    """Send twenty briefs to alpha and ten to bravo, every third of them starred by the operator; half are bravo's own."""
    senders = [office.operator(), await office.party("bravo")]
    for number in range(30):
        draft = Draft(to=["bravo" if number % 3 == 2 else "alpha"], title=f"brief {number}")
        sent = await office.send(senders[number % 2], draft)
        if number % 3 == 0:
            await office.star(office.operator(), sent.ref)


def _pages(office: Office) -> dict[str, Page]:
    async def inbox(**edges: Any) -> InboxPage:
        return await office.inbox(None, **edges)

    async def alphas(**edges: Any) -> InboxPage:
        return await office.inbox(["alpha"], unread=True, **edges)

    async def starred(**edges: Any) -> InboxPage:
        return await office.starred(None, **edges)

    async def sent(**edges: Any) -> SentPage:
        return await office.sent(None, **edges)

    async def bravos(**edges: Any) -> SentPage:
        return await office.sent("bravo", **edges)

    return {"inbox": inbox, "alphas": alphas, "starred": starred, "sent": sent, "bravos": bravos}


COUNTS = {"inbox": 30, "alphas": 20, "starred": 10, "sent": 30, "bravos": 15}


async def test_both_ways_are_the_same_way(office: Office) -> None:
    """Walked down from the newest or up from the oldest, in pages of any size, a list has the same rows, newest first."""
    await _filled(office)
    for name, page in _pages(office).items():
        whole = [row.number for row in (await page(limit=100)).rows]
        assert whole == sorted(whole, reverse=True)
        assert len(whole) == COUNTS[name], name
        for limit in (1, 4, 100):
            down: list[int] = []
            edge = None
            while True:
                part = await page(limit=limit, before=edge)
                down += [row.number for row in part.rows]
                edge = part.cursor
                if edge is None:
                    break
            assert down == whole, (name, limit)
            up: list[int] = []
            edge = 0
            while edge is not None:
                part = await page(limit=limit, after=edge)
                up = [row.number for row in part.rows] + up
                edge = part.cursor
            assert up == whole, (name, limit)


async def test_a_viewers_stars_in_anothers_mailbox(office: Office) -> None:
    """Who looks into mailboxes sees their stars and those of their own; of what is elsewhere, no star of theirs counts."""
    operator, alpha = office.operator(), await office.party("alpha")
    sent = {}
    for title, to in (("theirs", "alpha"), ("mine", "alpha"), ("plain", "alpha"), ("elsewhere", "bravo")):
        sent[title] = await office.send(operator, Draft(to=[to], title=title))
    await office.star(alpha, sent["theirs"].ref)
    await office.star(operator, sent["mine"].ref)
    await office.star(operator, sent["elsewhere"].ref)
    page = await office.inbox(["alpha"], viewer="operator")
    assert {row.title for row in page.rows if row.starred} == {"theirs", "mine"}
    for edges in ({}, {"after": 0}):
        starred = await office.starred(["alpha"], viewer="operator", **edges)
        assert [row.title for row in starred.rows] == ["mine", "theirs"]
    assert [row.title for row in (await office.starred(["alpha"])).rows] == ["theirs"]
    page_one = await office.starred(["alpha"], viewer="operator", limit=1)
    assert [row.title for row in page_one.rows] == ["mine"]
    assert page_one.cursor == sent["mine"].number


async def test_sent_says_how_far_it_has_come(office: Office) -> None:
    """A row of what was sent has its recipients, each with its state."""
    result = await office.send(office.operator(), Draft(to=["alpha", "charlie"], title="t"))
    await office.shown(await office.party("alpha"), [result.number])
    [row] = (await office.sent("operator")).rows
    assert {(one.name, one.state) for one in row.recipients} == {
        ("alpha", DeliveryState.READ),
        ("charlie", DeliveryState.QUEUED),
    }
    assert (await office.sent("alpha")).rows == []


async def test_urgent_and_unread(office: Office) -> None:
    """Unread mail of a priority is listed over all mailboxes, the oldest first."""
    first = await office.send(office.operator(), Draft(to=["bravo"], title="a", priority=Priority.URGENT))
    await office.send(office.operator(), Draft(to=["alpha"], title="b", priority=Priority.URGENT))
    await office.send(office.operator(), Draft(to=["alpha"], title="c"))
    assert [row.title for row in await office.unread_of(Priority.URGENT)] == ["a", "b"]
    await office.shown(await office.party("bravo"), [first.number])
    assert [row.title for row in await office.unread_of(Priority.URGENT)] == ["b"]


@pytest.mark.parametrize(
    ("within", "text", "titles"),
    [
        (None, "brief", {"brief to alpha", "brief to bravo", "brief to both"}),
        (["alpha"], "brief", {"brief to alpha", "brief to both"}),
        (["bravo"], "brief is:unread", {"brief to bravo", "brief to both"}),
        (["alpha"], "brief is:unread", {"brief to alpha"}),
        (["alpha"], "brief is:starred", {"brief to both"}),
        (["operator"], "brief is:starred", set()),
    ],
)
async def test_searching_within_mailboxes(
    office: Office, within: list[str] | None, text: str, titles: set[str]
) -> None:
    """The operator may search some mailboxes only; what is unread or starred is so in those."""
    sent = {}
    for to in ("alpha", "bravo", "alpha, bravo"):
        title = f"brief to {'both' if ',' in to else to}"
        sent[title] = await office.send(office.operator(), Draft(to=to.split(", "), title=title))
    both = sent["brief to both"]
    await office.shown(await office.party("alpha"), [both.number])
    await office.star(office.operator(), both.ref)
    from datetime import date

    page = await office.search(office.operator(), parse(text, date(2026, 1, 1)), within=within)
    assert {hit.row.title for hit in page.hits} == titles
