"""`claudemail clean`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, dim, say, show_json

if TYPE_CHECKING:
    from claudemail.model.views import CleanView
    from claudemail.office import Office


@click.command(
    epilog=examples("claudemail clean", "claudemail clean --days 14 --apply", "claudemail clean --all --apply --json")
)
@click.option("--days", type=click.IntRange(0, 36_500), default=30, show_default=True, help="How old it has to be.")
@click.option("--apply", "do_it", is_flag=True, help="Do it; without this it only says what it would do.")
@click.option("--all", "everyone", is_flag=True, help="Every mailbox of this node.")
@acting_as
@as_json
def command(days: int, do_it: bool, everyone: bool, name: str | None, as_json: bool) -> None:
    """Archive old mail that has been read.

    Never what is unread, starred, or has open actions. Archived mail is no longer listed; `claudemail search` finds it, and
    nothing is deleted.
    """
    if everyone and name is not None:
        raise click.UsageError("--all and --as exclude each other.")

    async def work(office: Office) -> None:
        party = await office.party(name)
        boxes = None if everyone else party.mailboxes
        found = await office.clean(party, boxes, days=days, apply=do_it)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found, "this node" if everyone else party.name, office.now())

    with_office(work)


def _print(found: CleanView, whose: str, now: int) -> None:
    from claudemail.text import plural
    from claudemail.wording import listing, row_line

    if not found.count:
        which = "other read brief" if any(found.kept.values()) else "read brief"
        say(f"Nothing to archive for {whose}: no {which} is older than {plural(found.days, 'day')}.")
    elif found.applied:
        say(
            bold(f"Archived {plural(found.count, 'brief')}"), f" of {whose}; `claudemail search --archived` lists them."
        )
    else:
        say(
            bold(f"Would archive {plural(found.count, 'brief')}"),
            f" of {whose}, read and older than {plural(found.days, 'day')}:",
        )
        for row in found.rows:
            say(f"  {row_line(row, now)}")
        if found.count > len(found.rows):
            say(dim(f"  and {found.count - len(found.rows)} more"))
    kept = [f"{count} for {reason}" for reason, count in found.kept.items() if count]
    if kept:
        say(dim(f"Kept: {listing(kept)}."))
    if found.count and not found.applied:
        say(dim("Nothing was changed; --apply does it."))
