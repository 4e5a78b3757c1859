"""`claudemail retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs
from claudemail.cli.context import have_carried, with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, say, show_json, yellow
from claudemail.text import plural

if TYPE_CHECKING:
    from claudemail.model.views import RetryView
    from claudemail.office import Office


@click.command(
    epilog=examples("claudemail retry", "claudemail retry server2", "claudemail retry k7qd", "claudemail retry --all")
)
@click.argument("what", metavar="[NODE|REF]", required=False, shell_complete=brief_refs)
@click.option("--all", "dead", is_flag=True, help="Send all dead letters again, too.")
@as_json
def command(what: str | None, dead: bool, as_json: bool) -> None:
    """Try at once what has not got through.

    Without an argument, every node that mail waits for is tried now, and not when its turn comes. With NODE that one is, and its
    dead letters are sent again; with REF, those of that brief.
    """

    async def work(office: Office) -> None:
        found = await office.retry(what, dead=dead or None)
        have_carried(office.config)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found)

    with_office(work)


def _print(found: RetryView) -> None:
    if found.revived:
        say(f"{plural(found.revived, 'dead letter')} on the way again.")
    if found.nodes:
        say("Trying ", bold(", ".join(found.nodes)), f" now; {plural(found.waiting, 'parcel')} waiting.")
        say(dim("`claudemail status` shows how it goes."))
    else:
        say("Nothing waits for another node.")
    if found.dead:
        say(yellow(plural(found.dead, "dead letter")), " left alone; `claudemail retry --all` sends them again.")
