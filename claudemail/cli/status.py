"""`claudemail status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, cyan, dim, green, red, say, show_json, yellow
from claudemail.text import ago, plural

if TYPE_CHECKING:
    from claudemail.cli.columns import Cell
    from claudemail.cli.printing import Piece
    from claudemail.model.views import LaneView, StatusView
    from claudemail.office import Office

_INDENT = "  "
_LOW_DISK = 256 * 1024 * 1024
_SKEW_MS = 60_000
_UNSIGNED = (
    "allow_unsigned is on: a peer whose public key is not in the config is believed without proof. Whoever can reach this node's"
    " port can write mail in that peer's name; it is labelled unverified. Give every node a public_key to end that."
)


@click.command(epilog=examples("claudemail status", "claudemail status --json"))
@as_json
def command(as_json: bool) -> None:
    """Show the state of this node and its outbox.

    The gateway, what waits for each peer and why, dead letters, disk, versions, and what the config leaves open.
    """

    async def work(office: Office) -> None:
        found = await office.status()
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print(found)

    with_office(work)


def _print(found: StatusView) -> None:
    say(bold(found.node), f"  ClaudeMail {found.version}, SQLite {found.sqlite}")
    _field("Gateway", *_gateway(found))
    kept = f"{found.archived} archived, {found.starred} starred"
    _field(
        "Mail", f"{plural(found.briefs, 'brief')}, {found.sent} of them sent from here, {found.unread} unread, {kept}"
    )
    _field("Actions", ", ".join(f"{count} {status}" for status, count in found.actions.items()) or "none")
    due = f", {plural(found.unmirrored, 'brief')} still to be written" if found.unmirrored else ""
    _field("Files", f"{found.mailbox_dir}{due}")
    free = f"{size(found.disk_free)} free, the database takes {size(found.database_bytes)}"
    _field("Disk", red(free) if found.disk_free < _LOW_DISK else free)
    _print_lanes(found)
    if found.dead_letters:
        _print_dead(found)
    for warning in found.warnings:
        say(yellow("Config: "), warning)
    if found.allow_unsigned and found.lanes:
        say(yellow("Trust: "), _UNSIGNED)


def _gateway(found: StatusView) -> list[str | Piece]:
    if found.gateway_pid is None:
        starts = "the next send or session" if found.lanes else "the next session"
        return [yellow("not running"), f"; it starts with {starts}, or with `claudemail gateway`"]
    words: list[str | Piece] = [green("running"), f" (PID {found.gateway_pid})"]
    if found.listen_error:
        return [*words, ", ", red(f"not listening: {found.listen_error}")]
    if found.listening:
        return [*words, f", listening on {found.listening}"]
    if found.pull:
        return [*words, ", fetching mail from its peers"]
    return [*words, ", about to listen" if found.lanes else ", without peers to listen for"]


def _print_lanes(found: StatusView) -> None:
    from claudemail.cli.columns import Column, table, terminal_width

    if not found.lanes:
        _field("Peers", "none")
        return
    say(dim("Peers"))
    rows = [_lane_cells(lane, found) for lane in found.lanes]
    shape = [Column(6), Column(8), Column(), Column(8), Column(right=True)]
    for lane, line in zip(found.lanes, table(rows, shape, terminal_width() - len(_INDENT)), strict=True):
        say(_INDENT, *line)
        for words in _troubles(lane, found.at):
            say(_INDENT * 2, *words)


def _lane_cells(lane: LaneView, found: StatusView) -> list[Cell]:
    from claudemail.model.roster import Liveness

    paint = {Liveness.LIVE: green, Liveness.LATE: yellow}.get(lane.liveness, red)
    heard = (
        f"{lane.liveness}, heard {ago(lane.heard_at, found.at)} ago" if lane.heard_at is not None else "never heard of"
    )
    return [
        bold(lane.node),
        dim(lane.url),
        paint(heard),
        f"ClaudeMail {lane.version}" if lane.version and lane.version != found.version else "",
        dim(f"{lane.rtt_ms:.0f} ms") if lane.rtt_ms is not None else "",
    ]


def _troubles(lane: LaneView, now: int) -> list[list[str | Piece]]:
    """Return a line for each thing about a peer that someone should know of."""
    lines: list[list[str | Piece]] = []
    if lane.waiting:
        age = f", the oldest for {ago(lane.oldest_at, now)}" if lane.oldest_at is not None else ""
        lines.append([yellow(f"{lane.waiting} waiting"), age])
    if lane.error:
        again = ""
        if lane.retry_at is not None:
            again = f"; next try in {ago(now, lane.retry_at)}" if lane.retry_at > now else "; the next try is due"
        lines.append([red(lane.error.removesuffix(".")), again])
    if lane.dead:
        lines.append([red(f"{plural(lane.dead, 'dead letter')}")])
    if lane.skew_ms is not None and abs(lane.skew_ms) >= _SKEW_MS:
        side = "ahead of" if lane.skew_ms > 0 else "behind"
        lines.append([yellow(f"its clock is {ago(0, abs(lane.skew_ms))} {side} ours")])
    if not lane.verified:
        lines.append([dim("its public key is not known: its mail is unverified")])
    return lines


def _print_dead(found: StatusView) -> None:
    say(red("Dead letters"))
    for letter in found.dead_letters:
        what: list[str | Piece] = [letter.kind] if letter.ref is None else [cyan(letter.ref), f' "{letter.title}"']
        say(_INDENT, *what, f" to {letter.node}, {ago(letter.at, found.at)} ago: {letter.reason}")
    left = sum(lane.dead for lane in found.lanes) - len(found.dead_letters)
    if left > 0:
        say(_INDENT, dim(f"and {left} older"))


def _field(label: str, *value: str | Piece) -> None:
    say(dim(f"{label:<8} "), *value)


def size(count: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} TiB"
