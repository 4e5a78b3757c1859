"""The roster pane: everyone in the fleet, by node."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, Static

from claudemail.clock import WallClock
from claudemail.office import Office
from claudemail.text import plural
from claudemail.tui import fleet_words
from claudemail.tui.bindings import BACK, BELONGS, COPY, FILTER, FIND, WRITE
from claudemail.tui.columns import cut
from claudemail.tui.messages import AsideChanged, Go, Write
from claudemail.tui.panes.pane import Pane
from claudemail.tui.places import Place, Where
from claudemail.tui.widgets.fields import Line
from claudemail.tui.widgets.roster_list import SLOTS, NameRow, NodeRow, RosterList, RosterRow, columns, rows_of
from claudemail.tui.widgets.row_list import RowList

FILTERS = ("all", "live", "unread")
_EMPTY = {
    "all": "Nobody is in the config yet.\n`claudemail invite` brings another node in.",
    "live": "Nobody is there.\nf shows all who are known.",
    "unread": "Nobody has unread mail.\nf shows all.",
}
_LEAST_HEIGHT_WITH_LEGEND = 16


class RosterPane(Pane):
    """Who is there, at work, and how much of their mail they have read."""

    WHERE: ClassVar[Where] = Where.ROSTER
    BINDINGS: ClassVar[list[BindingType]] = [*BACK, *FIND[:1], *FILTER[:2], *WRITE, *BELONGS, *COPY]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, id=id)
        self.listing = RosterList(id="list-roster")
        """The list."""
        self._input = Line(placeholder="a name, an instance or a project", compact=True, id="roster-find")
        self._legend = Static(markup=False, id="roster-legend")
        self._filter = "all"
        self._only_here = False
        self._all: list[RosterRow] = []
        self._slot_ms = 0
        self._said = ""

    def compose(self) -> ComposeResult:
        """Lay out the list, what its bars mean, and the line that finds."""
        yield self.listing
        yield self._legend
        yield self._input

    async def refresh_pane(self) -> None:
        """Show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        roster, status = await self.office.roster(), await self.office.status()
        beats = await self.office.heartbeats(SLOTS)
        self._slot_ms = beats.slot_ms
        known = {one.node: one for one in fleet_words.known_nodes(status, self.office.config.node.url)}
        self._all = rows_of(roster.nodes, known, beats)
        self._show()

    def take_keys(self) -> None:
        """Give the keys to the list."""
        self.screen.set_focus(self.listing)

    @property
    def aside(self) -> str:
        """What the list is narrowed to, or how many there are."""
        narrowed = [] if self._filter == "all" else [{"live": "live", "unread": "with unread"}[self._filter]]
        if self._only_here:
            narrowed.append(f"on {self.office.config.node_id}")
        if self._input.value:
            narrowed.append(f"/{self._input.value}")
        return ", ".join(narrowed) or "everyone"

    def _show(self) -> None:
        """Show the rows that fit what the list is narrowed to, and the nodes that have any."""
        fitting = [row for row in self._all if isinstance(row, NameRow) and self._fits(row)]
        nodes = {row.node.node for row in fitting}
        narrowed = self._filter != "all" or bool(self._input.value)
        seen = {id(row) for row in fitting}
        rows = [
            row
            for row in self._all
            if id(row) in seen
            or (isinstance(row, NodeRow) and self._is_wanted(row) and (row.node.node in nodes or not narrowed))
        ]
        self.listing.empty = (
            f"Nobody fits /{self._input.value}\nesc shows all." if self._input.value else _EMPTY[self._filter]
        )
        self.listing.set_rows(rows, self.now)
        self._draw_legend()

    def _is_wanted(self, row: RosterRow) -> bool:
        return row.node.here or not self._only_here

    def _fits(self, row: NameRow) -> bool:
        presence = row.presence
        if not self._is_wanted(row):
            return False
        if (self._filter == "live" and not presence.live) or (self._filter == "unread" and not presence.unread):
            return False
        word = self._input.value.strip().lower()
        return word in f"{row.name} {presence.instance} {presence.project or ''} {row.node.node}".lower()

    def _draw_legend(self) -> None:
        self._legend.display = self.size.height >= _LEAST_HEIGHT_WITH_LEGEND and not self._input.has_focus
        width = max(self.size.width - 4, 1)
        slots = next(column.width for column in columns(width, []) if column.name == "bars")
        length, whole = _time(self._slot_ms), _time(self._slot_ms * slots)
        bars, gone = fleet_words.BARS, fleet_words.GONE
        words = (
            f"beats of the last {whole}, a cell {length}:  {bars[0]} there  {' '.join(bars[1:])} at work  {gone} not there"
            "  gap: node not heard"
        )
        if len(words) > width:
            words = f"{whole}: {bars[0]} there {bars[1:]} at work {gone} away, gap: not heard"
        if words != self._said:
            self._said = words
            self._legend.update(Content(cut(words, width)))

    def on_resize(self) -> None:
        """Say what the bars mean where there is room."""
        self._draw_legend()

    async def go(self, place: Place) -> None:
        """Put the cursor on somebody, or on a node."""
        what = place.what or place.mailbox or ""
        for _ in range(2):
            for row in self.listing.rows:
                if what.lower() in (self.listing.key(row).lower(), row.node.node.lower(), _name(row).lower()):
                    self.listing.go_to(self.listing.key(row))
                    return
            self._narrow("all", only_here=False, word="")
        self.app.notify(f"{what} is not on the roster.", timeout=4, markup=False)

    def _narrow(self, kind: str, *, only_here: bool, word: str) -> None:
        self._filter, self._only_here = kind, only_here
        with self._input.prevent(Input.Changed):
            self._input.value = word
        self._show()
        self.refresh_bindings()

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Go to a node, or to somebody's mail where that is on this node."""
        event.stop()
        row: RosterRow = event.row
        if isinstance(row, NodeRow):
            self.post_message(Go(Place(Where.NODES, row.node.node)))
        elif row.node.here:
            self.post_message(Go(Place(Where.INBOX, mailbox=row.name)))
        else:
            where = f"{row.name}'s mail is on {row.node.node}, and shown by its own console."
            self.app.notify(f"{where} c writes to {row.name}, o shows {row.node.node}.", timeout=6, markup=False)

    def action_belongs(self) -> None:
        """Go where enter goes; from somebody of another node, to that node."""
        row = self.listing.current
        if row is not None and isinstance(row, NameRow) and not row.node.here:
            self.post_message(Go(Place(Where.NODES, row.node.node)))
        else:
            self.listing.action_open()

    def action_compose(self) -> None:
        """Write to whom the cursor is on, or to all that are marked."""
        to = [f"@{row.node.node}" if isinstance(row, NodeRow) else row.name for row in self.listing.chosen]
        self.post_message(Write(to=", ".join(dict.fromkeys(to))))

    def action_filter(self) -> None:
        """Show all, those who are there, or those with unread mail."""
        following = FILTERS[(FILTERS.index(self._filter) + 1) % len(FILTERS)]
        self._narrow(following, only_here=self._only_here, word=self._input.value)
        self._tell()

    def action_mine(self) -> None:
        """Show only this node, or all."""
        self._narrow(self._filter, only_here=not self._only_here, word=self._input.value)
        self._tell()

    def _tell(self) -> None:
        """Have the line of panes say what the list is narrowed to."""
        self.post_message(AsideChanged())

    def action_find(self) -> None:
        """Begin to find somebody."""
        self._input.display = True
        self.screen.set_focus(self._input)
        self._draw_legend()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show who fits, as it is typed."""
        event.stop()
        self._show()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on in the list of those who fit."""
        event.stop()
        self.screen.set_focus(self.listing)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Take the line away once it has not the keys any more."""
        event.stop()
        self._input.display = False
        self._draw_legend()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Going back needs something to go back from."""
        del parameters
        stepped = self._input.value or self._input.has_focus or self.listing.marked
        return True if action != "back" or stepped else None

    def action_back(self) -> None:
        """Show everybody again; then take the marks away."""
        if self._input.value or self._input.has_focus:
            self.screen.set_focus(self.listing)
            self._narrow(self._filter, only_here=self._only_here, word="")
            self._tell()
        else:
            self.listing.unmark()

    def action_copy(self) -> None:
        """Copy what is known of those who are chosen, a line each."""
        lines = [_line(row) for row in self.listing.chosen]
        self.copy_out("\n".join(lines), plural(len(lines), "line"))

    def action_copy_id(self) -> None:
        """Copy the addresses of those who are chosen."""
        names = [f"@{row.node.node}" if isinstance(row, NodeRow) else row.name for row in self.listing.chosen]
        self.copy_out(", ".join(names), ", ".join(names))

    def memory(self) -> dict[str, object]:
        """Return the filters."""
        return {"filter": self._filter, "here": self._only_here}

    def recall(self, kept: dict[str, object]) -> None:
        """Take the filters up."""
        if kept.get("filter") in FILTERS:
            self._filter = str(kept["filter"])
        self._only_here = kept.get("here") is True


def _name(row: RosterRow) -> str:
    return row.name if isinstance(row, NameRow) else ""


def _line(row: RosterRow) -> str:
    if isinstance(row, NodeRow):
        return f"{row.node.node}: {row.node.liveness}, {row.node.url}"
    presence = row.presence
    where = f", in {presence.project}" if presence.project else ""
    read = f", {presence.unread} unread, {presence.read_coverage:.0%} read" if presence.received else ""
    return f"{row.name} ({presence.instance} on {row.node.node}): {row.liveness}{where}{read}"


def _time(length_ms: int) -> str:
    """Return a length of time in words: `40 min`, `90 s`."""
    seconds = length_ms // 1000
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7_200 else f"{seconds // 3600} h"
