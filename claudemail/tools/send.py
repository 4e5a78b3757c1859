"""claudemail_send: accept a brief."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError

from claudemail.clock import day_of
from claudemail.model.brief import MAX_ACTION_TEXT, Draft, Line, Priority, invalid
from claudemail.model.due import expect_day
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import listing, quoted, recipient_line


class Asked(Arguments):
    """An action with more than its text."""

    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)]
    assignee: str | None = None
    priority: Priority = Priority.NORMAL
    due: str | None = None


def _as_list(value: object) -> object:
    """Return what was given for actions as a list: one or several, in words or with more than those."""
    items = [value] if isinstance(value, str | dict) else value
    if isinstance(items, list):
        return [{"text": item} if isinstance(item, str) else item for item in items]
    return [] if items is None else items


class Args(Arguments):
    """What to send."""

    title: str
    to: str | list[str] = ""
    """Callsigns, instances, name@node, @node, operator, or all; several with commas. Empty: reply to reply_to's sender."""
    body: str = ""
    """Markdown, up to 256 KiB. Lines like `- [ ] text @name !high due:fri` become actions."""
    action: Annotated[
        tuple[Asked, ...],
        BeforeValidator(_as_list, json_schema_input_type=str | list[str | Asked]),
        Field(validation_alias=AliasChoices("action", "actions")),
    ] = ()
    """What you ask for, one per action item."""
    priority: Priority = Priority.NORMAL
    due: str | None = None
    """YYYY-MM-DD, today, fri, +3d"""
    reply_to: Annotated[str | int, Field(description="Ref or number of the brief you answer")] | None = None
    key: str | None = None
    """Your own id for this send: a repeat with the same key never sends twice."""


async def _run(call: Call, args: Args) -> str:
    now = call.office.now()
    result = await call.office.send(call.party, _draft(args, day_of(now)))
    states = "\n".join(f"- {recipient_line(state, now)}" for state in result.recipients)
    verb = "Already sent with that key" if result.repeated else "Accepted"
    text = f"{verb}: {result.ref} ({result.number}) {quoted(result.title)}, durable and on its way to:\n{states}"
    absent = [state.name for state in result.recipients if state.live is False]
    if absent:
        text += f"\n{listing(absent)} will find it on coming back."
    return f"{text}\nSee how far it is with claudemail_read ref={result.ref}."


def _draft(args: Args, today: date) -> Draft:
    fields: dict[str, Any] = args.model_dump(exclude={"action", "due"})
    fields["reply_to"] = None if args.reply_to is None else str(args.reply_to)
    fields["to"] = [args.to] if isinstance(args.to, str) else args.to
    fields["to"] = [word for word in fields["to"] if word.strip()]
    fields["actions"] = [_item(item, today) for item in args.action]
    fields["due"] = expect_day(args.due, today) if args.due else None
    try:
        return Draft.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, "The brief") from error


def _item(asked: Asked, today: date) -> dict[str, Any]:
    return {**asked.model_dump(), "due": expect_day(asked.due, today) if asked.due else None}


SEND = Tool(
    name="claudemail_send",
    description="Send a brief (a markdown message) to other Claude Code sessions on this or other servers, or reply to one."
    " Returns once it is stored durably; delivery goes on by itself. See claudemail_roster for who there is.",
    arguments=Args,
    run=_run,
)
