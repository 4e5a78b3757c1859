"""The brief: what is sent, immutable once accepted, signed by its node over canonical bytes."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from claudemail.errors import BriefTooLarge, InvalidInput
from claudemail.model.ids import REF
from claudemail.model.value import Value
from claudemail.text import plural, scrub, scrub_line

MAX_BRIEF_BYTES = 256 * 1024
"""The size limit of title, body, actions and labels together, in bytes of UTF-8."""
MAX_CANONICAL = 3 * MAX_BRIEF_BYTES + 64 * 1024
"""What that can come to in canonical form, where a character of two bytes takes six, with all other fields."""
MAX_TITLE = 200
MAX_ACTIONS = 128
MAX_ACTION_TEXT = 500
MAX_LABELS = 16
SIGNED_AS = b"claudemail brief v1\n"
"""What a brief signature covers before the canonical bytes, so that no other kind of signature can pass for one."""


class Priority(StrEnum):
    """How soon a brief or an action wants attention."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """A number that grows with urgency, from 0."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Assignee = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}(@[A-Za-z0-9][A-Za-z0-9_-]{0,63})?$")]
"""Whom an action is for: a callsign or an instance; an operator with the node, as in `operator@server1`."""
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Ref = Annotated[str, Field(pattern=f"^{REF.pattern}$")]
Stamp = Annotated[str, Field(pattern=r"^[0-9]{14}-[0-9]{5}-[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
"""A stamp of the hybrid logical clock."""
Line = Annotated[str, AfterValidator(scrub_line)]
Millis = Annotated[int, Field(ge=0, lt=10**14)]
"""Unix time in milliseconds."""


def check_day(text: str) -> str:
    """Return `text` if it is a date of the calendar; raise ValueError if it is not."""
    date.fromisoformat(text)
    return text


Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(check_day)]
"""A date of the calendar, as YYYY-MM-DD."""


class ActionItem(Value):
    """Something a brief asks for."""

    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)]
    assignee: Assignee | None = None
    priority: Priority = Priority.NORMAL
    due: Day | None = None


class Sender(Value):
    """Who wrote a brief: a callsign, an instance or an operator, and the node that vouches for it."""

    name: Name
    instance: Name | None = None
    node: Name

    def __str__(self) -> str:
        return f"{self.name} ({self.node})"


class Draft(Value):
    """A brief that someone wants to send, as it comes in at the door."""

    to: list[str]
    title: Annotated[Line, Field(min_length=1, max_length=MAX_TITLE)]
    body: Annotated[str, AfterValidator(scrub)] = ""
    actions: Annotated[list[ActionItem], Field(max_length=MAX_ACTIONS)] = []
    priority: Priority = Priority.NORMAL
    due: Day | None = None
    expires: Day | None = None
    labels: Annotated[list[Name], Field(max_length=MAX_LABELS)] = []
    reply_to: Annotated[str, Field(max_length=64)] | None = None
    key: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("actions", mode="before")
    @classmethod
    def _plain_actions(cls, value: object) -> object:
        items = [value] if isinstance(value, str | dict) else value
        if isinstance(items, list):
            return [{"text": item} if isinstance(item, str) else item for item in items]
        return items


class Brief(Value):
    """A brief as it was accepted. Field for field what its node signed."""

    id: Uuid
    ref: Ref
    stamp: Stamp
    at: Millis
    sender: Sender
    to: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z0-9_@-]{1,130}$")]], Field(min_length=1, max_length=64)]
    title: Annotated[Line, Field(min_length=1, max_length=MAX_TITLE)]
    body: Annotated[str, AfterValidator(scrub)]
    actions: Annotated[list[ActionItem], Field(max_length=MAX_ACTIONS)] = []
    priority: Priority = Priority.NORMAL
    due: Day | None = None
    expires: Day | None = None
    labels: Annotated[list[Name], Field(max_length=MAX_LABELS)] = []
    thread: Uuid
    reply_to: Uuid | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as JSON has them."""
        return self.model_dump(mode="json", exclude_defaults=True)


def canonical(fields: dict[str, Any]) -> str:
    """Return the one JSON text of `fields`, pure ASCII: keys sorted, no spaces. Signatures are over these bytes.

    A brief that came from elsewhere keeps the fields that this version does not know: they were signed too.
    """
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def check_size(title: str, body: str, actions: list[ActionItem], labels: list[str]) -> None:
    """Raise BriefTooLarge, naming size and limit, if these together are over the limit."""
    size = sum(len(part.encode()) for part in (title, body, *labels, *(action.text for action in actions)))
    if size > MAX_BRIEF_BYTES:
        raise BriefTooLarge(f"The brief is {plural(size, 'byte')}; the limit is 256 KiB ({MAX_BRIEF_BYTES} bytes).")


def _said(detail: dict[str, Any]) -> str:
    """Return what pydantic found wrong with a value, in words for who gave it (https://errors.pydantic.dev)."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "string_too_long" | "too_long":
            what = "items" if context.get("field_type") in ("List", "Tuple", "Dictionary") else "characters"
            return f"over the limit of {plural(context['max_length'], what.removesuffix('s'))}"
        case "string_too_short" | "too_short" if context.get("min_length") == 1:
            return "must not be empty"
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "there is no such field"
        case _:
            return scrub_line(str(detail["msg"]))


def invalid(error: Exception, what: str) -> InvalidInput:
    """Return an InvalidInput that says in one line what pydantic found wrong with `what`."""
    found = []
    for detail in getattr(error, "errors", list)():
        where = ".".join(str(part) for part in detail["loc"])
        found.append(f"{where}: {_said(detail)}" if where else _said(detail))
    listed = "; ".join(found[:5]) or scrub_line(str(error))[:200]
    return InvalidInput(f"{what} is not as it should be: {listed}.", remedy="Correct that and try again.")
