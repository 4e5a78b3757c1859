"""`claudemail roster`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, green, red, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.cli.columns import Cell
    from claudemail.cli.printing import Piece
    from claudemail.model.roster import Presence
    from claudemail.model.views import NodeView, RosterView
    from claudemail.office import Office

_INDENT = "  "


@click.command(epilog=examples("claudemail roster", "claudemail roster --json"))
@as_json
def command(as_json: bool) -> None:
    """Show who is in the fleet.

    Each node with its instances and callsigns: who is there, in which project, and how much of their mail they have read.
    """

    async def work(office: Office) -> None:
        found = await office.roster()
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found)

    with_office(work)


def _print(found: RosterView) -> None:
    from claudemail.cli.columns import Column, table, terminal_width

    shape = [Column(6), Column(6), Column(), Column(6), Column(), Column(right=True), Column(right=True), Column()]
    for number, node in enumerate(found.nodes):
        if number:
            say()
        say(bold(node.node), " ", dim(node.url), " ", *heard(node, found.at))
        rows = [_cells(presence, found.at) for presence in node.presences]
        for line in table(rows, shape, terminal_width() - len(_INDENT)):
            say(_INDENT, *line)
        if not rows:
            say(_INDENT, dim("no instances"))


def heard(node: NodeView, now: int) -> list[str | Piece]:
    """Return how lately a node was heard of."""
    from claudemail.model.roster import Liveness
    from claudemail.text import ago

    if node.here:
        return [green("this node")]
    if node.heard_at is None:
        return [red("never heard of")]
    paint = {Liveness.LIVE: green, Liveness.LATE: yellow}.get(node.liveness, red)
    return [paint(node.liveness), f", heard {ago(node.heard_at, now)} ago"]


def _cells(presence: Presence, now: int) -> list[Cell]:
    from claudemail.text import ago

    since = "" if presence.since is None else ago(presence.since, now)
    if presence.live:
        state: Cell = green(f"live {since}".rstrip())
    else:
        state = dim(f"away {since}" if since else "not seen yet")
    return [
        presence.name,
        dim(presence.instance if presence.callsign else "instance"),
        state,
        presence.project or "",
        dim(f"active {ago(presence.active_at, now)} ago") if presence.live and presence.active_at is not None else "",
        yellow(f"{presence.unread} unread") if presence.unread else "",
        f"{presence.read_coverage:.0%} read" if presence.received else "",
        dim(f"PID {presence.pid}") if presence.pid is not None else "",
    ]
