"""The list of nodes: two lines each, how it is and how its lane does."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style

from claudemail.model.roster import Liveness
from claudemail.text import scrub_line
from claudemail.tui import fleet_words
from claudemail.tui.columns import fit, shortened
from claudemail.tui.fleet_words import Known
from claudemail.tui.widgets.row_list import Part, RowList

_STYLE = {Liveness.LIVE: "good", Liveness.LATE: "high", Liveness.STALE: "urgent", Liveness.AWAY: "dim"}


class NodesList(RowList[Known]):
    """This node and its peers."""

    ROW_LINES: ClassVar[int] = 2

    def key(self, row: Known) -> str:
        """Return the node's name."""
        return row.node

    def heading(self, width: int) -> Part:
        """Return the names of the columns."""
        return f" {self._columns('node', 'state', 'round trip', 'trust', 'version', width - 1)}", self.style_of(
            "heading"
        )

    def _columns(self, node: str, state: str, trip: str, trust: str, version: str, width: int) -> str:
        return "".join(self._cells(node, state, trip, trust, version, width))

    def _cells(self, node: str, state: str, trip: str, trust: str, version: str, width: int) -> list[str]:
        names = min(max((len(row.node) for row in self.rows), default=4), 16 if width >= 56 else 12)
        cells = [fit(node, names) + "  ", fit(state, 9)]
        cells.append(fit(trip, 14) if width >= 48 else shortened(trip, max(width - names - 11, 0)))
        if width >= 56:
            cells.append(fit(trust, 14))
            cells.append(fit(version, max(width - names - 39, 0)))
        return cells

    def parts(self, row: Known, width: int) -> list[list[Part]]:
        """Return how a node is, and below it what is worth knowing of it."""
        lane = row.lane
        trip = "this node" if lane is None else fleet_words.round_trip(lane, self.now_ms)
        if lane is not None and lane.liveness is not Liveness.LIVE:
            trip = fleet_words.silence(lane, self.now_ms)
        trust = "" if lane is None else fleet_words.trust(lane)
        version = row.status.version if lane is None else lane.version or ""
        styles = [
            self.style_of("strong"),
            self.style_of(_STYLE[row.liveness]),
            Style.null(),
            self.style_of("dim" if lane is None or lane.verified else "unverified"),
            self.style_of("high" if version not in ("", row.status.version) else "dim"),
        ]
        cells = self._cells(row.node, fleet_words.state(row.liveness), trip, trust, version, width)
        first: list[Part] = list(zip(cells, styles, strict=False))
        below = " · ".join(fleet_words.one_line(row, self.now_ms))
        bad = lane is not None and bool(lane.error or lane.dead or (lane.waiting and row.liveness is Liveness.STALE))
        bad = bad or (lane is None and (row.status.gateway_pid is None or row.status.listen_error is not None))
        address = "" if lane is None and row.status.listening else fleet_words.way(row)
        room = max(width - 2, 0)
        second: list[Part] = [("  ", Style.null()), (shortened(below, room), self.style_of("high" if bad else "dim"))]
        left = room - len(below) - 3
        if address and left >= len(address):
            second.append((f"   {scrub_line(address)}", self.style_of("dim")))
        return [first, second]
