"""`claudemail checkup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import Piece, bold, dim, green, red, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.checkup import CheckupView, Finding
    from claudemail.office import Office


_INDENT = " " * 10
_LEAST = 30


@click.command(epilog=examples("claudemail checkup", "claudemail checkup --exit-code || notify-send ClaudeMail"))
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something is critical or a warning.")
@click.option("-a", "--all", "everything", is_flag=True, help="Also what was snoozed in the console.")
@as_json
def command(exit_code: bool, everything: bool, as_json: bool) -> int:
    """Say what in the fleet wants attention.

    Stale and overdue actions, urgent unread mail, undelivered mail and dead letters, silent nodes, clocks, versions, uneven load,
    disk. Each finding with its age and what to do. From where on is set under "checkup" in the config. What was snoozed in the
    console is only counted.
    """

    async def work(office: Office) -> int:
        from claudemail.checkup import Severity

        found = await office.checkup()
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found, everything=everything)
        grave = any(finding.severity is not Severity.INFO for finding in found.findings)
        return 1 if exit_code and grave else 0

    return with_office(work)


def _print(found: CheckupView, *, everything: bool) -> None:
    from claudemail.text import plural

    if found.findings:
        say(bold(plural(len(found.findings), "finding")), dim(f" on {found.node}"))
    else:
        say(green("All is well"), f" as far as {found.node} knows.")
    for finding in found.findings:
        _print_finding(finding, found.at)
    if found.snoozed:
        say(dim(f"{len(found.snoozed)} snoozed{'' if everything else '; --all shows them'}"))
    for finding in found.snoozed if everything else []:
        _print_finding(finding, found.at)


def _print_finding(finding: Finding, now: int) -> None:
    from textwrap import wrap

    from claudemail.cli.columns import terminal_width
    from claudemail.text import ago

    since = "" if finding.since is None else f"  {ago(finding.since, now)}"
    room = max(terminal_width() - len(_INDENT), _LEAST)
    first, *more = wrap(f"{finding.rule}  {finding.what}{since}", room)
    say(_severity(finding), " ", bold(finding.rule), first.removeprefix(finding.rule))
    how = f" `claudemail action update {finding.action}`" if finding.action else ""
    for line in more:
        say(_INDENT, line)
    until = "" if finding.snoozed_until is None else f" Snoozed for another {ago(now, finding.snoozed_until)}."
    for line in wrap(f"{finding.remedy}{how}{until}", room):
        say(_INDENT, dim(line))


def _severity(finding: Finding) -> Piece | str:
    from claudemail.checkup import Severity

    paint = {Severity.CRITICAL: red, Severity.WARNING: yellow}.get(finding.severity, dim)
    return paint(f"{finding.severity:<9}")
