"""claudemail_action_list: actions of the whole fleet, by filters; or one of them with its history."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from claudemail.model.action import CLOSED, OPEN, ActionStatus
from claudemail.model.brief import Priority
from claudemail.office.actions import MAX_WORD, Wanted
from claudemail.text import plural
from claudemail.tools.paging import Cursor, Limit, more
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, action_note, action_origin, change_line, row_line

_GROUPS = {"open": OPEN, "closed": CLOSED, "all": (*OPEN, *CLOSED)}
_MOST_CHANGES = 30


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
    ref: Annotated[str | int, Field(description="Just this one, with its history")] | None = None
    limit: Limit = 20
    cursor: Cursor | None = None


async def _run(call: Call, args: Args) -> str:
    if args.ref is not None:
        return await _one(call, str(args.ref))
    wanted = Wanted(
        statuses=_GROUPS.get(args.status) or (ActionStatus(args.status),),
        assignee=args.assignee,
        asker=args.asker,
        priority=args.priority,
        overdue=args.overdue,
        text=args.text,
    )
    page = await call.office.list_actions(call.party, wanted, limit=args.limit, after=args.cursor)
    if not page.rows:
        closed = args.status == "open" and not args.overdue
        return "No action fits that." + (' With status="all" closed ones are listed, too.' if closed else "")
    now = call.office.now()
    lines = [f"{plural(len(page.rows), 'action')}:"]
    lines += [f"- {action_line(one, now)}; {action_origin(one, now)}{action_note(one)}" for one in page.rows]
    return "\n".join([*lines, *more(page.cursor)])


async def _one(call: Call, word: str) -> str:
    view = await call.office.action(call.party, word)
    now = call.office.now()
    lines = [f"{action_line(view.action, now)}; {action_origin(view.action, now)}{action_note(view.action)}"]
    if view.brief is not None:
        lines.append(f"Brief: {row_line(view.brief, now)}")
    left_out = len(view.changes) - _MOST_CHANGES
    lines.append("Changes, oldest first:" if left_out <= 0 else f"The latest changes, without {left_out} older ones:")
    lines += [f"- {change_line(change, now)}" for change in view.changes[-_MOST_CHANGES:]]
    return "\n".join(lines)


ACTION_LIST = Tool(
    name="claudemail_action_list",
    description="List action items of the whole fleet, filtered by status, assignee, who asked, priority, overdue or words."
    " Open ones come first, most pressing first. With ref: that one, and who changed what of it.",
    arguments=Args,
    run=_run,
    read_only=True,
)
