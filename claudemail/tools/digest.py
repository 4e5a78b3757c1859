"""claudemail_digest: unread briefs, summarised."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.text import plural
from claudemail.tools.read import quoted
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, row_line

MOST_CHARS = 40_000


class Args(Arguments):
    """How much."""

    max_chars: Annotated[int, Field(ge=500, le=MOST_CHARS, description="About how long the answer may be")] = 8_000


async def _run(call: Call, args: Args) -> str:
    view = await call.office.digest(call.party, args.max_chars)
    if not view.items:
        return f"No unread mail for {call.party.name}."
    now = call.office.now()
    parts = [f"{plural(len(view.items), 'unread brief')} for {call.party.name}, most pressing first:"]
    for item in view.items:
        parts.append(f"\n{row_line(item.row, now)}")
        parts += [f"- action: {action_line(action, now)}" for action in item.actions]
        parts.append(quoted(item.excerpt, item.row.sender, verified=item.row.verified))
        if not item.whole:
            parts.append(f"Shortened; all of it: claudemail_read ref={item.row.ref}.")
    call.show([item.row.number for item in view.items])
    rest = f"{plural(view.remaining, 'brief')} still unread: call claudemail_digest again." if view.remaining else ""
    parts.append(f"\nThese are now marked read. {rest}".rstrip())
    return "\n".join(parts)


DIGEST = Tool(
    name="claudemail_digest",
    description="Show your unread briefs in short, the most urgent first, with their actions, and mark those shown read."
    " Says how many remain. Use it to catch up on mail.",
    arguments=Args,
    run=_run,
)
