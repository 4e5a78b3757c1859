"""Metrics for Prometheus: the state of the store at the time of asking, and what the gateway has counted since it started.

Names of nodes and paths are labels; names of people and text of mail are nowhere in it.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from claudemail import __version__
from claudemail.mesh.counts import Counts
from claudemail.model.roster import Liveness
from claudemail.model.views import LaneView, StatusView


class Readings(NamedTuple):
    """What is measured."""

    counts: Counts
    sessions: int
    commits: int
    failed_commits: int
    status: StatusView | None
    """The state of the store; None: it could not be read."""


def exposition(readings: Readings, accept: str) -> tuple[str, bytes]:
    """Return metrics as text and its media type, in the format that the `Accept` header of a request prefers."""
    registry = CollectorRegistry(auto_describe=False)  # of its own: nothing that another library counts gets in
    registry.register(_Readings(readings))
    ProcessCollector(registry=registry)
    encode, kind = choose_encoder(accept)
    return kind, encode(registry)


class _Readings(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Yield all of it."""
        found = self._readings
        yield InfoMetricFamily(
            "claudemail_build", "The version that runs.", {"version": __version__, "python": platform.python_version()}
        )
        yield GaugeMetricFamily("claudemail_sessions", "Sessions that are attached to the gateway.", found.sessions)
        yield CounterMetricFamily(
            "claudemail_store_commits", "Transactions on mail that the gateway committed.", found.commits
        )
        yield CounterMetricFamily(
            "claudemail_store_failures", "Transactions on mail that failed.", found.failed_commits
        )
        yield GaugeMetricFamily(
            "claudemail_store_up", "Whether the store could be read just now.", int(found.status is not None)
        )
        yield from _traffic(found.counts)
        if found.status is not None:
            yield from _node(found.status)
            yield from _peers(found.status)


def _traffic(counts: Counts) -> Iterator[Metric]:
    yield _by_peer("claudemail_parcels_sent", "Parcels that a peer has taken.", counts.sent)
    yield _by_peer("claudemail_parcels_received", "Parcels of a peer that were taken.", counts.received)
    refused = CounterMetricFamily(
        "claudemail_parcels_refused", "Parcels that were refused for good, by the peer or by this node.",
        labels=["peer", "by"],
    )  # fmt: skip
    for by, counter in (("peer", counts.refused_by), ("node", counts.refused)):
        for peer, count in counter.items():
            refused.add_metric([peer, by], count)
    yield refused
    requests = CounterMetricFamily(
        "claudemail_requests", "Requests that came to the gateway's port.", labels=["path", "status"]
    )
    for (path, status), count in counts.requests.items():
        requests.add_metric([path, str(status)], count)
    yield requests
    size = CounterMetricFamily("claudemail_request_bytes", "Bytes of the bodies of these requests.", labels=["path"])
    for path, count in counts.request_bytes.items():
        size.add_metric([path], count)
    yield size


def _node(status: StatusView) -> Iterator[Metric]:
    yield GaugeMetricFamily("claudemail_unread_briefs", "Unread mail in all mailboxes of the node.", status.unread)
    yield GaugeMetricFamily(
        "claudemail_unmirrored_briefs", "Briefs whose files are still to be written.", status.unmirrored
    )
    yield GaugeMetricFamily("claudemail_database_bytes", "Size of the database with its log.", status.database_bytes)
    yield GaugeMetricFamily("claudemail_disk_free_bytes", "Room left where the database is.", status.disk_free)


def _peers(status: StatusView) -> Iterator[Metric]:
    lanes = status.lanes

    def gauge(name: str, help_text: str, values: Iterable[tuple[LaneView, float | None]]) -> Metric:
        family = GaugeMetricFamily(f"claudemail_peer_{name}", help_text, labels=["peer"])
        for lane, value in values:
            if value is not None:
                family.add_metric([lane.node], value)
        return family

    yield gauge(
        "up", "Whether the peer was heard of within two heartbeats.",
        ((lane, float(lane.liveness is Liveness.LIVE)) for lane in lanes),
    )  # fmt: skip
    yield gauge("waiting_parcels", "Parcels that wait for the peer.", ((lane, lane.waiting) for lane in lanes))
    yield gauge(
        "oldest_waiting_seconds", "For how long the oldest of them has waited; 0 when none waits.",
        ((lane, 0 if lane.oldest_at is None else max(status.at - lane.oldest_at, 0) / 1000) for lane in lanes),
    )  # fmt: skip
    yield gauge("dead_letters", "Parcels for the peer that were given up.", ((lane, lane.dead) for lane in lanes))
    yield gauge(
        "rtt_seconds", "The round trip of the last heartbeat to the peer.",
        ((lane, None if lane.rtt_ms is None else lane.rtt_ms / 1000) for lane in lanes),
    )  # fmt: skip
    yield gauge(
        "clock_skew_seconds", "How far the peer's clock was ahead of this node's at its last heartbeat.",
        ((lane, None if lane.skew_ms is None else lane.skew_ms / 1000) for lane in lanes),
    )  # fmt: skip


def _by_peer(name: str, help_text: str, counter: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=["peer"])
    for peer, count in counter.items():
        family.add_metric([peer], count)
    return family
