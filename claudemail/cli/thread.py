"""`claudemail thread`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs
from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, cyan, dim, flush, say, show_json

if TYPE_CHECKING:
    from claudemail.model.views import ThreadView
    from claudemail.office import Office

_MOST = 200


@click.command(epilog=examples("claudemail thread k7qd", "claudemail thread 5 --as alpha --limit 5"))
@click.argument("ref", shell_complete=brief_refs)
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="The most briefs, the latest."
)
@acting_as
@as_json
def command(ref: str, limit: int, name: str | None, as_json: bool) -> None:
    """Show a whole thread, oldest first.

    REF is any brief in it. What was shown is marked read in the mailboxes of the name that you act as.
    """

    async def work(office: Office) -> None:
        party = await office.party(name)
        found = await office.thread(party, ref, limit)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found, office.now())
        flush()
        await office.shown(party, [view.number for view in found.briefs if view.unread])

    with_office(work)


def _print(found: ThreadView, now: int) -> None:
    from claudemail.cli.times import when
    from claudemail.text import plural
    from claudemail.wording import action_line, provenance

    if found.left_out:
        say(dim(f"{plural(found.left_out, 'older brief')} left out; --limit shows more."))
        say()
    for number, view in enumerate(found.briefs):
        if number:
            say()
        brief = view.brief
        mark = "● " if view.unread else "★ " if view.starred else ""
        say(bold(f"{mark}{brief.title}"), "  ", cyan(brief.ref))
        say(
            dim(
                f"{brief.sender}, {provenance(verified=view.verified)}, to {', '.join(brief.to)}, {when(brief.at, now)}"
            )
        )
        for action in view.actions:
            say(f"  {action_line(action, now)}")
        if brief.body:
            say(brief.body)
