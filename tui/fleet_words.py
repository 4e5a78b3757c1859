"""What is said of nodes and of those who are on them. Views in, words out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from claudemail.model.roster import Liveness, Presence
from claudemail.model.views import LaneView, NodeView, StatusView
from claudemail.text import ago, plural, scrub_line
from claudemail.tui import glyphs
from claudemail.tui.moments import age

_MINUTE_MS = 60_000
_LEAST_SKEW_MS = 1_000
GONE = "·"
"""Stands in a row of bars where the node was heard of and the name was not there."""
BARS = "▁▃▅▇"
"""There, with nothing done; and with more and more beats that told of work."""


class Known(NamedTuple):
    """A node as the console shows it: one of the peers, or this node itself."""

    node: str
    url: str
    lane: LaneView | None
    """None: it is this node."""
    status: StatusView

    @property
    def liveness(self) -> Liveness:
        """How lately it was heard of; this node is always there."""
        return Liveness.LIVE if self.lane is None else self.lane.liveness


def known_nodes(status: StatusView, url: str) -> list[Known]:
    """Return this node, which is at `url`, and its peers."""
    own = Known(status.node, url, None, status)
    return [own, *(Known(lane.node, lane.url, lane, status) for lane in status.lanes)]


def state(liveness: Liveness) -> str:
    """Return how lately something was heard of, by glyph and word."""
    return f"{glyphs.LIVENESS[liveness]} {liveness}"


def presence_liveness(presence: Presence, node: Liveness) -> Liveness:
    """Return how sure it is that somebody is there: no surer than what is known of the node."""
    return node if presence.live else Liveness.AWAY


def silence(lane: LaneView, now_ms: int) -> str:
    """Return for how long nothing was heard of a peer, or the empty string while it is live."""
    if lane.heard_at is None:
        return "never heard of"
    return "" if lane.liveness is Liveness.LIVE else f"silent for {age(lane.heard_at, now_ms)}"


def round_trip(lane: LaneView, now_ms: int) -> str:
    """Return how long a heartbeat takes, and how old that is when the peer is silent; the empty string: not known."""
    if lane.rtt_ms is None:
        return ""
    words = f"{lane.rtt_ms:.0f} ms" if lane.rtt_ms >= 1 else "<1 ms"
    old = lane.liveness is not Liveness.LIVE and lane.heard_at is not None
    return f"{words}, {age(lane.heard_at, now_ms)} ago" if old and lane.heard_at is not None else words


def queue(lane: LaneView, now_ms: int) -> str:
    """Return what waits for a peer, and for how long."""
    if not lane.waiting:
        return "nothing waits"
    words = f"{plural(lane.waiting, 'parcel')} {'waits' if lane.waiting == 1 else 'wait'}"
    return words if lane.oldest_at is None else f"{words}, oldest {age(lane.oldest_at, now_ms)}"


def trouble(lane: LaneView) -> str:
    """Return what went wrong the last time, without the name of the node; the empty string: nothing."""
    if lane.error is None:
        return ""
    return scrub_line(lane.error).removeprefix(f"{lane.node} ").removesuffix(".")


def why(lane: LaneView) -> str:
    """Return the same in fewer words, for where it stands beside that the peer is silent or mail waits."""
    return trouble(lane).removeprefix("cannot be reached: ")


def next_try(lane: LaneView, now_ms: int, *, gateway: bool) -> str:
    """Return when a peer is tried again, to the minute; the empty string: nothing failed."""
    if lane.error is None:
        return ""
    if not gateway:
        return "tried again once this gateway runs"
    if lane.retry_at is None or lane.retry_at <= now_ms:
        return "the next try is due"
    left = lane.retry_at - now_ms
    return (
        "tried again within a minute" if left <= _MINUTE_MS else f"tried again within {ago(0, left + _MINUTE_MS - 1)}"
    )


def skew(lane: LaneView) -> str:
    """Return how far a peer's clock is from ours; the empty string: by less than a second, or not known."""
    if lane.skew_ms is None or abs(lane.skew_ms) < _LEAST_SKEW_MS:
        return ""
    return f"clock {ago(0, abs(lane.skew_ms))} {'ahead' if lane.skew_ms > 0 else 'behind'}"


def trust(lane: LaneView) -> str:
    """Return whether mail of a peer is proved to be from it."""
    return "verified" if lane.verified else "not verified"


def way(known: Known) -> str:
    """Return how a node is reached."""
    pulls = known.status.pull if known.lane is None else known.lane.pull
    return "fetches its mail" if pulls else scrub_line(known.url)


def gateway(status: StatusView) -> str:
    """Return how this node's gateway does."""
    if status.gateway_pid is None:
        return "gateway down" + (": mail waits" if any(lane.briefs for lane in status.lanes) else "")
    if status.listen_error:
        return f"gateway runs, {scrub_line(status.listen_error)}"
    if status.listening:
        return f"gateway listens on {scrub_line(status.listening)}"
    return "gateway runs" + (", fetching mail" if status.pull else "")


def one_line(known: Known, now_ms: int) -> Iterator[str]:
    """Yield what is worth knowing of a node on one line, the most pressing first."""
    lane = known.lane
    if lane is None:
        yield gateway(known.status)
        return
    if lane.waiting:
        yield queue(lane, now_ms)
    running = known.status.gateway_pid is not None
    dead = plural(lane.dead, "dead letter") if lane.dead else ""
    yield from filter(None, (why(lane), dead, next_try(lane, now_ms, gateway=running), skew(lane)))
    if not lane.waiting:
        yield queue(lane, now_ms)


def node_aside(node: NodeView, known: Known | None, now_ms: int) -> Iterator[str]:
    """Yield what stands beside the name of a node on the roster, after its state."""
    if node.here:
        yield "this node"
        if known is not None and known.status.gateway_pid is None:
            yield "gateway down"
        return
    if known is None or known.lane is None:
        return
    lane = known.lane
    quiet = silence(lane, now_ms)
    if quiet or lane.rtt_ms is not None:
        yield quiet or round_trip(lane, now_ms)
    yield queue(lane, now_ms)
    if lane.error is not None and lane.waiting:
        yield why(lane)


def bars(heard: Sequence[bool], worked: Sequence[int | None], cells: int) -> str:
    """Return the last `cells` slots of somebody's history, a cell each, the newest on the right.

    Args:
        heard: for each slot whether the node was heard of; where not there is a gap.
        worked: for each slot how many beats told of work; None: not there.
        cells: how many to return.
    """
    drawn = "".join(
        " " if not was else GONE if count is None else BARS[min(count, len(BARS) - 1)]
        for was, count in zip(heard, worked, strict=True)
    )
    return drawn[-cells:].rjust(cells)
