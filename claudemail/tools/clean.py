"""claudemail_clean: archive old mail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.office.cleaning import DAYS
from claudemail.text import plural
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import listing, row_line


class Args(Arguments):
    """How old, and whether to do it."""

    days: Annotated[int, Field(ge=0, le=36_500)] = DAYS
    apply: bool = False
    """False only says what would be archived"""


async def _run(call: Call, args: Args) -> str:
    view = await call.office.clean(call.party, call.party.mailboxes, days=args.days, apply=args.apply)
    kept = listing([f"{count} for {reason}" for reason, count in view.kept.items() if count])
    stays = f" Kept: {kept}." if kept else ""
    if not view.count:
        which = "other read brief" if kept else "read brief"
        return f"Nothing to archive: no {which} is older than {plural(view.days, 'day')}.{stays}"
    if view.applied:
        return f"Archived {plural(view.count, 'brief')}; claudemail_search still finds them.{stays}"
    now = call.office.now()
    lines = [f"Would archive {plural(view.count, 'read brief')} older than {plural(view.days, 'day')}:"]
    lines += [f"- {row_line(row, now)}" for row in view.rows]
    if view.count > len(view.rows):
        lines.append(f"- and {view.count - len(view.rows)} more")
    return "\n".join([*lines, f"Call again with apply=true to do it. Nothing is deleted.{stays}"])


CLEAN = Tool(
    name="claudemail_clean",
    description="Archive your read briefs older than some days; a dry run unless apply is true. Never starred or unread ones,"
    " nor those with open actions. Archived briefs stay searchable.",
    arguments=Args,
    run=_run,
    idempotent=True,
)
