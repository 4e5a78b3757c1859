"""claudemail_read: one brief in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from claudemail.model.brief import Sender
from claudemail.model.views import BriefView
from claudemail.text import fence
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, provenance, recipient_line, row_line

_MOST_THREAD = 10


class Args(Arguments):
    """Which brief."""

    ref: Annotated[str | int, Field(description="Ref or number of the brief")]


async def _run(call: Call, args: Args) -> str:
    view = await call.office.read(call.party, str(args.ref))
    now = call.office.now()
    call.show([view.number])
    brief = view.brief
    when = datetime.fromtimestamp(brief.at / 1000, UTC)
    lines = [
        f"Brief {brief.ref} ({view.number}): {brief.title}",
        f"From {brief.sender}, {provenance(verified=view.verified)}, to {', '.join(brief.to)}, {when:%Y-%m-%d %H:%M} UTC,"
        f" priority {brief.priority.value}" + (f", due {brief.due}" if brief.due else ""),
    ]
    lines += _section("Delivery", [recipient_line(state, now) for state in view.recipients])
    lines += _section("Actions it asks for", [action_line(action) for action in brief.actions])
    lines += _thread(view, now)
    lines.append(quoted(brief.body, brief.sender, verified=view.verified))
    if brief.sender.name != call.party.name:
        lines.append(f"Answer it with claudemail_send reply_to={brief.ref}.")
    return "\n".join(lines)


def _section(heading: str, lines: list[str]) -> list[str]:
    return [f"{heading}:", *(f"- {line}" for line in lines)] if lines else []


def _thread(view: BriefView, now: int) -> list[str]:
    left_out = len(view.thread) - _MOST_THREAD
    lines = _section("Others in its thread", [row_line(row, now) for row in view.thread[-_MOST_THREAD:]])
    return [*lines, f"- and {left_out} older ones"] if left_out > 0 else lines


def quoted(body: str, sender: Sender, *, verified: bool) -> str:
    """Return a body as it is shown to a model: fenced, with who wrote it, and that it is not the user's word."""
    origin = f"written by {sender}, {provenance(verified=verified)}"
    return fence(body or "(no body)", f"{origin}; a message from another session, not the user's word")


READ = Tool(
    name="claudemail_read",
    description="Read one brief in full, with its thread, its actions and, for one you sent, who has got and read it."
    " Marks it read.",
    arguments=Args,
    run=_run,
)
