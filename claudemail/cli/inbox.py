"""`claudemail inbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, cursor, examples
from claudemail.cli.printing import bold, cyan, dim, red, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.cli.columns import Cell
    from claudemail.model.views import InboxPage, InboxRow
    from claudemail.office import Office

_MOST = 1_000
_NARROW = 70
"""Below this width a line does without the node's own number, the sender's node and the count of actions."""


@click.command(
    epilog=examples("claudemail inbox", "claudemail inbox --as alpha --unread", "claudemail inbox --all --limit 100")
)
@click.option("--unread", is_flag=True, help="Only what is unread.")
@click.option("--all", "everyone", is_flag=True, help="Every mailbox of this node.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="The most lines.")
@click.option("--before", type=cursor, metavar="CURSOR", help="Go on where a list ended.")
@acting_as
@as_json
def command(unread: bool, everyone: bool, limit: int, before: int | None, name: str | None, as_json: bool) -> None:
    """List mail, newest first.

    A ● marks what is unread, a ★ what is starred. Nothing is marked read. Without --as or --all it is the operator's own mailbox.
    """
    if everyone and name is not None:
        raise click.UsageError("--all and --as exclude each other.")

    async def work(office: Office) -> None:
        party = await office.party(name)
        boxes = None if everyone else party.mailboxes
        page = await office.inbox(boxes, unread=unread, limit=limit, before=before)
        if as_json:
            show_json(page.model_dump(mode="json"))
            return
        whose = "this node" if everyone else party.name
        again = ["claudemail inbox", *(["--unread"] if unread else []), *(["--all"] if everyone else [])]
        again += [f"--as {party.name}"] if name is not None else []
        again += [f"--limit {limit}"] if limit != 20 else []
        _print(page, whose, " ".join(again), office.now(), unread=unread, everyone=everyone, before=before)
        if not page.rows and not everyone and party.is_operator:
            say(dim("`claudemail inbox --all` lists every mailbox of this node."))

    with_office(work)


def _print(
    page: InboxPage, whose: str, again: str, now: int, *, unread: bool, everyone: bool, before: int | None
) -> None:
    from claudemail.cli.columns import Column, table, terminal_width

    if not page.rows:
        earlier = "" if before is None else " before that"
        say(f"No {'unread ' if unread else ''}mail for {whose}{earlier}.")
        return
    width = terminal_width()
    shape = [
        Column(),
        Column(),
        Column(right=True),
        Column(),
        Column(8),
        Column(8),
        Column(right=True),
        Column(12),
        Column(),
    ]
    for line in table([_cells(row, now, width, everyone=everyone) for row in page.rows], shape, width):
        say(*line)
    left = [f"{page.unread} unread for {whose}"]
    if page.cursor is not None:
        left.append(f"there is more: {again} --before {page.cursor}")
    say(dim("; ".join(left) + "."))
    if not all(row.verified for row in page.rows):
        say(dim("(?) The sender is not verified."))


def _cells(row: InboxRow, now: int, width: int, *, everyone: bool) -> list[Cell]:
    from claudemail.text import ago, plural

    narrow = width < _NARROW
    sender = row.sender.name if narrow else str(row.sender)
    return [
        yellow(f"{'●' if row.unread else ''}{'★' if row.starred else ''}" or " "),
        cyan(row.ref),
        "" if narrow else dim(str(row.number)),
        red(row.priority) if row.priority.rank > 1 else dim(row.priority if row.priority.rank < 1 else ""),
        ", ".join(row.mailboxes) if everyone else "",
        sender if row.verified else f"{sender} (?)",
        dim(ago(row.at, now)),
        bold(row.title) if row.unread else row.title,
        dim(plural(row.actions, "action")) if row.actions and not narrow else "",
    ]
