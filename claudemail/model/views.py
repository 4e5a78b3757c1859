"""What the faces are given: rows, pages and summaries, ready to be said, drawn or dumped as JSON.

Times are Unix milliseconds. Texts from outside are scrubbed.
"""

from __future__ import annotations

from claudemail.model.brief import ActionItem, Brief, Priority, Sender
from claudemail.model.receipt import RecipientState
from claudemail.model.roster import Liveness, Presence
from claudemail.model.value import Value


class View(Value):
    """The base of all views: immutable, and dumped by `--json` field for field."""


class InboxRow(View):
    """One line of an inbox."""

    id: str
    ref: str
    number: int
    title: str
    sender: Sender
    verified: bool
    at: int
    priority: Priority
    actions: int
    unread: bool
    mailboxes: list[str]
    """The mailboxes, of those asked for, that hold it."""


class InboxPage(View):
    """Part of an inbox, newest first."""

    rows: list[InboxRow]
    unread: int
    """How many are unread in all of the inbox."""
    cursor: int | None
    """Pass it as `before` to get the next page; None: there are no more."""


class BriefView(View):
    """A brief in full."""

    brief: Brief
    number: int
    verified: bool
    mailboxes: list[str]
    """Mailboxes of this node that hold it."""
    unread: bool
    recipients: list[RecipientState]
    """How far it has come; only on the node that sent it."""
    thread: list[InboxRow]
    """The other briefs of its thread that are on this node, oldest first."""


class SendResult(View):
    """A brief was accepted: it is durable, and on its way."""

    id: str
    ref: str
    number: int
    title: str
    recipients: list[RecipientState]
    repeated: bool = False
    """The key was used before: this is the brief of that time."""


class SenderCount(View):
    """How many unread briefs are from one sender."""

    sender: str
    count: int


class CheckView(View):
    """Unread mail, counted."""

    unread: int
    by_priority: dict[Priority, int]
    by_sender: list[SenderCount]
    oldest_at: int | None


class DigestItem(View):
    """One brief in a digest."""

    row: InboxRow
    excerpt: str
    whole: bool
    """Whether the excerpt is all of the body."""
    actions: list[ActionItem]


class DigestView(View):
    """Unread briefs summarised, the most pressing first."""

    items: list[DigestItem]
    remaining: int
    """How many are unread still, beside these."""


class LaneView(View):
    """The lane to one peer."""

    node: str
    url: str
    waiting: int
    oldest_at: int | None
    """When the oldest parcel that waits was accepted."""
    dead: int
    """Parcels to this node in dead letters."""
    liveness: Liveness
    heard_at: int | None
    error: str | None
    retry_at: int | None
    version: str | None
    skew_ms: int | None
    rtt_ms: float | None
    verified: bool
    """Whether its public key is known here, so that its signatures are checked."""


class DeadLetter(View):
    """A parcel that could not be delivered for good."""

    ref: str | None
    """The brief's ref; None for other kinds of parcel."""
    title: str | None
    node: str
    at: int
    reason: str


class StatusView(View):
    """The state of this node."""

    node: str
    version: str
    at: int
    briefs: int
    unread: int
    sent: int
    gateway_pid: int | None
    """The PID of the running gateway; None: it is down."""
    listening: str | None
    """The address it listens on for peers; None: it does not."""
    listen_error: str | None
    lanes: list[LaneView]
    dead_letters: list[DeadLetter]
    disk_free: int
    """Bytes free where the database is."""
    database_bytes: int
    sqlite: str
    allow_unsigned: bool
    warnings: list[str]


class NodeView(View):
    """One node's part of the roster."""

    node: str
    url: str
    here: bool
    liveness: Liveness
    heard_at: int | None
    presences: list[Presence]


class RosterView(View):
    """Everyone in the fleet."""

    at: int
    nodes: list[NodeView]
