"""Receipts: how far a brief has come, per recipient."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from claudemail.model.brief import Line, Millis, Name, Uuid
from claudemail.model.value import Value


class DeliveryState(StrEnum):
    """Where a brief is on its way to one recipient; each state but `failed` takes in those before it."""

    QUEUED = "queued"
    """Durable here, not yet at the recipient's node."""
    DELIVERED = "delivered"
    """Durable in the recipient's node's database."""
    NOTIFIED = "notified"
    """The recipient's session has been told of it."""
    READ = "read"
    """Shown in full, or in a digest, to the recipient."""
    FAILED = "failed"
    """In dead letters: refused for good, or expired."""


class Receipt(Value):
    """A recipient's node says that a brief was notified, read, or could not be put into a mailbox, when and by whom."""

    brief_id: Uuid
    recipient: Name
    state: DeliveryState
    at: Millis
    by: Name | None = None
    reason: Annotated[Line, Field(max_length=500)] | None = None


class RecipientState(Value):
    """What the sender's node knows of one recipient of a brief."""

    name: str
    node: str
    state: DeliveryState
    at: int
    """When it came to that state, Unix milliseconds."""
    read_by: str | None = None
    reason: Line | None = None
    """Why it failed, or why it is still waiting."""
    retry_at: int | None = None
    """When its node is tried again, while it waits for that; Unix milliseconds."""
    live: bool | None = None
    """Whether the recipient is there now; None where that is not known."""
    away_since: int | None = None
    """When a recipient that is not live was last seen, Unix milliseconds; None: never."""
