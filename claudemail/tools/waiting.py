"""claudemail_waiting: what this session waits for, and waiting for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.model.receipt import DeliveryState
from claudemail.model.views import WaitEnd, WaitingBrief, WaitingView
from claudemail.text import plural
from claudemail.tools.paging import Cursor, Limit, more, number_of
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import action_line, action_note, listing, quoted, recipient_line, row_line

MOST_S = 3_600
_MOST_NAMED = 5


class Args(Arguments):
    """How long, and for what."""

    wait_s: Annotated[float, Field(ge=0, le=MOST_S)] = 0
    """Block up to so many seconds, until the next reply"""
    ref: Annotated[str | int, Field(description="Only what is in the thread of this brief")] | None = None
    limit: Limit = 10
    cursor: Cursor | None = None


async def _run(call: Call, args: Args) -> str:
    before = number_of(args.cursor)
    word = None if args.ref is None else str(args.ref)
    lines = []
    if args.wait_s:
        end = await _wait(call, args.wait_s, word)
        if end.reply is not None or end.action is not None:
            return _said(end, call.office.now())
        lines.append(f"No reply within {args.wait_s:g} s.")
    view = await call.office.waiting(call.party, limit=args.limit, before=before, word=word)
    lines += _outstanding(view, call.office.now(), first=before is None)
    if not lines or (len(lines) == 1 and args.wait_s):
        where = "In that thread you wait" if word else "You wait"
        nothing = (
            f"{where} for nothing: all briefs of the last {plural(view.days, 'day')} are answered, and all is done."
        )
        lines.append(nothing if before is None else "There are no more.")
    return "\n".join(lines)


def _outstanding(view: WaitingView, now: int, *, first: bool) -> list[str]:
    """Return lines for what is unread, unanswered and not done; the last only on the first page."""
    lines = []
    if view.briefs:
        lines.append(f"Your briefs of the last {plural(view.days, 'day')} that are unread or unanswered, newest first:")
        lines += [f"- {_brief(brief, now)}" for brief in view.briefs]
    lines += more(view.cursor)
    if first and view.actions.rows:
        lines.append("What you asked for and is not done:")
        lines += [f"- {action_line(action, now)}{action_note(action)}" for action in view.actions.rows]
        if view.actions.cursor is not None:
            lines.append("- and more: claudemail_action_list asker=me")
    return lines


async def _wait(call: Call, wait_s: float, word: str | None) -> WaitEnd:
    report = call.report

    async def tick(seconds: float) -> None:
        if report is not None:
            await report(seconds, wait_s, f"no reply yet, {wait_s - seconds:.0f} s left")

    return await call.unless_stopping(call.office.wait(call.party, wait_s, word=word, tick=tick))


def _said(end: WaitEnd, now: int) -> str:
    lines = []
    if end.reply is not None:
        lines.append(
            f"A reply has come: {row_line(end.reply, now)}.\nRead it with claudemail_read ref={end.reply.ref}."
        )
    if end.action is not None:
        line = action_line(end.action, now) + action_note(end.action)
        lines.append(f"An action that you asked for is {end.action.status}: {line}.")
    return "\n".join(lines)


def _brief(brief: WaitingBrief, now: int) -> str:
    row = brief.row
    unread = [state for state in brief.states if state.state is not DeliveryState.READ]
    title = f"{row.ref} ({row.number}) {quoted(row.title)}"
    if not unread:
        return f"{title}: read by all, no answer yet"
    named = [recipient_line(state, now) for state in unread[:_MOST_NAMED]]
    rest = [f"{len(unread) - _MOST_NAMED} more"] if len(unread) > _MOST_NAMED else []
    answered = "; somebody has answered" if brief.answered else ""
    return f"{title}: not read by {len(unread)} of {len(brief.states)}: {listing(named + rest)}{answered}"


WAITING = Tool(
    name="claudemail_waiting",
    description="Show what you wait for: your briefs that are unread or unanswered, and actions you asked for. With wait_s it"
    " blocks until the next reply (or an action you asked for is done), then says which.",
    arguments=Args,
    run=_run,
    read_only=True,
)
