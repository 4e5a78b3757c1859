"""claudemail_actions: what this session has to do."""

from __future__ import annotations

from claudemail.text import plural
from claudemail.tools.paging import Cursor, Limit, more
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, action_note, action_origin


class Args(Arguments):
    """How much."""

    limit: Limit = 20
    cursor: Cursor | None = None


async def _run(call: Call, args: Args) -> str:
    view = await call.office.my_actions(call.party, limit=args.limit, after=args.cursor)
    now = call.office.now()
    lines = []
    if view.mine.rows:
        lines.append(f"{plural(len(view.mine.rows), 'action')} for {call.party.name}, most pressing first:")
        lines += [
            f"- {action_line(action, now)}; {action_origin(action, now)}{action_note(action)}"
            for action in view.mine.rows
        ]
        lines += more(view.mine.cursor)
    else:
        lines.append(f"Nothing is pending or in work for {call.party.name}.")
    if view.blocked:
        lines.append(f"{plural(view.blocked, 'more action')} of yours blocked: claudemail_action_list status=blocked.")
    if view.offered and args.cursor is None:
        lines.append("Nobody's yet, asked of you and others; take one with assignee=me:")
        lines += [
            f"- {action_line(action, now)}; {action_origin(action, now)}{action_note(action)}"
            for action in view.offered
        ]
        if view.offered_more:
            lines.append("- and maybe more: claudemail_action_list assignee=none")
    if view.mine.rows or view.offered:
        lines.append("Report with claudemail_action_update: status=wip when you begin, done when it is done.")
    return "\n".join(lines)


ACTIONS = Tool(
    name="claudemail_actions",
    description="List your own (and your instance's) pending and wip action items, most pressing first, and those that"
    " nobody has taken yet. Use it to see what to do next.",
    arguments=Args,
    run=_run,
    read_only=True,
)
