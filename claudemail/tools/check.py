"""claudemail_check: count unread mail."""

from __future__ import annotations

from claudemail.text import ago, plural
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import listing


class Args(Arguments):
    """Nothing to say."""


async def _run(call: Call, args: Args) -> str:  # noqa: ARG001 - every tool takes its arguments
    view = await call.office.check(call.party)
    if not view.unread:
        return f"No unread mail for {call.party.name}."
    call.told = True
    levels = listing([f"{count} {priority.value}" for priority, count in view.by_priority.items()])
    left = view.unread - sum(item.count for item in view.by_sender)
    senders = listing(
        [*(f"{item.sender} {item.count}" for item in view.by_sender), *([f"others {left}"] if left else [])]
    )
    age = "" if view.oldest_at is None else f" The oldest came {ago(view.oldest_at, call.office.now())} ago."
    return (
        f"{plural(view.unread, 'unread brief')} for {call.party.name}: {levels}. From: {senders}.{age}\n"
        "Read them with claudemail_digest, or one with claudemail_read."
    )


CHECK = Tool(
    name="claudemail_check",
    description="Count your unread briefs, by priority and sender. Marks nothing read. Use it to see whether there is mail.",
    arguments=Args,
    run=_run,
    read_only=True,
)
