"""claudemail_action_list: actions of the whole fleet, by filters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from claudemail.model.action import CLOSED, OPEN, ActionStatus
from claudemail.model.brief import Priority
from claudemail.office.actions import MAX_WORD, Wanted
from claudemail.text import plural
from claudemail.tools.paging import Cursor, Limit, more
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, action_origin

_GROUPS = {"open": OPEN, "closed": CLOSED, "all": (*OPEN, *CLOSED)}


class Args(Arguments):
    """Which."""

    status: Literal["pending", "wip", "blocked", "done", "dropped", "open", "closed", "all"] = "open"
    assignee: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """A name, me, or none"""
    asker: Annotated[str, Field(max_length=MAX_WORD)] | None = None
    """Who asked: a name, or me"""
    priority: Priority | None = None
    overdue: bool = False
    text: Annotated[str, Field(max_length=500)] | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


async def _run(call: Call, args: Args) -> str:
    statuses = _GROUPS.get(args.status) or (ActionStatus(args.status),)
    wanted = Wanted(
        statuses=statuses,
        assignee=args.assignee,
        asker=args.asker,
        priority=args.priority,
        overdue=args.overdue,
        text=args.text,
    )
    page = await call.office.list_actions(call.party, wanted, limit=args.limit, after=args.cursor)
    if not page.rows:
        return "No action fits that." + (
            "" if args.status == "all" else ' With status="all" closed ones are listed, too.'
        )
    now = call.office.now()
    lines = [f"{plural(len(page.rows), 'action')}:"]
    lines += [f"- {action_line(action, now)}; {action_origin(action, now)}" for action in page.rows]
    return "\n".join([*lines, *more(page.cursor)])


ACTION_LIST = Tool(
    name="claudemail_action_list",
    description="List action items of the whole fleet, filtered by status, assignee, who asked, priority, overdue or words."
    " Open ones come first, most pressing first.",
    arguments=Args,
    run=_run,
    read_only=True,
)
