"""The list of the roster: each node, and below it everyone who is on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from rich.style import Style

from claudemail.model.roster import Liveness, Presence
from claudemail.model.views import BeatsView, NodeView
from claudemail.tui import fleet_words
from claudemail.tui.columns import fit, shortened
from claudemail.tui.fleet_words import Known
from claudemail.tui.moments import age
from claudemail.tui.widgets.row_list import Part, RowList

SLOTS = 30
"""How many slots of heartbeats there is room for at most."""
_MOST_PROJECT = 30
_STYLE = {Liveness.LIVE: "good", Liveness.LATE: "high", Liveness.STALE: "unverified", Liveness.AWAY: "dim"}


class NodeRow(NamedTuple):
    """A node, above those who are on it."""

    node: NodeView
    known: Known | None


class NameRow(NamedTuple):
    """Somebody on a node."""

    node: NodeView
    presence: Presence
    heard: tuple[bool, ...]
    """For each slot whether the node was heard of."""
    worked: tuple[int | None, ...]
    """For each slot how many beats told of work; None: not there."""

    @property
    def name(self) -> str:
        """What mail reaches it by."""
        return self.presence.name

    @property
    def liveness(self) -> Liveness:
        """How sure it is that it is there."""
        return fleet_words.presence_liveness(self.presence, self.node.liveness)

    @property
    def seen_at(self) -> int | None:
        """When it last did something, or was last there."""
        presence = self.presence
        return presence.active_at if presence.live and presence.active_at is not None else presence.since


RosterRow = NodeRow | NameRow


class Column(NamedTuple):
    """A column of names: what it tells, its heading, its width, and whether it stands at the right of that."""

    name: str
    heading: str
    width: int
    right: bool = False


def columns(width: int, names: Iterable[str]) -> list[Column]:
    """Return the columns that fit `width` cells, with one cell between them."""
    longest = max((len(name) for name in names), default=4)
    wide, narrow = width >= 90, width < 48
    slots = 6 if narrow else 10 if not wide else SLOTS if width >= 150 else 20
    found = [
        Column("name", "name", min(max(longest, 4), 8 if narrow else 16 if wide else 10)),
        Column("state", "state", 7),
        Column("bars", "beats", slots),
        Column("seen", "last", 4, right=True),
        Column("unread", "unread", 7 if narrow else 10, right=True),
    ]
    if width >= 56:
        found.append(Column("read", "read", 9 if wide else 4, right=True))
    more = [Column("instance", "instance", 14)] if wide else []
    if width >= 110:
        more += [Column("pid", "PID", 7, right=True), Column("since", "for", 5, right=True)]
    rest = width - sum(column.width + 1 for column in (*found, *more))
    if rest >= 4:
        found.append(Column("project", "project", min(rest, _MOST_PROJECT) if wide else rest))
    return found + more


class RosterList(RowList[RosterRow]):
    """Everyone in the fleet, by node."""

    MARKS: ClassVar[bool] = True

    def key(self, row: RosterRow) -> str:
        """Return `@server1` for a node and `alpha@server1` for somebody."""
        return f"{'' if isinstance(row, NodeRow) else row.name}@{row.node.node}"

    def heading(self, width: int) -> Part:
        """Return the names of the columns."""
        words = " ".join(fit(column.heading, column.width, right=column.right) for column in self._columns(width - 2))
        return f"   {words}", self.style_of("heading")

    def _columns(self, width: int) -> list[Column]:
        # A node stands one cell to the left of those who are on it.
        names = (row.name if isinstance(row, NameRow) else row.node.node[1:] for row in self.rows)
        return columns(width - 1, names)

    def parts(self, row: RosterRow, width: int) -> list[list[Part]]:
        """Return the line of a node, or of somebody on it."""
        return [self._node_line(row, width) if isinstance(row, NodeRow) else self._name_line(row, width)]

    def _node_line(self, row: NodeRow, width: int) -> list[Part]:
        node = row.node
        name, state = (column.width for column in self._columns(width)[:2])
        aside = " · ".join(fleet_words.node_aside(node, row.known, self.now_ms))
        return [
            (fit(node.node, name + 1) + " ", self.style_of("strong")),
            (fit(fleet_words.state(node.liveness), state) + " ", self.style_of(_STYLE[node.liveness])),
            (shortened(aside, max(width - name - state - 3, 0)), self.style_of("dim")),
        ]

    def _name_line(self, row: NameRow, width: int) -> list[Part]:
        line: list[Part] = [(" ", Style.null())]
        for column in self._columns(width):
            text = self._cell(row, column)
            if column.name != "bars":  # in which a gap at the start must stay
                text = fit(text, column.width, right=column.right)
            line += [(text, self._style(row, column)), (" ", Style.null())]
        return line

    def _cell(self, row: NameRow, column: Column) -> str:
        presence = row.presence
        match column.name:
            case "name":
                return row.name
            case "state":
                return fleet_words.state(row.liveness)
            case "bars":
                return fleet_words.bars(row.heard, row.worked, column.width)
            case "seen":
                return "" if row.seen_at is None else age(row.seen_at, self.now_ms)
            case "unread":
                if not presence.unread:
                    return ""
                return f"{presence.unread} {'new' if column.width < 8 else 'unread'}"
            case "read":
                return _read(presence, words=column.width > 4)
            case "instance":
                return presence.instance if presence.callsign else "(instance)"
            case "pid":
                return "" if presence.pid is None else str(presence.pid)
            case "since":
                live = presence.live and presence.since is not None
                return age(presence.since, self.now_ms) if live and presence.since is not None else ""
            case _:
                return presence.project or ""

    def _style(self, row: NameRow, column: Column) -> Style:
        if column.name == "state":
            return self.style_of(_STYLE[row.liveness])
        if column.name == "bars":
            return self.style_of("good" if row.liveness is Liveness.LIVE else "dim")
        if column.name == "unread":
            return self.style_of("mark")
        if column.name == "name" and row.presence.live:
            return Style.null()
        return Style.null() if column.name == "project" else self.style_of("dim")


def _read(presence: Presence, *, words: bool) -> str:
    if not presence.received:
        return ""
    return f"{presence.read_coverage:.0%}{' read' if words else ''}"


def rows_of(nodes: Iterable[NodeView], known: dict[str, Known], beats: BeatsView) -> list[RosterRow]:
    """Return each node with those who are on it."""
    rows: list[RosterRow] = []
    for node in nodes:
        rows.append(NodeRow(node, known.get(node.node)))
        history = beats.nodes.get(node.node)
        heard = tuple(history.heard) if history else (False,) * SLOTS
        for presence in node.presences:
            own = [presence.name]
            if presence.callsign is None:  # an instance works when one of its sessions does
                own += [one.name for one in node.presences if one.instance == presence.instance]
            histories = [history.names[name] for name in own if name in history.names] if history else []
            rows.append(NameRow(node, presence, heard, _together(histories, len(heard))))
    return rows


def _together(histories: list[list[int | None]], slots: int) -> tuple[int | None, ...]:
    """Return the most that any of the histories has in each slot."""
    counts = [[one[slot] for one in histories] for slot in range(slots)]
    return tuple(max((count for count in slot if count is not None), default=None) for slot in counts)
