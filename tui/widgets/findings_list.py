"""The list of what a checkup found, two lines each: how grave, by which rule and since when; and what."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style

from claudemail.checkup import Finding, Severity
from claudemail.text import scrub_line
from claudemail.tui import glyphs
from claudemail.tui.columns import fit, shortened
from claudemail.tui.moments import age
from claudemail.tui.widgets.row_list import Part, RowList

_STYLE = {Severity.CRITICAL: "urgent", Severity.WARNING: "high", Severity.INFO: "dim"}
_AGE = 4


class FindingsList(RowList[Finding]):
    """Findings, the gravest first; those that are snoozed after all others."""

    ROW_LINES: ClassVar[int] = 2

    def key(self, row: Finding) -> str:
        """Return what tells a finding from all others."""
        return row.key

    def parts(self, row: Finding, width: int) -> list[list[Part]]:
        """Return the two lines of a finding."""
        dim = self.style_of("dim")
        asleep = row.snoozed_until is not None
        severity = fit(severity_words(row.severity), 12)
        rule = f"{row.rule}{', snoozed' if asleep else ''}"
        since = "" if row.since is None else age(row.since, self.now_ms)
        room = max(width - len(severity) - _AGE - 1, 1)
        first = [
            (severity, dim if asleep else self.style_of(_STYLE[row.severity])),
            (fit(rule, room), dim if asleep else self.style_of("strong")),
            (fit(since, _AGE, right=True), dim),
        ]
        what = shortened(scrub_line(row.what), max(width - 3, 1))
        return [first, [("  ", dim), (what, dim if asleep else Style.null())]]


def severity_words(severity: Severity) -> str:
    """Return how grave something is, by glyph and word."""
    return f"{glyphs.SEVERITY[severity]} {severity}"
