"""claudemail_action_update: say how an action stands, or give it to somebody else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.model.action import MAX_NOTE, ActionStatus
from claudemail.model.brief import MAX_ACTION_TEXT, Line, Priority
from claudemail.office.actions import MAX_WORD, ActionUpdate
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, listing


class Args(Arguments):
    """Which, and what of it."""

    ref: Annotated[str | int, Field(description="Ref or number of the action")]
    status: ActionStatus | None = None
    priority: Priority | None = None
    assignee: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """A name, me, or none"""
    due: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """YYYY-MM-DD, today, fri, +3d, or none"""
    note: Annotated[Line, Field(max_length=MAX_NOTE)] | None = None
    """How it stands; replaces the last note"""
    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)] | None = None


async def _run(call: Call, args: Args) -> str:
    wanted = ActionUpdate.model_validate(args.model_dump(exclude={"ref"}))
    updated = await call.office.update_action(call.party, str(args.ref), wanted)
    action = updated.action
    line = action_line(action, call.office.now())
    if not updated.before:
        return f"It is so already: {line}."
    changed = listing([f"{name} (was {_said(value)})" for name, value in updated.before.items()])
    text = f"Changed {changed}. Now {line}. All nodes are told."
    if action.note and "note" in updated.before:
        text += f'\nNote: "{action.note}"'
    return text


def _said(value: object) -> str:
    return "none" if value is None else str(value)


ACTION_UPDATE = Tool(
    name="claudemail_action_update",
    description="Update an action item by ref or number: status (pending, wip, blocked, done, dropped), priority, assignee,"
    " due day or note. Use it when you begin, finish or hand over work.",
    arguments=Args,
    run=_run,
    idempotent=True,
)
