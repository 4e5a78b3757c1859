"""`claudemail actions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.action_rows import print_actions
from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import dim, say, show_json

if TYPE_CHECKING:
    from claudemail.model.views import MyActions
    from claudemail.office import Office

_MOST = 1_000


@click.command(epilog=examples("claudemail actions", "claudemail actions --as alpha --json"))
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="The most lines.")
@click.option("--cursor", metavar="CURSOR", help="Go on where a list ended.")
@acting_as
@as_json
def command(limit: int, cursor: str | None, name: str | None, as_json: bool) -> None:
    """List what somebody has to do: pending and in work, the most pressing first.

    Also what nobody has taken yet and was asked of them among others. `claudemail action list` lists those of the whole fleet.
    """

    async def work(office: Office) -> None:
        party = await office.party(name)
        found = await office.my_actions(party, limit=limit, after=cursor)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found, party.name, office.now())

    with_office(work)


def _print(found: MyActions, name: str, now: int) -> None:
    from claudemail.text import plural

    if found.mine.rows:
        print_actions(found.mine.rows, now)
    else:
        say(f"Nothing is pending or in work for {name}.")
    if found.mine.cursor is not None:
        say(dim(f"There is more: --cursor {found.mine.cursor}"))
    if found.blocked:
        say(dim(f"{plural(found.blocked, 'more action')} blocked."))
    if found.offered:
        say(dim("Nobody's yet:"))
        print_actions(found.offered, now)
        if found.offered_more:
            say(dim("and maybe more: claudemail action list --assignee none"))
