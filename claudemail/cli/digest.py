"""`claudemail digest`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, dim, flush, say, show_json

if TYPE_CHECKING:
    from claudemail.model.views import DigestItem, DigestView
    from claudemail.office import Office


@click.command(epilog=examples("claudemail digest", "claudemail digest --as alpha"))
@acting_as
@as_json
def command(name: str | None, as_json: bool) -> None:
    """Summarise unread mail, and mark it read.

    The most pressing comes first. Exactly what was shown is marked read, and how many remain is said: run it again for the rest.
    """

    async def work(office: Office) -> None:
        party = await office.party(name)
        found = await office.digest(party)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found, party.name, office.now())
        flush()
        await office.shown(party, [item.row.number for item in found.items])

    with_office(work)


def _print(found: DigestView, name: str, now: int) -> None:
    from claudemail.text import plural

    if not found.items:
        say(f"No unread mail for {name}.")
        return
    for item in found.items:
        _print_item(item, now)
    rest = "Nothing is left unread." if not found.remaining else f"{found.remaining} more unread: run it again."
    say(dim(f"{plural(len(found.items), 'brief')} shown. {rest}"))


def _print_item(item: DigestItem, now: int) -> None:
    from claudemail.wording import action_line, row_line

    say(bold(row_line(item.row, now)))
    for line in item.excerpt.splitlines():
        say(f"  {line}")
    for action in item.actions:
        say(f"  → {action_line(action, now)}")
    if not item.whole:
        say(dim(f"  In full: claudemail read {item.row.ref}"))
    say()
