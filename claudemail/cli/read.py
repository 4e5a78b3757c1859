"""`claudemail read`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs
from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, cyan, dim, flush, green, red, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.cli.printing import Piece
    from claudemail.model.views import BriefView
    from claudemail.office import Office


@click.command(
    epilog=examples("claudemail read k7qd", "claudemail read 5 --as alpha", "claudemail read k7qd --raw > brief.md")
)
@click.argument("ref", shell_complete=brief_refs)
@click.option("--raw", is_flag=True, help="Print it as a brief file.")
@acting_as
@as_json
def command(ref: str, raw: bool, name: str | None, as_json: bool) -> None:
    """Show one brief in full.

    REF is its ref (k7qd), its number on this node (5) or its id. It is marked read, once shown, in the mailboxes of the name that
    you act as. The operator may look into everyone's mail, and that marks nothing.
    """
    if raw and as_json:
        raise click.UsageError("--raw and --json exclude each other.")

    async def work(office: Office) -> None:
        party = await office.party(name)
        found = await office.read(party, ref)
        if as_json:
            show_json(found.model_dump(mode="json"))
        elif raw:
            from claudemail.model import document

            say(document.format(found.brief).removesuffix("\n"))
        else:
            _print(found, office.now(), peeking=not set(found.mailboxes) & set(party.mailboxes))
        flush()
        if found.unread:
            await office.shown(party, [found.number])

    with_office(work)


def _print(found: BriefView, now: int, *, peeking: bool) -> None:
    from claudemail.cli.recipients import print_states
    from claudemail.cli.times import when
    from claudemail.text import ago
    from claudemail.wording import action_line, listing, row_line

    brief = found.brief
    say(bold(brief.title))
    _field("From", f"{brief.sender}, ", _provenance(verified=found.verified))
    _field("To", ", ".join(brief.to))
    _field("Date", f"{when(brief.at, now)} ({ago(brief.at, now)} ago)")
    _field("Ref", cyan(brief.ref), f" ({found.number} on this node, id {brief.id})")
    if brief.priority.rank != 1:
        _field("Priority", red(brief.priority) if brief.priority.rank > 1 else brief.priority)
    for label, value in (("Due", brief.due), ("Expires", brief.expires), ("Labels", ", ".join(brief.labels))):
        if value:
            _field(label, value)
    if brief.reply_to is not None:
        _field("Reply to", next((row.ref for row in found.thread if row.id == brief.reply_to), brief.reply_to))
    if found.mailboxes and peeking:
        _field("Mailbox", f"for {listing(found.mailboxes)}; looking marks nothing read")
    if found.recipients:
        say(dim("Recipients"))
        print_states(found.recipients, now)
    if found.actions:
        say(dim("Actions"))
        for action in found.actions:
            say(f"  {action_line(action, now)}")
    if found.thread:
        say(dim("Thread"))
        for row in found.thread:
            say(f"  {row_line(row, now)}")
    if brief.body:
        say()
        say(brief.body)


def _field(label: str, *value: str | Piece) -> None:
    say(dim(f"{label:<9} "), *value)


def _provenance(*, verified: bool) -> Piece:
    from claudemail.wording import provenance

    return green(provenance(verified=True)) if verified else yellow(provenance(verified=False))
