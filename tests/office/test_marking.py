"""Marking: several briefs at once, and back."""

from __future__ import annotations

import pytest

from claudemail.errors import NotFound
from claudemail.model.brief import Draft
from claudemail.model.receipt import DeliveryState
from claudemail.office import Office


async def _sent(office: Office, to: str, count: int) -> list[int]:
    party = await office.party("bravo")
    return [(await office.send(party, Draft(to=[to], title=f"t{number}"))).number for number in range(count)]


async def test_unread_again_and_what_its_sender_sees(office: Office) -> None:
    """What is taken for unread counts as such, though its sender goes on seeing when it was read first, and by whom."""
    operator, [number] = office.operator(), await _sent(office, "operator", 1)
    await office.shown(operator, [number])
    read = (await office.read(operator, str(number))).recipients
    assert read[0].state is DeliveryState.READ
    assert await office.unread(operator, [number]) == [number]
    assert await office.unread(operator, [number]) == []
    assert (await office.check(operator)).unread == 1
    assert (await office.read(operator, str(number))).unread
    await office.told(operator)
    assert (await office.read(operator, str(number))).recipients == read
    await office.shown(operator, [number])
    assert (await office.read(operator, str(number))).recipients == read
    assert (await office.check(operator)).unread == 0


async def test_only_ones_own_mail_is_unread_again(office: Office) -> None:
    """The operator cannot make mail of others unread."""
    [number] = await _sent(office, "alpha", 1)
    alpha = await office.party("alpha")
    await office.shown(alpha, [number])
    assert await office.unread(office.operator(), [number]) == []
    assert (await office.check(alpha)).unread == 0


async def test_what_is_unread_is_in_no_archive(office: Office) -> None:
    """A brief that was archived comes back when it is taken for unread."""
    operator, [number] = office.operator(), await _sent(office, "operator", 1)
    await office.shown(operator, [number])
    await office.clean(operator, operator.mailboxes, days=0, apply=True)
    assert (await office.inbox(["operator"])).rows == []
    await office.unread(operator, [number])
    assert [row.number for row in (await office.inbox(["operator"], unread=True)).rows] == [number]
    assert (await office.status()).archived == 0


async def test_all_read_and_back(office: Office) -> None:
    """All of one's own mail is marked read, with receipts, and nobody else's."""
    mine, theirs = await _sent(office, "operator", 3), await _sent(office, "alpha", 1)
    operator = office.operator()
    await office.shown(operator, mine[:1])
    assert await office.all_read(operator) == mine[1:]
    assert (await office.check(operator)).unread == 0
    assert (await office.check(await office.party("alpha"))).unread == len(theirs)
    view = await office.read(operator, str(mine[2]))
    assert [one.state for one in view.recipients] == [DeliveryState.READ]
    assert await office.all_read(operator) == []


async def test_stars_together(office: Office) -> None:
    """Briefs are starred together unless all are; what had a star already is not counted as changed."""
    operator = office.operator()
    numbers = await _sent(office, "alpha", 3)
    words = [str(number) for number in numbers]
    await office.star(operator, words[0])
    first = await office.star_all(operator, words)
    assert first.starred
    assert len(first.changed) == 2
    assert len((await office.starred(["operator"])).rows) == 3
    second = await office.star_all(operator, words)
    assert (second.starred, len(second.changed)) == (False, 3)
    assert (await office.star_all(operator, words, wanted=False)).changed == []
    with pytest.raises(NotFound):
        await office.star_all(operator, [*words, "99999"])
    assert (await office.starred(None)).rows == []
