"""Actions as a board works on them: many changed at once, changes taken back, and stretches of long lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claudemail.errors import InvalidInput, NoSuchAction, UnknownName
from claudemail.model.action import CLOSED, ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.views import ActionStretch, ActionUpdated, ActionView
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, NewAction, Stretch, Wanted

if TYPE_CHECKING:
    from tests.office.conftest import Carry

PENDING = (ActionStatus.PENDING,)


async def make(office: Office, *texts: str, **fields: object) -> list[ActionView]:
    """Make actions."""
    return [
        await office.create_action(office.operator(), NewAction.model_validate({"text": text, **fields}))
        for text in texts
    ]


async def update(office: Office, made: list[ActionView], **fields: object) -> list[ActionUpdated]:
    """Change actions, all in the same way."""
    wanted = ActionUpdate.model_validate(fields)
    return await office.update_actions(office.operator(), [(one.id, wanted) for one in made])


async def found(office: Office, one: ActionView) -> ActionView:
    """Return an action as it is now."""
    return (await office.action(office.operator(), one.id)).action


async def stretch(office: Office, **fields: object) -> ActionStretch:
    """Return a stretch of what is pending."""
    wanted = Stretch.model_validate({"statuses": PENDING, "limit": 4, **fields})
    return (await office.action_board(office.operator(), Wanted(), [wanted])).stretches[0]


def numbers(stretch: ActionStretch) -> list[int]:
    """Return the numbers of the actions in it."""
    return [row.number for row in stretch.rows]


async def test_many_are_changed_or_none(office: Office) -> None:
    """Several actions change in one go; where one of them cannot, none does."""
    made = await make(office, "one", "two")
    done = await update(office, made, status="wip", assignee="charlie")
    assert [one.before for one in done] == [{"status": "pending", "assignee": None}] * 2
    wanted = ActionUpdate(status=ActionStatus.DONE)
    with pytest.raises(NoSuchAction):
        await office.update_actions(office.operator(), [(made[0].id, wanted), ("zzzz", wanted)])
    assert [(await found(office, one)).status for one in made] == ["wip", "wip"]


async def test_very_many_reach_other_nodes(office: Office, other: Office, carry: Carry) -> None:
    """More changes than fit one parcel get through."""
    made = await make(office, *(f"number {number}" for number in range(150)))
    await carry(office, other)
    await update(office, made, priority="high")
    assert await carry(office, other) == 3
    board = await other.action_board(other.operator(), Wanted(least=Priority.HIGH), [])
    assert board.totals == {ActionStatus.PENDING: 150}


async def test_taking_back(office: Office, other: Office, carry: Carry) -> None:
    """Fields have their former values again; those that somebody has set since stay, though it be to the same value."""
    made = await make(office, "kept", "changed", "set to the same", priority="low")
    await carry(office, other)
    done = await update(office, made, status="wip", priority="urgent")
    await carry(office, other)
    charlie = await other.party("charlie")
    await other.update_action(charlie, made[1].id, ActionUpdate(status=ActionStatus.BLOCKED))
    for status in (ActionStatus.DONE, ActionStatus.WIP):
        await other.update_action(charlie, made[2].id, ActionUpdate(status=status))
    await carry(other, office)
    left = await office.take_back(office.operator(), done)
    assert [(one.action.text, one.fields, one.by) for one in left] == [
        ("changed", ["status"], "charlie@server2"),
        ("set to the same", ["status"], "charlie@server2"),
    ]
    now = [await found(office, one) for one in made]
    assert [(one.status, one.priority) for one in now] == [("pending", "low"), ("blocked", "low"), ("wip", "low")]
    await carry(office, other)
    assert (await found(other, made[0])).status is ActionStatus.PENDING
    assert [one.action.text for one in await office.take_back(office.operator(), done)] == [one.text for one in made]


async def test_taking_back_step_by_step(office: Office) -> None:
    """One's own changes of the same field are taken back one after the other, the last first."""
    made = await make(office, "one")
    done = [await update(office, made, priority=priority) for priority in ("high", "urgent", "low")]
    for step, priority in zip(reversed(done), ("urgent", "high", "normal"), strict=True):
        assert await office.take_back(office.operator(), step) == []
        assert (await found(office, made[0])).priority == priority
    await update(office, made, priority="low")
    [left] = await office.take_back(office.operator(), done[0])
    assert (left.fields, left.by) == (["priority"], "operator@server1")


async def test_stretches(office: Office) -> None:
    """A list can be gone through up and down, from both ends and around one of its actions, also while it changes."""
    made = await make(office, *(f"number {number}" for number in range(20)))
    top = await stretch(office)
    assert (numbers(top), top.after, top.more) == ([1, 2, 3, 4], None, True)
    down = await stretch(office, skip=4)
    assert numbers(down) == [5, 6, 7, 8]
    further = await stretch(office, after=down.after, skip=2)
    assert numbers(further) == [7, 8, 9, 10]
    assert numbers(await stretch(office, after=further.after, skip=-3)) == [4, 5, 6, 7]
    assert (await stretch(office, after=further.after, skip=-9)).after is None
    end = await stretch(office, end=True)
    assert (numbers(end), end.more) == ([17, 18, 19, 20], False)
    assert numbers(await stretch(office, keep=made[9].id)) == [8, 9, 10, 11]
    assert numbers(await stretch(office, after=further.after, keep=made[7].id)) == [7, 8, 9, 10]
    await update(office, made[8:9], priority="urgent")
    assert numbers(await stretch(office, after=further.after)) == [7, 8, 10, 11]
    assert numbers(await stretch(office, after=further.after, keep=made[8].id)) == [9, 1, 2, 3]
    await update(office, made[8:9], status="done")
    assert numbers(await stretch(office, after=further.after, keep=made[8].id)) == [7, 8, 10, 11]
    with pytest.raises(InvalidInput):
        await stretch(office, after="c/1/1")
    with pytest.raises(InvalidInput):
        await stretch(office, after="c/1/1", skip=-2)


async def test_a_board_has_all_lists_at_once(office: Office) -> None:
    """Lists and their totals keep to what is wanted: a priority at least, a node's people, what they asked for, overdue."""
    made = await make(office, "plain", "urgent", "of alpha", "of charlie", "late", "over")
    await update(office, made[1:2], priority="urgent")
    await update(office, made[2:3], assignee="alpha", priority="high")
    await update(office, made[3:4], assignee="charlie")
    await update(office, made[4:5], due="2020-01-01")
    await update(office, made[5:6], status="done")
    lists = [Stretch(statuses=PENDING, limit=9), Stretch(statuses=CLOSED, limit=9)]

    async def texts(**fields: object) -> list[list[str]]:
        board = await office.action_board(office.operator(), Wanted.model_validate(fields), lists)
        assert sum(board.totals.values()) == sum(len(one.rows) for one in board.stretches)
        return [[row.text for row in one.rows] for one in board.stretches]

    assert await texts() == [["urgent", "of alpha", "late", "plain", "of charlie"], ["over"]]
    assert await texts(least=Priority.HIGH) == [["urgent", "of alpha"], []]
    assert await texts(node="server2") == [["of charlie"], []]
    assert await texts(node="server1", least=Priority.HIGH) == [["urgent", "of alpha"], []]
    assert await texts(overdue=True) == [["late"], []]
    assert await texts(asker="me", assignee="alpha") == [["of alpha"], []]
    with pytest.raises(UnknownName):
        await texts(node="server9")
    assert await office.action_loads() == {"": 3, "alpha": 1, "charlie": 1}
