"""`claudemail star`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs
from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, cyan, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.office import Office


@click.command(epilog=examples("claudemail star k7qd", "claudemail star 5 --as alpha"))
@click.argument("ref", shell_complete=brief_refs)
@acting_as
@as_json
def command(ref: str, name: str | None, as_json: bool) -> None:
    """Star a brief, or take its star away.

    A starred brief stays out of the archive; `claudemail search is:starred` lists them.
    """

    async def work(office: Office) -> None:
        found = await office.star(await office.party(name), ref)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            say(yellow("★ starred ") if found.starred else "no longer starred ", cyan(found.row.ref), " ",
                bold(found.row.title))  # fmt: skip

    with_office(work)
