"""Snoozes: a finding that is not told of for a while, and what ends that."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from claudemail.checkup import DAY_MS, Finding, Rule
from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Refusal
from claudemail.office import Office
from claudemail.office.actions import NewAction
from claudemail.tools.checkup import CHECKUP, Args
from claudemail.tools.tool import Call

NOW = 1_790_000_000_000


class Wall:
    """A wall clock that the test sets."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    """The clock."""
    return Wall()


@pytest.fixture
async def timed(config: Config, wall: Wall) -> AsyncIterator[Office]:
    """The office of `server1`, by that clock."""
    async with await Office.open(config, wall=wall) as office:
        yield office


async def found(office: Office, rule: Rule) -> Finding:
    """Return the only finding of a rule that is told of."""
    [finding] = [one for one in (await office.checkup()).findings if one.rule is rule]
    return finding


async def told(office: Office) -> set[Rule]:
    """Return the rules that something is told of."""
    return {one.rule for one in (await office.checkup()).findings}


async def test_a_snooze_is_for_all_and_ends(config: Config, timed: Office, wall: Wall) -> None:
    """A finding is left out for every process of the node, is listed apart with its end, and comes back by then."""
    await timed.snooze(await found(timed, Rule.SILENT_NODE), NOW + DAY_MS)
    async with await Office.open(config, wall=wall) as again:
        view = await again.checkup()
        assert Rule.SILENT_NODE not in {one.rule for one in view.findings}
        assert [(one.rule, one.snoozed_until) for one in view.snoozed] == [(Rule.SILENT_NODE, NOW + DAY_MS)]
    wall.now += DAY_MS
    assert Rule.SILENT_NODE in await told(timed)
    assert (await timed.checkup()).snoozed == []


async def test_it_can_be_told_of_again(timed: Office) -> None:
    """Without an end a snooze is taken back."""
    finding = await found(timed, Rule.GATEWAY)
    await timed.snooze(finding, NOW + DAY_MS)
    assert Rule.GATEWAY not in await told(timed)
    await timed.snooze(finding, None)
    assert Rule.GATEWAY in await told(timed)


async def test_what_gets_worse_is_told(timed: Office) -> None:
    """A gateway that is down is a warning; once mail waits for it, it is critical, and told of whatever was snoozed."""
    await timed.snooze(await found(timed, Rule.GATEWAY), NOW + DAY_MS)
    await timed.send(timed.operator(), Draft(to=["charlie"], title="waits"))
    finding = await found(timed, Rule.GATEWAY)
    assert (finding.severity, finding.snoozed_until) == ("critical", None)


async def test_another_thing_is_told(timed: Office, wall: Wall) -> None:
    """A snooze covers one action or dead letter, and no other of the same rule."""
    for text in ("one", "two"):
        await timed.create_action(timed.operator(), NewAction(text=text, due="2020-01-01"))
        await timed.send(timed.operator(), Draft(to=["charlie"], title=text))
        batch = await timed.transit.next_batch("server2")
        assert batch is not None
        refusals = [Refusal(seq=parcel.seq, code="no", reason="No.") for parcel in batch.parcels]
        await timed.transit.acknowledged("server2", batch, Answer(have=batch.parcels[-1].seq, refused=refusals))
        wall.now += 1
    before = (await timed.checkup()).findings
    for rule in (Rule.OVERDUE, Rule.DEAD_LETTERS):
        await timed.snooze(next(one for one in before if one.rule is rule), NOW + DAY_MS)
    view = await timed.checkup()
    for rule in (Rule.OVERDUE, Rule.DEAD_LETTERS):
        was = sum(one.rule is rule for one in before)
        assert was >= 2
        assert sum(one.rule is rule for one in view.findings) == was - 1
    assert len(view.snoozed) == 2


async def test_the_tool_counts_them(timed: Office) -> None:
    """A model is told that the operator snoozed something, and not what."""
    await timed.snooze(await found(timed, Rule.SILENT_NODE), NOW + DAY_MS)
    said = await CHECKUP.run(Call(timed, timed.operator()), Args())
    assert "The operator snoozed 1 other." in said
    assert "silent node" not in said
