"""The nodes pane: how each node is reached, what waits for it, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from claudemail.clock import WallClock
from claudemail.model.roster import Liveness
from claudemail.model.views import LaneView
from claudemail.office import Office
from claudemail.text import plural, scrub_line
from claudemail.tui import fleet_words
from claudemail.tui.bindings import BELONGS, COPY, TRY, WRITE
from claudemail.tui.fleet_words import Known
from claudemail.tui.messages import Go, Write
from claudemail.tui.moments import age, local
from claudemail.tui.panes.beside import BesidePane
from claudemail.tui.places import Place, Where
from claudemail.tui.screens.ask import AskScreen, Question
from claudemail.tui.trouble import EXPECTED, in_words, told
from claudemail.tui.widgets.choices import Choice
from claudemail.tui.widgets.facts import Fact, paragraphs, prose, table, titled
from claudemail.tui.widgets.nodes_list import NodesList
from claudemail.tui.widgets.row_list import RowList

_DEAD, _WAITING = "dead letters too", "only what waits"
_STYLE = {Liveness.LIVE: "$text-success", Liveness.LATE: "$high", Liveness.STALE: "bold $urgent"}


class NodesPane(BesidePane[Known]):
    """This node and its peers."""

    WHERE: ClassVar[Where] = Where.NODES
    BINDINGS: ClassVar[list[BindingType]] = [*TRY, *WRITE, *BELONGS, *COPY]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, NodesList(id="list-nodes"), id=id)

    async def refresh_pane(self) -> None:
        """Show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        status = await self.office.status()
        self.listing.set_rows(fleet_words.known_nodes(status, self.office.config.node.url), self.now)
        self.draw()

    @property
    def aside(self) -> str:
        """How many nodes there are in each state."""
        counts = {state: sum(row.liveness is state for row in self.listing.rows) for state in Liveness}
        return "  ".join(f"{fleet_words.state(state)} {count}" for state, count in counts.items() if count)

    async def go(self, place: Place) -> None:
        """Put the cursor on a node."""
        if place.what is not None and not self.listing.go_to(place.what):
            self.app.notify(f"There is no node {place.what} any more.", timeout=4, markup=False)

    def about(self, row: Known) -> Content:
        """Return all that is known of a node."""
        facts = self._own(row) if row.lane is None else self._peer(row, row.lane)
        title = titled(row.node, fleet_words.state(row.liveness), _STYLE[row.liveness])
        return paragraphs(title, table(facts), _dead(row, self.now), _keys(row))

    def _own(self, known: Known) -> Iterator[Fact]:
        status = known.status
        bad = status.gateway_pid is None or status.listen_error
        yield "gateway", fleet_words.gateway(status), "$high" if bad else ""
        if status.gateway_pid is None:
            yield "", "start it with `claudemail gateway start`", "$muted"
        else:
            yield "PID", str(status.gateway_pid), ""
        yield "address", fleet_words.way(known), ""
        yield "version", f"ClaudeMail {status.version}, SQLite {status.sqlite}", ""
        yield "key", self._fingerprint(known.node), ""
        yield "mail", f"{plural(status.briefs, 'brief')}, {status.unread} unread, {status.sent} sent from here", ""
        yield "database", f"{_size(status.database_bytes)}, {_size(status.disk_free)} free", ""
        yield "unsigned", "peers without a known key are believed" if status.allow_unsigned else "", "$unverified"

    def _peer(self, known: Known, lane: LaneView) -> Iterator[Fact]:
        now, running = self.now, known.status.gateway_pid is not None
        yield "heard", "never" if lane.heard_at is None else _ago(lane.heard_at, now), ""
        briefs = f", {plural(lane.briefs, 'brief')} among them" if lane.briefs else ""
        yield "lane", fleet_words.queue(lane, now) + briefs, "$high" if lane.waiting and lane.error else ""
        yield "error", fleet_words.trouble(lane), "$high"
        yield "failing", "" if lane.failing_since is None else f"since {local(lane.failing_since, now)}", ""
        yield "next try", fleet_words.next_try(lane, now, gateway=running), ""
        yield "address", fleet_words.way(known), ""
        yield "round trip", fleet_words.round_trip(lane, now), ""
        other = lane.version not in (None, known.status.version)
        yield "version", lane.version or "not known", "$high" if other else ""
        within = "" if lane.skew_ms is None else "within a second of this node's"
        yield (
            "clock",
            fleet_words.skew(lane).removeprefix("clock ") or within,
            "$high" if fleet_words.skew(lane) else "",
        )
        yield "mail", fleet_words.trust(lane), "" if lane.verified else "bold $unverified"
        yield "key", self._fingerprint(known.node) or "not known", ""

    def _fingerprint(self, node: str) -> str:
        try:
            return self.office.fingerprint(node) or ""
        except EXPECTED as error:  # this node's own may be unreadable, which is no reason to show nothing
            return in_words(error)

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Read all that is known of a node."""
        event.stop()
        self.draw()
        self.read()

    def action_belongs(self) -> None:
        """Go to what the checkup finds about the node."""
        row = self.listing.current
        if row is not None:
            self.post_message(Go(Place(Where.CHECKUP, row.node)))

    def action_compose(self) -> None:
        """Write to everyone on the node."""
        row = self.listing.current
        self.post_message(Write(to="" if row is None else f"@{row.node}"))

    def action_ping(self) -> None:
        """Ask the node whether it is there."""
        row = self.listing.current
        if row is not None:
            self.run_worker(self._ping(row.node), group=f"ping-{row.node}", exclusive=True)

    async def _ping(self, node: str) -> None:
        self.app.notify(f"Asking {node} …", timeout=2, markup=False)
        with told(self):
            found = await self.office.ping(node)
            if found.error is None:
                trip = "" if found.rtt_ms is None else f" in {found.rtt_ms:.1f} ms"
                self.app.notify(f"{node} answers{trip}.", timeout=4, markup=False)
            else:
                why = scrub_line(found.error).removeprefix(f"{node} ").removesuffix(".")
                self.app.notify(f"{node} {why}.", severity="warning", timeout=8, markup=False)

    def action_retry(self) -> None:
        """Try at once what waits for the node."""
        row = self.listing.current
        if row is None:
            return
        if row.lane is None:
            self.app.notify(f"{row.node} is this node; ctrl+r is for its peers.", timeout=4, markup=False)
        else:
            self.run_worker(self._retry(row.lane), group="retry", exclusive=True)

    async def _retry(self, lane: LaneView) -> None:
        with told(self):
            dead = await self._revive(lane) if lane.dead else False
            if dead is None:
                return
            found = await self.office.retry(lane.node, dead=dead)
            status = await self.office.status()
            revived = f"{plural(found.revived, 'dead letter')} on the way again. " if found.revived else ""
            if not found.nodes:
                said = f"{revived}Nothing waits for {lane.node}; p asks whether it is there."
            elif status.gateway_pid is None:
                said = f"{revived}The gateway is down: start it with `claudemail gateway start`, it tries then."
            else:
                said = f"{revived}Trying {lane.node} now, {plural(found.waiting, 'parcel')} waiting."
            self.app.notify(said, timeout=6, markup=False)
            await self.refresh_pane()

    async def _revive(self, lane: LaneView) -> bool | None:
        """Ask whether dead letters are to go out again; None: nothing is to be tried."""
        choices = [Choice(_DEAD, "refused or given up before"), Choice(_WAITING, "leave those alone")]
        title = f"{plural(lane.dead, 'dead letter')} to {lane.node}: what is to go out again?"
        answer = await self.app.push_screen_wait(AskScreen(Question(title, choices=choices, only_choices=True)))
        return None if answer is None else answer == _DEAD

    def action_copy(self) -> None:
        """Copy all that is known of the node."""
        row = self.listing.current
        if row is not None:
            self.copy_out(self.about(row).plain, f"what is known of {row.node}")

    def action_copy_id(self) -> None:
        """Copy the node's name."""
        row = self.listing.current
        if row is not None:
            self.copy_out(row.node, row.node)


def _dead(known: Known, now_ms: int) -> Content:
    lane = known.lane
    if lane is None or not lane.dead:
        return Content()
    lines = [Content.styled(plural(lane.dead, "dead letter"), "bold $urgent")]
    letters = [letter for letter in known.status.dead_letters if letter.node == lane.node]
    for letter in letters:
        what = f'{letter.ref} "{letter.title}"' if letter.ref else letter.kind
        lines.append(prose(scrub_line(what)))
        lines.append(Content.styled(f"  {scrub_line(letter.reason)} ({_ago(letter.dead_at, now_ms)})", "$muted"))
    if lane.dead > len(letters):
        lines.append(Content.styled(f"and {lane.dead - len(letters)} older", "$muted"))
    return Content("\n").join(lines)


def _keys(known: Known) -> Content:
    words = "p asks its gateway" if known.lane is None else "p asks it   ctrl+r tries again   o its findings"
    return Content.styled(words, "$muted")


def _ago(then_ms: int, now_ms: int) -> str:
    words = age(then_ms, now_ms)
    return "within a minute" if words == "now" else f"{words} ago"


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} TiB"
