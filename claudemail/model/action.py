"""Actions: tracked items. What is known of one is the sum of the changes that were made to it, anywhere in the fleet.

A change sets some fields, at a stamp of the hybrid logical clock. Of each field the latest stamp stands, so that changes
taken in any order and any number of times end the same on every node.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, field_validator

from claudemail.model.brief import (
    MAX_ACTION_TEXT,
    ActionItem,
    Assignee,
    Brief,
    Day,
    Line,
    Millis,
    Name,
    Priority,
    Ref,
    Sender,
    Stamp,
    Uuid,
)
from claudemail.model.ids import id_ms
from claudemail.model.value import Value

MAX_NOTE = 2_000
SIGNED_AS = b"claudemail action v1\n"
"""What the signature of a change covers before the canonical bytes, so that no other kind of signature can pass for one."""
_NO_MORE = "32503679999999-99999"
"""The last stamp before the year 3000."""
NOBODY = ("none", "nobody", "-")
"""Words for no assignee, beside the empty one."""


class ActionStatus(StrEnum):
    """How far an action has come."""

    PENDING = "pending"
    WIP = "wip"
    BLOCKED = "blocked"
    DONE = "done"
    DROPPED = "dropped"

    @property
    def rank(self) -> int:
        """A number for each status, from 0; the open ones come first."""
        return _RANKS[self]

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self in OPEN


OPEN = (ActionStatus.PENDING, ActionStatus.WIP, ActionStatus.BLOCKED)
CLOSED = (ActionStatus.DONE, ActionStatus.DROPPED)
_RANKS = {status: rank for rank, status in enumerate(ActionStatus)}


class ActionFields(Value):
    """What a change sets: the fields that were given, and no others. None empties a field that can be empty."""

    ref: Ref | None = None
    text: Annotated[Line, Field(min_length=1, max_length=MAX_ACTION_TEXT)] | None = None
    assignee: Assignee | None = None
    status: ActionStatus = ActionStatus.PENDING
    priority: Priority = Priority.NORMAL
    due: Day | None = None
    note: Annotated[Line, Field(max_length=MAX_NOTE)] | None = None
    brief: Uuid | None = None
    """The brief that asked for it."""
    asker: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}@[A-Za-z0-9_-]{1,64}$")] | None = None
    """Who asked for it, as `alpha@server1`."""


class Change(Value):
    """One change of one action: what was set, by whom, when. Field for field what the node it was made on signed."""

    action: Uuid
    stamp: Stamp
    at: Millis
    by: Name
    fields: ActionFields

    @property
    def node(self) -> str:
        """The node that the change was made on."""
        return self.stamp[21:]

    @field_validator("stamp")
    @classmethod
    def _leaves_room(cls, stamp: str) -> str:
        """Refuse a stamp after which there is no room for later ones."""
        if not has_room(stamp):
            raise ValueError("the stamp is from the year 3000 or later")
        return stamp

    def wire(self) -> dict[str, Any]:
        """Return the change as JSON has it, with the fields that it sets and no others."""
        return self.model_dump(mode="json", exclude_unset=True)


def has_room(stamp: str) -> bool:
    """Return whether a change may have this stamp, so that another can come after it."""
    return stamp[:20] < _NO_MORE


def item_id(brief_id: str, index: int) -> str:
    """Return the id of the action that is item `index` (from 0) of a brief.

    It follows from the brief's, so that whoever makes the actions of a brief again makes the same ones.
    """
    digest = hashlib.sha256(f"{brief_id} {index}".encode()).digest()
    bits = id_ms(brief_id) << 80 | int.from_bytes(digest[:10], "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=bits))


def from_brief(brief: Brief, item: ActionItem, index: int, *, sole: str | None) -> Change:
    """Return the change that makes the action of an item of a brief, but for its ref.

    What the item leaves open, it has from the brief: how soon and until when, and whose it is where there is a sole recipient.
    """
    normal = item.priority is Priority.NORMAL
    fields = ActionFields(
        text=item.text,
        assignee=item.assignee or sole,
        status=ActionStatus.PENDING,
        priority=brief.priority if normal else item.priority,
        due=item.due or brief.due,
        brief=brief.id,
        asker=asker(brief.sender),
    )
    return Change(action=item_id(brief.id, index), stamp=brief.stamp, at=brief.at, by=brief.sender.name, fields=fields)


def asker(sender: Sender) -> str:
    """Return how an action names who asked for it."""
    return f"{sender.name}@{sender.node}"


def is_overdue(status: ActionStatus, due: str | None, today: date) -> bool:
    """Return whether something open should have been done before today."""
    return status.is_open and due is not None and due < today.isoformat()
