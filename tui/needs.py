"""What needs a person, and the state of the node that the headline tells. Views in, words out; no I/O of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from claudemail.checkup import CheckupView, Finding, Rule
from claudemail.config import OPERATOR
from claudemail.model.brief import Priority
from claudemail.model.roster import Liveness
from claudemail.model.views import CheckView, LaneView, RosterView, StatusView
from claudemail.office import Office
from claudemail.text import plural, shorten
from claudemail.tui import glyphs
from claudemail.tui.moments import age
from claudemail.tui.places import Place, Where

_PATIENCE_MS = 60_000
"""Mail on its way for less than this is nobody's concern yet."""
_MOST_REASON = 60
OVERDUE = "the first that is overdue"
URGENT = "the next that is urgent and unread"
"""What a place may be in stead of an id: these hold spaces, and no id does."""


class Need(NamedTuple):
    """One thing that needs a person."""

    text: str
    short: str
    """The same where there is little room."""
    grave: bool
    """Whether mail stands still or is lost until someone acts."""
    place: Place = Place(Where.CHECKUP)
    """Where it is to be seen."""


class NodeState(NamedTuple):
    """What the headline tells of the node."""

    node: str
    unread: int
    needs: tuple[Need, ...]
    nodes: tuple[tuple[Liveness, int], ...]
    """How many nodes are live, late and stale, this one among the live; nothing for a node without peers."""
    counts: Mapping[Where, int]
    """What each pane has to show: unread briefs, open actions, people who are there, nodes, findings."""
    urgent: int = 0
    """How many urgent briefs are unread, in any mailbox."""


async def node_state(office: Office, now_ms: int, checkup: CheckupView) -> NodeState:
    """Return the state of the office's node as a checkup and the office tell it; ages are counted to `now_ms`.

    Raises:
        StoreError: the database could not say.
    """
    status, roster = await office.status(), await office.roster()
    return state_of(status, await everyones_mail(office), now_ms, roster=roster, checkup=checkup)


async def everyones_mail(office: Office) -> CheckView:
    """Return what is unread in any mailbox of the node, counted: the operator may look into all of them."""
    names = [entry.name for entry in (await office.directory()).entries if entry.node == office.config.node_id]
    return await office.check(office.operator().model_copy(update={"mailboxes": (OPERATOR, *names)}))


def state_of(
    status: StatusView,
    mail: CheckView,
    now_ms: int,
    *,
    roster: RosterView | None = None,
    checkup: CheckupView | None = None,
) -> NodeState:
    """Return what the headline and the line of panes are to tell."""
    nodes: Counter[Liveness] = Counter(lane.liveness for lane in status.lanes)
    if nodes:
        nodes[Liveness.LIVE] += 1
    people = [presence for node in roster.nodes for presence in node.presences] if roster else []
    return NodeState(
        node=status.node,
        unread=status.unread,
        needs=tuple(needs_of(status, mail, now_ms, checkup.snoozed if checkup else ())),
        nodes=tuple((state, nodes[state]) for state in Liveness if nodes[state]),
        counts={
            Where.INBOX: status.unread,
            Where.ACTIONS: sum(count for state, count in status.actions.items() if state.is_open),
            Where.ROSTER: sum(presence.live for presence in people),
            Where.NODES: len(status.lanes) + 1,
            Where.CHECKUP: len(checkup.findings) if checkup else 0,
        },
        urgent=mail.by_priority.get(Priority.URGENT, 0),
    )


def needs_of(status: StatusView, mail: CheckView, now_ms: int, snoozed: Sequence[Finding] = ()) -> list[Need]:
    """Return what needs a person and was not snoozed, the gravest first."""
    needs = []
    here = Place(Where.NODES, status.node)
    asleep = Counter(finding.rule for finding in snoozed)
    if status.gateway_pid is None and status.lanes and not asleep[Rule.GATEWAY]:  # without peers it has nothing to do
        waits = ", mail waits" if any(lane.briefs for lane in status.lanes) else ""
        needs.append(Need(f"gateway down{waits}", "gateway down", grave=True, place=here))
    elif status.listen_error and not asleep[Rule.GATEWAY]:
        reason = shorten(status.listen_error, _MOST_REASON)
        needs.append(Need(f"gateway cannot listen: {reason}", "gateway cannot listen", grave=True, place=here))
    dead = sum(lane.dead for lane in status.lanes) - asleep[Rule.DEAD_LETTERS]
    if dead > 0:
        needs.append(Need(plural(dead, "dead letter"), f"{dead} dead", grave=True))
    quiet = {(finding.rule, finding.node) for finding in snoozed}
    needs += [need for lane in status.lanes if (need := _lane_need(lane, now_ms, quiet))]
    overdue = status.overdue - asleep[Rule.OVERDUE]
    if overdue > 0:
        words = f"{overdue} overdue"
        needs.append(Need(words, words, grave=False, place=Place(Where.ACTIONS, OVERDUE)))
    urgent = mail.by_priority.get(Priority.URGENT, 0) - asleep[Rule.URGENT_UNREAD]
    if urgent > 0:
        needs.append(Need(f"{urgent} urgent unread", f"{urgent} urgent", grave=False, place=Place(Where.INBOX, URGENT)))
    return sorted(needs, key=lambda need: not need.grave)


def _lane_need(lane: LaneView, now_ms: int, quiet: Set[tuple[Rule, str | None]]) -> Need | None:
    """Return what is wrong with the lane to one peer: mail that waits, a node that is silent, or both in one.

    `quiet` are the rules and nodes of which nothing is to be told.
    """
    place = Place(Where.NODES, lane.node)
    # Receipts and changes to actions may wait as well; nobody has to be told of those before all else.
    late = bool(lane.briefs) and lane.oldest_at is not None and now_ms - lane.oldest_at >= _PATIENCE_MS
    if (Rule.UNDELIVERED if late else Rule.SILENT_NODE, lane.node) in quiet:
        return None
    waits = f"{lane.briefs} undelivered to {lane.node}" if late and lane.oldest_at is not None else ""
    if lane.liveness is not Liveness.STALE:
        if not waits or lane.oldest_at is None:
            return None
        return Need(f"{waits} ({age(lane.oldest_at, now_ms)})", f"{lane.briefs} undelivered", grave=True, place=place)
    if waits and lane.oldest_at is not None:
        return Need(
            f"{waits} ({age(lane.oldest_at, now_ms)}, silent)", f"{lane.briefs} undelivered", grave=True, place=place
        )
    silent = "never heard" if lane.heard_at is None else f"silent {age(lane.heard_at, now_ms)}"
    return Need(f"{lane.node} {silent}", f"{lane.node} silent", grave=False, place=place)


def nodes_in_words(state: NodeState, *, words: bool) -> str:
    """Return how many nodes are in each state, by glyph and number, and by word where there is room."""
    return "  ".join(
        f"{glyphs.LIVENESS[liveness]} {count}{f' {liveness}' if words else ''}" for liveness, count in state.nodes
    )


def fit_needs(needs: tuple[Need, ...], room: int) -> list[tuple[str, Need | None]]:
    """Return the needs in words that fit `room` cells with ` · ` between them; what does not fit is counted at the end."""
    if not needs:
        return []
    for whole in range(len(needs), -1, -1):  # the first ones keep their whole words the longest
        texts = [need.text if index < whole else need.short for index, need in enumerate(needs)]
        if len(" · ".join(texts)) <= room:
            return list(zip(texts, needs, strict=True))
    fitted: list[tuple[str, Need | None]] = []
    used = 0
    for index, need in enumerate(needs):
        rest = len(needs) - index
        more = f"+{rest - 1} more" if rest > 1 else ""
        after = len(f" · {more}") if more else 0
        if fitted and used + len(need.short) + after > room:
            fitted.append((f"+{rest} more", None))
            break
        fitted.append((need.short, need))
        used += len(need.short) + 3
    return fitted
