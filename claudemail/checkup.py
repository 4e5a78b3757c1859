"""The checkup: what in the fleet wants somebody's attention. Each rule is a function from a snapshot to findings, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from claudemail.config import Thresholds
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.roster import Liveness
from claudemail.model.value import Value
from claudemail.model.views import ActionView, DeadLetter, InboxRow, LaneView
from claudemail.text import ago, plural, shorten

MINUTE_MS, DAY_MS = 60_000, 86_400_000
_MIB = 2**20
_MOST_OF_A_RULE = 20
"""More findings of one rule are counted in one line."""
_MOST_TITLE = 60


class Severity(StrEnum):
    """How much a finding matters."""

    CRITICAL = "critical"
    """Mail stands still, is lost to its recipient, or soon will be."""
    WARNING = "warning"
    """Somebody should look."""
    INFO = "info"
    """Good to know."""


class Rule(StrEnum):
    """What a finding is about."""

    GATEWAY = "gateway"
    DEAD_LETTERS = "dead letters"
    DISK_LOW = "disk low"
    UNDELIVERED = "undelivered"
    SILENT_NODE = "silent node"
    OVERDUE = "overdue"
    URGENT_UNREAD = "urgent unread"
    STALE_WIP = "stale wip"
    CONFIG = "config"
    CLOCK_SKEW = "clock skew"
    UNVERIFIED_PEER = "unverified peer"
    VERSION_MISMATCH = "version mismatch"
    UNBALANCED_LOAD = "unbalanced load"
    GONE_MAILBOX = "gone mailbox"


class Finding(Value):
    """One thing that wants attention."""

    rule: Rule
    severity: Severity
    what: str
    since: int | None = None
    """Since when it is so, Unix milliseconds."""
    remedy: str
    action: str | None = None
    """The ref of the action that it is about."""
    brief: str | None = None
    """The ref of the brief that it is about."""
    node: str | None = None
    name: str | None = None
    """The mailbox or assignee that it is about."""
    snoozed_until: int | None = None
    """Until when it is not to be told of, Unix milliseconds; None: it is."""

    @property
    def key(self) -> str:
        """What tells it from all other findings, the next time as well."""
        dead_at = self.since if self.rule is Rule.DEAD_LETTERS else None  # several to one node are not the same thing
        return "|".join(str(part or "") for part in (self.rule, self.action, self.brief, self.node, self.name, dead_at))

    def is_graver_than(self, severity: Severity) -> bool:
        """Return whether it matters more than that."""
        order = list(Severity)
        return order.index(self.severity) < order.index(severity)


class CheckupView(Value):
    """What a checkup found on a node."""

    at: int
    node: str
    findings: list[Finding]
    """What somebody should be told of."""
    snoozed: list[Finding]
    """What is not to be told of for a while."""


class GoneMailbox(Value):
    """A mailbox with unread mail whose owner has not been there for long, or is in no config any more."""

    name: str
    unread: int
    seen_at: int | None
    """When its last session was there; None: never, as far as is known."""
    known: bool
    """Whether the config or a session ever named it."""


class LacksConfig(Value):
    """Something that another node told and that the config file should say, but does not."""

    node: str
    """Whom it is about."""
    origin: str
    """Who told it."""
    why: str
    """Why the file could not be changed."""
    entry: str
    """What belongs into the file, and where."""
    at: int


class Snapshot(Value):
    """Everything that the rules look at, as one node knows it."""

    at: int
    today: str
    """YYYY-MM-DD"""
    version: str
    gateway_running: bool
    listen_error: str | None
    lanes: list[LaneView]
    dead_letters: list[DeadLetter]
    overdue: list[ActionView]
    """Open actions that were due before today, the longest first."""
    wip: list[ActionView]
    """Actions in work, those that were begun first first."""
    urgent: list[InboxRow]
    """Urgent unread mail of this node, the oldest first."""
    loads: dict[str, int]
    """How many open actions each assignee has."""
    idle: list[str]
    """Those who are live and have none."""
    mailboxes: list[GoneMailbox]
    """Mailboxes of this node with unread mail and no live session."""
    disk_free: int
    """Bytes free where the database is."""
    lacking: tuple[LacksConfig, ...] = ()
    """What the config file should say."""


def examine(snapshot: Snapshot, limits: Thresholds) -> list[Finding]:
    """Return what all rules find, the gravest first, and within that the oldest."""
    found = [finding for rule in RULES for finding in _bounded(list(rule(snapshot, limits)))]
    order = list(Severity)
    return sorted(found, key=lambda finding: (order.index(finding.severity), finding.since is None, finding.since or 0))


def _bounded(findings: Sequence[Finding]) -> list[Finding]:
    shown = list(findings[:_MOST_OF_A_RULE])
    rest = findings[_MOST_OF_A_RULE:]
    if rest:
        what = f"and {len(rest)} more: {rest[0].rule}"
        shown.append(
            Finding(rule=rest[0].rule, severity=rest[0].severity, what=what, remedy="Deal with the others first.")
        )
    return shown


def gateway(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """This node's gateway is down while it has peers, or peers cannot reach it."""
    del limits
    waiting = sum(lane.waiting for lane in snapshot.lanes)
    briefs = sum(lane.briefs for lane in snapshot.lanes)
    if snapshot.lanes and not snapshot.gateway_running:
        yield Finding(
            rule=Rule.GATEWAY,
            severity=Severity.CRITICAL if waiting else Severity.WARNING,
            what="the gateway of this node is down" + (f", {_waiting(waiting, briefs)}" if waiting else ""),
            remedy="Start it with `claudemail gateway`; the next session or send does so, too.",
        )
    elif snapshot.listen_error:
        yield Finding(
            rule=Rule.GATEWAY,
            severity=Severity.CRITICAL,
            what=f"peers cannot reach this node: {snapshot.listen_error}",
            remedy="Free that address, or set gateway_port or bind of this node in the config.",
        )


def dead_letters(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """Something was refused for good, or could not be delivered for too long."""
    del limits
    for letter in snapshot.dead_letters:
        title = f' "{shorten(letter.title, _MOST_TITLE)}"' if letter.title else ""
        yield Finding(
            rule=Rule.DEAD_LETTERS,
            severity=Severity.CRITICAL,
            what=f"{letter.ref or letter.kind}{title} did not reach {letter.node}: {letter.reason.rstrip('.')}",
            since=letter.dead_at,
            remedy=f"Mend the reason, then `claudemail retry {letter.ref or letter.node}`.",
            brief=letter.ref,
            node=letter.node,
        )


def disk_low(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """There is little room for mail."""
    if snapshot.disk_free < limits.disk_low_mb * _MIB:
        yield Finding(
            rule=Rule.DISK_LOW,
            severity=Severity.CRITICAL,
            what=f"{snapshot.disk_free // _MIB} MiB are free where the mail is",
            remedy="Free some space: a full disk takes no new mail. What is accepted is safe.",
        )


def config(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """The config file lacks what another node told, and could not be changed."""
    del limits
    for one in snapshot.lacking:
        yield Finding(
            rule=Rule.CONFIG,
            severity=Severity.CRITICAL,
            what=f"the config lacks what {one.origin} told of {one.node}: {one.why.rstrip('.')}",
            since=one.at,
            remedy=f"Mend that, and it is written within 10 minutes; or {one.entry}.",
            node=one.node,
        )


def undelivered(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """Mail has waited for a peer for long."""
    for lane in snapshot.lanes:
        age = 0 if lane.oldest_at is None else snapshot.at - lane.oldest_at
        if lane.waiting and age >= limits.undelivered_minutes * MINUTE_MS:
            why = f": {lane.error.rstrip('.')}" if lane.error else ""
            yield Finding(
                rule=Rule.UNDELIVERED,
                severity=Severity.CRITICAL,
                what=f"{_waiting(lane.waiting, lane.briefs, lane.node)}, the oldest for {ago(0, age)}{why}",
                since=lane.oldest_at,
                remedy=f"See that {lane.node} runs a gateway and {_way(lane)}; it goes out by itself then.",
                node=lane.node,
            )


def _way(lane: LaneView) -> str:
    return "reaches this node" if lane.pull else f"is reached at {lane.url}"


def silent_node(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """A peer has not been heard of for long."""
    for lane in snapshot.lanes:
        quiet = None if lane.heard_at is None else snapshot.at - lane.heard_at
        if lane.liveness is Liveness.STALE and (quiet is None or quiet >= limits.silent_minutes * MINUTE_MS):
            yield Finding(
                rule=Rule.SILENT_NODE,
                severity=Severity.WARNING,
                what=f"{lane.node} was never heard of"
                if quiet is None
                else f"{lane.node} is silent for {ago(0, quiet)}",
                since=lane.heard_at,
                remedy=f"See that a gateway runs there and {_way(lane)}.",
                node=lane.node,
            )


def overdue(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """An open action should have been done by now."""
    del limits
    for action in snapshot.overdue:
        if action.due is not None and action.status.is_open and action.due < snapshot.today:
            yield Finding(
                rule=Rule.OVERDUE,
                severity=Severity.WARNING,
                what=f"{_action(action)} was due on {action.due}",
                since=_day_start(action.due),
                remedy="Do it, or give it a new due day, assignee or status.",
                action=action.ref,
                name=action.assignee,
            )


def urgent_unread(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """Nobody has read an urgent brief."""
    for row in snapshot.urgent:
        late = snapshot.at - row.at >= limits.urgent_unread_minutes * MINUTE_MS
        if row.unread and row.priority is Priority.URGENT and late:
            yield Finding(
                rule=Rule.URGENT_UNREAD,
                severity=Severity.WARNING,
                what=f'{row.ref} "{shorten(row.title, _MOST_TITLE)}" from {row.sender} is unread by'
                f" {', '.join(row.mailboxes)}",
                since=row.at,
                remedy="See that a session of that name runs and reads it.",
                brief=row.ref,
                name=row.mailboxes[0] if row.mailboxes else None,
            )


def stale_wip(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """An action is in work and nothing has been heard of it for days."""
    for action in snapshot.wip:
        if action.status is ActionStatus.WIP and snapshot.at - action.changed_at >= limits.stale_wip_days * DAY_MS:
            yield Finding(
                rule=Rule.STALE_WIP,
                severity=Severity.WARNING,
                what=f"{_action(action)} is in work, and unchanged for {ago(action.changed_at, snapshot.at)}",
                since=action.changed_at,
                remedy="Ask how it stands, or give it a note or another status.",
                action=action.ref,
                name=action.assignee,
            )


def clock_skew(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """A peer's clock is not this node's."""
    for lane in snapshot.lanes:
        if lane.skew_ms is not None and abs(lane.skew_ms) >= limits.clock_skew_seconds * 1000:
            side = "ahead of" if lane.skew_ms > 0 else "behind"
            yield Finding(
                rule=Rule.CLOCK_SKEW,
                severity=Severity.WARNING,
                what=f"the clock of {lane.node} is {ago(0, abs(lane.skew_ms))} {side} this node's",
                remedy="Set both by NTP. No mail is refused for it, but ages and the order of changes suffer.",
                node=lane.node,
            )


def unverified_peer(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """Nobody knows whether mail from a peer is from it."""
    del limits
    for lane in snapshot.lanes:
        if not lane.verified:
            yield Finding(
                rule=Rule.UNVERIFIED_PEER,
                severity=Severity.INFO,
                what=f"the public key of {lane.node} is not in the config: its mail is unverified",
                remedy=f"Run `claudemail keys` on {lane.node} and put its public_key into the config of every node.",
                node=lane.node,
            )


def version_mismatch(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """A peer runs another version."""
    del limits
    for lane in snapshot.lanes:
        if lane.version is not None and lane.version != snapshot.version:
            yield Finding(
                rule=Rule.VERSION_MISMATCH,
                severity=Severity.INFO,
                what=f"{lane.node} runs ClaudeMail {lane.version}, this node {snapshot.version}",
                remedy="Install the same version on both; mail goes on meanwhile.",
                node=lane.node,
            )


def unbalanced_load(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """Somebody has many times the open actions of the others."""
    loads = {**dict.fromkeys(snapshot.idle, 0), **snapshot.loads}
    for name, load in loads.items():
        others = [count for other, count in loads.items() if other != name]
        if not others or load < limits.unbalanced_least:
            continue
        mean = sum(others) / len(others)
        if load >= limits.unbalanced_factor * mean:
            yield Finding(
                rule=Rule.UNBALANCED_LOAD,
                severity=Severity.INFO,
                what=f"{name} has {load} open actions, the others {mean:.1f} on average",
                remedy="Give some of them away.",
                name=name,
            )


def gone_mailbox(snapshot: Snapshot, limits: Thresholds) -> Iterator[Finding]:
    """Mail lies unread where nobody has been for long."""
    for box in snapshot.mailboxes:
        away = None if box.seen_at is None else snapshot.at - box.seen_at
        if box.unread and (not box.known or (away is not None and away >= limits.gone_days * DAY_MS)):
            gone = "that no config names" if not box.known else f"whose last session ended {ago(0, away or 0)} ago"
            yield Finding(
                rule=Rule.GONE_MAILBOX,
                severity=Severity.INFO,
                what=f"{plural(box.unread, 'unread brief')} in the mailbox of {box.name}, {gone}",
                since=box.seen_at,
                remedy=f"Start a session of that name, or read it as {box.name} on the command line."
                if box.known
                else f"Search for what is unread, and give {box.name} back its place in the config.",
                name=box.name,
            )


RULES: tuple[Callable[[Snapshot, Thresholds], Iterator[Finding]], ...] = (
    gateway,
    dead_letters,
    disk_low,
    config,
    undelivered,
    silent_node,
    overdue,
    urgent_unread,
    stale_wip,
    clock_skew,
    unverified_peer,
    version_mismatch,
    unbalanced_load,
    gone_mailbox,
)


def _waiting(parcels: int, briefs: int, node: str | None = None) -> str:
    """Return what waits: the briefs; where only receipts and changes to actions do, those."""
    count, what = (briefs, "brief") if briefs else (parcels, "parcel")
    whither = "" if node is None else f" for {node}"
    return f"{plural(count, what)}{whither} {'waits' if count == 1 else 'wait'}"


def _action(action: ActionView) -> str:
    whose = f", {action.assignee}'s," if action.assignee else ""
    return f'{action.ref} "{shorten(action.text, _MOST_TITLE)}"{whose}'


def _day_start(day: str) -> int:
    from datetime import UTC, datetime

    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
