"""`claudemail check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import Piece, bold, dim, red, say, show_json

if TYPE_CHECKING:
    from claudemail.model.brief import Priority
    from claudemail.model.views import CheckView
    from claudemail.office import Office


@click.command(epilog=examples("claudemail check", "claudemail check --as alpha --json"))
@acting_as
@as_json
def command(name: str | None, as_json: bool) -> None:
    """Count unread mail.

    By priority and sender, with the age of the oldest. Nothing is marked read.
    """

    async def work(office: Office) -> None:
        party = await office.party(name)
        found = await office.check(party)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found, party.name, office.now())

    with_office(work)


def _print(found: CheckView, name: str, now: int) -> None:
    from claudemail.text import ago

    if not found.unread:
        say(f"No unread mail for {name}.")
        return
    counts: list[str | Piece] = []
    for priority, count in found.by_priority.items():
        counts += [", " if counts else "", _marked(f"{count} {priority}", priority)]
    age = f" The oldest came {ago(found.oldest_at, now)} ago." if found.oldest_at is not None else ""
    say(bold(f"{found.unread} unread"), f" for {name}: ", *counts, ".", age)
    for sender in found.by_sender:
        say(f"  {sender.count:>4}  from {sender.sender}")
    left = found.unread - sum(sender.count for sender in found.by_sender)
    if left:
        say(dim(f"  {left:>4}  from others"))


def _marked(text: str, priority: Priority) -> str | Piece:
    return red(text) if priority.rank > 1 else text
