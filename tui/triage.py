"""What keys do to the actions they are pressed on: no I/O, the pane has it stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from claudemail.model.action import ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.views import ActionView
from claudemail.office.actions import ActionUpdate
from claudemail.tui.action_board import LANES, lane_of


class Step(NamedTuple):
    """An action, and the fields it is to have."""

    action: ActionView
    fields: dict[str, Any]

    @property
    def update(self) -> ActionUpdate:
        """What the office is asked for."""
        return ActionUpdate.model_validate(
            {name: "" if value is None else value for name, value in self.fields.items()}
        )


def changing(actions: Iterable[ActionView], **fields: Any) -> list[Step]:  # noqa: ANN401 - a field's value
    """Return the steps that give actions these fields, leaving out those that have them."""
    return _effective(Step(action, fields) for action in actions)


def to_lane(actions: Iterable[ActionView], by: int) -> list[Step]:
    """Return the steps that move actions some lanes to the right, or to the left."""
    steps = []
    for action in actions:
        at = lane_of(action.status)
        to = min(max(at + by, 0), len(LANES) - 1)
        if to != at:
            steps.append(Step(action, {"status": LANES[to].statuses[0]}))
    return steps


def dropped(actions: Sequence[ActionView]) -> list[Step]:
    """Return the steps that drop actions, or that take them up again where all of them are dropped."""
    again = all(action.status is ActionStatus.DROPPED for action in actions)
    return changing(actions, status=ActionStatus.PENDING if again else ActionStatus.DROPPED)


def pressing(actions: Iterable[ActionView], by: int) -> list[Step]:
    """Return the steps that make actions more pressing, or less."""
    order = list(Priority)
    return _effective(
        Step(action, {"priority": order[min(max(order.index(action.priority) + by, 0), len(order) - 1)]})
        for action in actions
    )


def _effective(steps: Iterable[Step]) -> list[Step]:
    return [step for step in steps if any(getattr(step.action, name) != value for name, value in step.fields.items())]
