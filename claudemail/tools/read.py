"""claudemail_read: one brief in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from claudemail.model.brief import Sender
from claudemail.model.views import BriefView
from claudemail.text import fence
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, action_note, provenance, recipient_line, row_line

_MOST_THREAD = 10


class Args(Arguments):
    """Which brief."""

    ref: Annotated[str | int, Field(description="Ref or number of the brief")]


async def _run(call: Call, args: Args) -> str:
    return await brief_in_full(call, str(args.ref))


async def brief_in_full(call: Call, word: str) -> str:
    """Return a brief in full with all that is known of it, and note that it is shown.

    Raises:
        NotFound: there is none that goes by `word`, or it is neither from nor to this session.
    """
    view = await call.office.read(call.party, word)
    now = call.office.now()
    call.show([view.number])
    brief = view.brief
    when = datetime.fromtimestamp(brief.at / 1000, UTC)
    states = [word for word, so in (("starred", view.starred), ("archived", view.archived)) if so]
    lines = [
        f"Brief {brief.ref} ({view.number}): {brief.title}",
        f"From {brief.sender}, {provenance(verified=view.verified)}, to {', '.join(brief.to)}, {when:%Y-%m-%d %H:%M} UTC,"
        f" priority {brief.priority.value}"
        + (f", due {brief.due}" if brief.due else "")
        + "".join(f", {state}" for state in states),
    ]
    lines += _section("Delivery", [recipient_line(state, now) for state in view.recipients])
    lines += _section(
        "Actions it asks for", [action_line(action, now) + action_note(action) for action in view.actions]
    )
    lines += _thread(view, now)
    lines.append(quoted(brief.body, brief.sender, verified=view.verified))
    if (brief.sender.name, brief.sender.node) != (call.party.name, call.party.node):
        lines.append(f"Answer it with claudemail_send reply_to={brief.ref}.")
    if any(action.status.is_open for action in view.actions):
        lines.append("Say how an action stands with claudemail_action_update.")
    return "\n".join(lines)


def _section(heading: str, lines: list[str]) -> list[str]:
    return [f"{heading}:", *(f"- {line}" for line in lines)] if lines else []


def _thread(view: BriefView, now: int) -> list[str]:
    left_out = len(view.thread) - min(len(view.thread), _MOST_THREAD) + view.thread_more
    lines = _section("Others in its thread", [row_line(row, now) for row in view.thread[-_MOST_THREAD:]])
    return (
        [*lines, f"- and {left_out} older ones: claudemail_search thread={view.brief.ref}"] if left_out > 0 else lines
    )


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
