"""claudemail_action_create: ask for something to be done, and track it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.model.action import MAX_NOTE
from claudemail.model.brief import MAX_ACTION_TEXT, Line, Priority
from claudemail.office.actions import MAX_WORD, NewAction
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line


class Args(Arguments):
    """What is to be done."""

    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)]
    assignee: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """A callsign, an instance, operator@node, or me; left out: nobody's yet"""
    priority: Priority = Priority.NORMAL
    due: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """YYYY-MM-DD, today, fri, +3d"""
    note: Annotated[Line, Field(max_length=MAX_NOTE)] | None = None
    brief: Annotated[str | int, Field(description="Ref or number of the brief it comes from")] | None = None


async def _run(call: Call, args: Args) -> str:
    fields = args.model_dump(exclude={"brief"})
    brief = None if args.brief is None else str(args.brief)
    action = await call.office.create_action(call.party, NewAction(**fields, brief=brief))
    text = f"Created {action_line(action, call.office.now())}. All nodes are told."
    if action.assignee is not None:
        text += f" {action.assignee} sees it in claudemail_actions; send a brief if it needs explaining."
    return text


ACTION_CREATE = Tool(
    name="claudemail_action_create",
    description="Create a tracked action item, for yourself or somebody else in the fleet, or for whoever takes it.",
    arguments=Args,
    run=_run,
)
