"""What the faces are given: rows, pages and summaries, ready to be said, drawn or dumped as JSON.

Times are Unix milliseconds. Texts from outside are scrubbed.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from claudemail.model.action import ActionStatus
from claudemail.model.brief import ActionItem, Brief, Priority, Sender
from claudemail.model.receipt import RecipientState
from claudemail.model.roster import Liveness, Presence
from claudemail.model.value import Value


class View(Value):
    """The base of all views: immutable, and dumped by `--json` field for field."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


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
    starred: bool = False
    archived: bool = False


class SentRow(InboxRow):
    """One line of what was sent."""

    recipients: list[RecipientState] = []
    """How far it has come."""


class InboxPage(View):
    """Part of an inbox, newest first."""

    rows: list[InboxRow]
    unread: int
    """How many are unread in all of the inbox."""
    cursor: int | None
    """Pass it as `before` to get the next page (as `after`, for a page that was asked for so); None: there are no more."""


class SentPage(View):
    """Part of what was sent, newest first."""

    rows: list[SentRow]
    cursor: int | None
    """As that of an inbox."""


class StarredView(View):
    """Briefs that were starred together, or are so no more."""

    changed: list[str]
    """The ids of those of which that is new."""
    starred: bool


class ActionView(View):
    """An action, as this node knows it."""

    id: str
    ref: str
    number: int
    text: str
    assignee: str | None
    """Whose it is: a callsign, an instance, or an operator as `operator@server1`; None: nobody's yet."""
    status: ActionStatus
    priority: Priority
    due: str | None
    """YYYY-MM-DD"""
    note: str | None
    asker: str | None
    """Who asked for it, as `alpha@server1`."""
    brief: str | None
    """The id of the brief that asked for it."""
    brief_ref: str | None
    """By what that brief is found, where it is on this node."""
    created_at: int
    changed_at: int
    status_at: int
    """Since when it has its status."""


class ActionPage(View):
    """Part of a list of actions."""

    rows: list[ActionView]
    cursor: str | None
    """Pass it as `after` to get the next page; None: there are no more."""


class ActionStretch(View):
    """A stretch of a list of actions."""

    rows: list[ActionView]
    after: str | None
    """The place that it begins after; None: the top of the list."""
    more: bool
    """Whether there are more below it."""


class ActionBoard(View):
    """Several lists of actions at the same moment."""

    stretches: list[ActionStretch]
    totals: dict[ActionStatus, int]
    """How many actions of each status there are in the whole lists."""


class MyActions(View):
    """What somebody has to do."""

    mine: ActionPage
    """Pending and in work, the most pressing first."""
    offered: list[ActionView]
    """Nobody's yet, asked for in briefs to them and others."""
    offered_more: bool
    """Whether there may be more of those."""
    blocked: int
    """How many of theirs are blocked, up to a hundred."""


class ChangeView(View):
    """One change of an action: who set what, when."""

    at: int
    by: str
    node: str
    verified: bool
    """Whether the change is signed by the key that is known of that node."""
    fields: dict[str, Any]


class ActionHistory(View):
    """An action and all that was ever changed of it, oldest first."""

    action: ActionView
    brief: InboxRow | None
    """The brief that asked for it, where that is on this node."""
    changes: list[ChangeView]


class ActionUpdated(View):
    """An action after an update, and what the update changed."""

    action: ActionView
    before: dict[str, Any]
    """The former values of the fields that are other now."""
    stamp: str | None = None
    """The stamp of the change; None: nothing was changed."""


class LeftAlone(View):
    """Fields of an action that could not be given their former values: somebody has changed them since."""

    action: ActionView
    fields: list[str]
    by: str
    """Who did, as `alpha@server1`."""


class BriefView(View):
    """A brief in full."""

    brief: Brief
    number: int
    verified: bool
    mailboxes: list[str]
    """Mailboxes of this node that hold it."""
    unread: bool
    starred: bool
    archived: bool
    recipients: list[RecipientState]
    """How far it has come; only on the node that sent it."""
    actions: list[ActionView]
    """What has become of what it asks for."""
    thread: list[InboxRow]
    """The other briefs of its thread that the reader may see, oldest first; of a long thread the latest."""
    thread_more: int
    """How many older ones were left out."""


class ThreadView(View):
    """Briefs that answer each other, in full, oldest first."""

    briefs: list[BriefView]
    left_out: int
    """How many older ones were left out."""


class SendResult(View):
    """A brief was accepted: it is durable, and on its way."""

    id: str
    ref: str
    number: int
    title: str
    recipients: list[RecipientState]
    repeated: bool = False
    """The key was used before: this is the brief of that time."""
    reply: InboxRow | None = None
    """The reply that was waited for, if it has come."""


class DraftView(View):
    """What a draft will be once it is sent."""

    recipients: list[str]
    """Whom it will go to, as `charlie@server2`."""
    body: str
    """With the sender's signature line."""
    actions: list[ActionItem]
    """What it will ask for, in its fields and in the boxes of its body."""


class StarView(View):
    """A brief that was starred, or is so no more."""

    row: InboxRow
    starred: bool


class SearchHit(View):
    """A brief that was found."""

    row: InboxRow
    excerpt: str
    """The part of its body where the words are."""


class SearchPage(View):
    """Part of what was found, newest first."""

    hits: list[SearchHit]
    cursor: int | None
    """Pass it as `before` to go on; None: there is no more."""
    looked_at: int
    """How many briefs were looked at; when that is many and few were found, `cursor` goes on with older ones."""


class WaitingBrief(View):
    """A brief that somebody has not read or nobody has answered."""

    row: InboxRow
    states: list[RecipientState]
    answered: bool
    """Whether somebody has answered in its thread."""


class WaitingView(View):
    """What somebody waits for."""

    briefs: list[WaitingBrief]
    """Their briefs that are unread or unanswered, newest first."""
    cursor: int | None
    """Pass it as `before` to get older ones; None: there are no more."""
    actions: ActionPage
    """What they asked for and is not done."""
    days: int
    """How many days back briefs were looked at."""


class WaitEnd(View):
    """What ended a wait, if anything did before its time was over."""

    reply: InboxRow | None
    action: ActionView | None


class CleanView(View):
    """What a clean-up archives."""

    rows: list[InboxRow]
    """The oldest of them."""
    count: int
    """How many there are in all."""
    kept: dict[str, int]
    """How many read ones of that age stay, and why: starred, open actions."""
    applied: bool
    """Whether they are archived now; False: this was a dry run."""
    days: int


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
    actions: list[ActionView]


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
    """How many parcels wait for it: briefs, receipts, changes to actions."""
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
    pull: bool = False
    """Whether it cannot be reached, and fetches its mail."""
    failing_since: int | None = None
    """Since when every call to it has failed."""
    briefs: int = 0
    """How many of the parcels that wait are briefs."""


class PingView(View):
    """A node that was asked whether it is there."""

    node: str
    rtt_ms: float | None
    """How long its answer took; None: there was none."""
    error: str | None
    """Why there was none, or what is wrong with it."""


class RetryView(View):
    """What is tried again."""

    nodes: list[str]
    """The nodes that are tried now."""
    waiting: int
    """How many parcels wait for them."""
    revived: int
    """How many dead letters are among those again."""
    dead: int
    """How many dead letters are left."""


class DeadLetter(View):
    """A parcel that could not be delivered for good."""

    kind: str
    """What it is: brief, receipts, actions."""
    ref: str | None
    """The brief's ref; None for other kinds of parcel."""
    title: str | None
    node: str
    at: int
    """When it was accepted."""
    dead_at: int
    """When it was given up."""
    reason: str


class StatusView(View):
    """The state of this node."""

    node: str
    version: str
    at: int
    briefs: int
    unread: int
    sent: int
    archived: int
    """Entries of mailboxes that are archived."""
    starred: int
    actions: dict[ActionStatus, int]
    """How many actions of each status there are in the fleet, as far as this node knows."""
    overdue: int = 0
    """How many of the open ones should have been done before today."""
    mailbox_dir: str
    unmirrored: int
    """Briefs whose files in `mailbox_dir` are not up to date yet."""
    gateway_pid: int | None
    """The PID of the running gateway; None: it is down."""
    listening: str | None
    """The address it listens on for peers; None: it does not."""
    listen_error: str | None
    pull: bool = False
    """Whether this node cannot be reached, and fetches its mail."""
    lanes: list[LaneView]
    dead_letters: list[DeadLetter]
    disk_free: int
    """Bytes free where the database is."""
    database_bytes: int
    sqlite: str
    allow_unsigned: bool
    warnings: list[str]


class GatewayState(View):
    """This node's gateway: whether it runs, and how."""

    node: str
    running: bool
    answers: bool
    """Whether it says that it is well when it is asked."""
    pid: int | None
    since: int | None
    """When it began; Unix milliseconds."""
    mode: str | None
    """`run`: a person or a service manager runs it; `on-demand`: it was started because somebody needed it."""
    service: str | None
    """The service that it is, or that is installed for this node."""
    listening: str | None
    listen_error: str | None
    version: str | None
    sessions: int | None
    """How many are attached; None: it does not say."""
    socket: str
    log: str


class NodeView(View):
    """One node's part of the roster."""

    node: str
    url: str
    here: bool
    liveness: Liveness
    heard_at: int | None
    presences: list[Presence]


class NodeBeats(View):
    """What was heard of a node, slot by slot, oldest first."""

    heard: list[bool]
    """Whether anything was heard of it."""
    names: dict[str, list[int | None]]
    """For each name: how many beats told that it had worked since the one before; None: it was not seen there."""


class BeatsView(View):
    """The history of the fleet's heartbeats, up to the last slot that is over."""

    slot_ms: int
    """How long a slot is."""
    until: int
    """When the last one ended, Unix milliseconds."""
    nodes: dict[str, NodeBeats]


class RosterView(View):
    """Everyone in the fleet."""

    at: int
    nodes: list[NodeView]


class RebuildView(View):
    """What a database was made of from files."""

    briefs: int
    entries: int
    """How many mailboxes hold them, in all."""
    changes: int
    """Changes of actions."""
    queued: int
    """Briefs that are sent again to other nodes; those that have them take them for the same."""
    unverified: int
    """Briefs that are not, to the letter, what their node signed, or whose node's key is not known."""
    skipped: list[str]
    """Files that are no briefs, with the reason."""
    former: str | None
    """Where the former database is now."""


class BackupView(View):
    """A backup that was made."""

    path: str
    node: str
    at: int
    briefs: int
    bytes: int


class RestoreView(View):
    """What was restored."""

    node: str
    at: int
    """When the backup was made."""
    briefs: int
    former: str | None
    """Where the former database is now."""
    key: str
    """What became of the key in the backup: restored; same, as the one that is here; other: the one that is here stays."""


class FilesView(View):
    """The files of briefs, written anew."""

    folder: str
    written: int
    """How many briefs and changes of actions that were."""


class RotationView(View):
    """A change of this node's key."""

    old_public_key: str
    new_public_key: str
    new_fingerprint: str
    heard: list[str]
    """The peers that know the new key."""
    waiting: list[str]
    """Those that do not yet."""
    refused: dict[str, str]
    """Those of them that will not have it, and why."""
    over: bool = False
    """Whether the new key has taken the place of the old one."""


class KeyView(View):
    """A node's public key."""

    node: str
    public_key: str
    fingerprint: str
    rotation: RotationView | None = None
    """The change of keys that is under way, or was just made."""


class InviteView(View):
    """An invitation."""

    token: str
    node: str
    """The inviter."""
    url: str
    """Where the newcomer asks."""
    fingerprint: str
    """Of the inviter's public key."""
    until: int
    """When it ends, Unix milliseconds by the inviter's clock."""
    config: str | None
    """The config file that was made for it; None: there was one."""


class JoinedView(View):
    """A node that has joined the fleet."""

    node: str
    url: str
    fingerprint: str


class JoinView(View):
    """The fleet that this node is in now."""

    node: str
    url: str
    """Where the others reach it."""
    fingerprint: str
    inviter: JoinedView
    nodes: list[str]
    instances: list[str]
    """This node's."""
    config: str
    """The config file that says so."""
    allow_unsigned: bool


class SettingsFile(View):
    """What becomes of a file of Claude Code's."""

    path: str
    changed: bool
    diff: str
    notes: list[str]
    """What there is to say about it to the user."""


class SetupView(View):
    """What setting Claude Code up changes, or undoing it."""

    files: list[SettingsFile]
    applied: bool
    """Whether the files are changed now; False: none had to be, or this was a dry run."""


class ConsoleView(View):
    """What the console shows."""

    status: StatusView
    needs: list[str]
    """What needs a person, the gravest first."""
    findings: dict[str, int]
    """How many findings of each severity the checkup has."""
    inbox: InboxPage
    roster: RosterView
