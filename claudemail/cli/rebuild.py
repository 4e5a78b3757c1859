"""`claudemail rebuild`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from claudemail import config as configuration
from claudemail.cli.context import with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.office import Office


@click.group(epilog=examples("claudemail rebuild files", "claudemail rebuild database"))
def command() -> None:
    """Make the mailbox files from the database, or the database from the files."""


@command.command(epilog=examples("claudemail rebuild files"))
@as_json
def files(as_json: bool) -> None:
    """Write the files of all briefs anew, into mailbox_dir.

    It may run at any time, beside the gateway. Files that are there and belong to no brief are left alone.
    """
    from claudemail.model.views import FilesView

    async def work(office: Office) -> None:
        await office.mirror_anew()
        written = 0
        while done := await office.mirror_some():
            written += done
        if as_json:
            show_json(FilesView(folder=office.config.mailbox_dir, written=written).model_dump(mode="json"))
        else:
            say(bold(f"{written}"), f" briefs and changes of actions written to {office.config.mailbox_dir}")

    with_office(work)


@command.command(epilog=examples("claudemail rebuild database"))
@as_json
def database(as_json: bool) -> None:
    """Make the database anew from the files in mailbox_dir: for when it is lost or damaged and there is no backup.

    The database that is there is kept beside the new one. What the files did not have yet, other nodes send again; what this node
    sent in the last 30 days is sent again as well, and taken for the same by those who have it.
    """
    from claudemail.office import keeping

    made = asyncio.run(keeping.rebuild_database(configuration.load()))
    if as_json:
        show_json(made.model_dump(mode="json"))
        return
    from claudemail.text import plural

    say(bold("Rebuilt:"), f" {plural(made.briefs, 'brief')}, {plural(made.entries, 'time')} in a mailbox,"
        f" {plural(made.changes, 'change')} of actions; {plural(made.queued, 'brief')} on the way again.")  # fmt: skip
    if made.unverified:
        say(yellow(f"{plural(made.unverified, 'brief')} could not be verified."))
    for line in made.skipped:
        say(yellow("Skipped "), line)
    if made.former is not None:
        say(dim(f"The former database is {made.former}."))
