"""The checkup pane: what wants attention, what to do about it, and where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from claudemail.checkup import DAY_MS, RULES, CheckupView, Finding, Rule, Severity
from claudemail.clock import WallClock
from claudemail.office import Office
from claudemail.text import scrub_line
from claudemail.tui.bindings import BELONGS, COPY, FILTER, SNOOZE
from claudemail.tui.examined import Examined
from claudemail.tui.messages import AsideChanged, Done, Go
from claudemail.tui.moments import age, local
from claudemail.tui.needs import OVERDUE, URGENT
from claudemail.tui.panes.beside import BesidePane
from claudemail.tui.places import Place, Where
from claudemail.tui.trouble import told
from claudemail.tui.widgets.facts import Fact, paragraphs, prose, table, titled
from claudemail.tui.widgets.findings_list import FindingsList, severity_words
from claudemail.tui.widgets.row_list import RowList

FILTERS = ("all", "critical", "snoozed")
_STYLE = {Severity.CRITICAL: "bold $urgent", Severity.WARNING: "$high", Severity.INFO: "$muted"}


class CheckupPane(BesidePane[Finding]):
    """Findings, the gravest first."""

    WHERE: ClassVar[Where] = Where.CHECKUP
    BINDINGS: ClassVar[list[BindingType]] = [*SNOOZE, *FILTER[:1], *BELONGS, *COPY]

    def __init__(self, office: Office, wall: WallClock, *, id: str | None = None) -> None:
        super().__init__(office, wall, FindingsList(id="list-checkup"), id=id)
        self.add_class("-below")
        self.examined = Examined(office)
        """The latest checkup."""
        self._view: CheckupView | None = None
        self._filter = "all"

    async def refresh_pane(self) -> None:
        """Examine the node and show what has changed.

        Raises:
            StoreError: the database could not say.
        """
        self._view = await self.examined.now()
        self._show()

    def _show(self) -> None:
        view = self._view
        if view is None:
            return
        rows = {
            "all": [*view.findings, *view.snoozed],
            "critical": [one for one in view.findings if one.severity is Severity.CRITICAL],
            "snoozed": view.snoozed,
        }[self._filter]
        self.listing.empty = self._clean()
        self.listing.set_rows(rows, self.now)
        self.set_class(not rows, "-clean")
        self.draw()

    def _clean(self) -> str:
        """Return what an empty list says, with the time: to the minute, so that looking again writes nothing."""
        if self._filter == "snoozed":
            return "Nothing is snoozed.\nf shows all findings."
        looked = f"Looked at {local(self.now, self.now)},\nby {len(RULES)} rules."
        if self._filter == "critical":
            return f"Nothing is critical.\n{looked}\nf shows all findings."
        return f"Nothing needs attention.\n{looked}"

    @property
    def aside(self) -> str:
        """What the list is narrowed to, and how many findings are snoozed."""
        asleep = len(self._view.snoozed) if self._view else 0
        words = [] if self._filter == "all" else [f"{self._filter} only"]
        if asleep:
            words.append(f"{asleep} snoozed")
        return ", ".join(words)

    async def go(self, place: Place) -> None:
        """Put the cursor on a finding, or on the first about a node or a name."""
        for index, finding in enumerate(self.listing.rows):
            if place.what in (finding.key, finding.node, finding.name, finding.brief, finding.action, finding.rule):
                self.listing.move_to(index)
                return
        if self._filter != "all":
            self._filter = "all"
            self._show()
            await self.go(place)
        elif place.what is not None:
            self.app.notify(f"The checkup finds nothing about {place.what}.", timeout=4, markup=False)

    def about(self, row: Finding) -> Content:
        """Return a finding in full, and what to do."""
        title = titled(row.rule, severity_words(row.severity), _STYLE[row.severity])
        what, remedy = prose(scrub_line(row.what)), prose(scrub_line(row.remedy), "$primary")
        facts = table(self._facts(row))
        if not self.wide:  # the list is right above it, and room is short
            return Content("\n").join([what, remedy, facts])
        return paragraphs(Content("\n").join([title, what]), remedy, facts)

    def _facts(self, finding: Finding) -> Iterator[Fact]:
        now = self.now
        if finding.since is not None:
            yield "since", f"{local(finding.since, now)} ({age(finding.since, now)})", ""
        if finding.snoozed_until is not None:
            yield "snoozed", f"until {local(finding.snoozed_until, now)}; x tells of it again", ""
        place = place_of(finding, self.office.config.node_id)
        if place is not None:
            yield "enter", f"shows it on {place.where.value.capitalize()}", "$muted"

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Go to what a finding is about."""
        event.stop()
        self._jump(event.row)

    def action_belongs(self) -> None:
        """Go to what the finding is about."""
        if self.listing.current is not None:
            self._jump(self.listing.current)

    def _jump(self, finding: Finding) -> None:
        place = place_of(finding, self.office.config.node_id)
        if place is not None:
            self.post_message(Go(place))
        else:
            self.app.notify(scrub_line(finding.remedy), timeout=6, markup=False)

    def action_filter(self) -> None:
        """Show all findings, the critical ones, or those that are snoozed."""
        self._filter = FILTERS[(FILTERS.index(self._filter) + 1) % len(FILTERS)]
        self._show()
        self.post_message(AsideChanged())

    def action_snooze(self) -> None:
        """Do not tell of the finding for a day, or tell of it again."""
        finding = self.listing.current
        if finding is not None:
            self.run_worker(self._snooze(finding), group="snooze")

    async def _snooze(self, finding: Finding) -> None:
        asleep = finding.snoozed_until
        with told(self):
            await self._sleep(finding, None if asleep is not None else self.wall() + DAY_MS)
            words = f"{finding.rule}: told of again." if asleep is not None else f"{finding.rule}: snoozed for a day."
            self.post_message(Done(words, lambda: self._sleep(finding, asleep)))

    async def _sleep(self, finding: Finding, until: int | None) -> None:
        await self.office.snooze(finding, until)
        await self.refresh_pane()
        self.post_message(AsideChanged())

    def action_copy(self) -> None:
        """Copy the finding with what to do."""
        finding = self.listing.current
        if finding is not None:
            text = f"{finding.severity}, {finding.rule}: {finding.what}\n{finding.remedy}"
            self.copy_out(text, "the finding")

    def action_copy_id(self) -> None:
        """Copy what the finding is about."""
        finding = self.listing.current
        about = None if finding is None else finding.action or finding.brief or finding.node or finding.name
        if about is not None:
            self.copy_out(about, about)

    def memory(self) -> dict[str, object]:
        """Return the filter."""
        return {"filter": self._filter}

    def recall(self, kept: dict[str, object]) -> None:
        """Take the filter up."""
        if kept.get("filter") in FILTERS:
            self._filter = str(kept["filter"])


def place_of(finding: Finding, here: str) -> Place | None:
    """Return where what a finding is about is to be seen; None: nowhere in the console. `here` is this node."""
    if finding.action is not None or finding.rule is Rule.OVERDUE:
        return Place(Where.ACTIONS, finding.action or OVERDUE)
    if finding.brief is not None or finding.rule is Rule.URGENT_UNREAD:
        return Place(Where.INBOX, finding.brief or URGENT)
    if finding.node is not None or finding.rule in (Rule.GATEWAY, Rule.DISK_LOW):
        return Place(Where.NODES, finding.node or here)
    if finding.rule is Rule.GONE_MAILBOX and finding.name is not None:
        return Place(Where.INBOX, mailbox=finding.name)
    return None if finding.name is None else Place(Where.ROSTER, finding.name)
