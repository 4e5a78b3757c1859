"""`claudemail doctor`."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import Piece, bold, dim, green, red, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.doctor.finding import DoctorView, Finding


@click.command(epilog=examples("claudemail doctor", "claudemail doctor --fix", "claudemail doctor --json"))
@click.option("--fix", is_flag=True, help="Mend what can safely be mended: file modes, a gateway that does not run.")
@as_json
def command(fix: bool, as_json: bool) -> int:
    """Examine this node, and say what to do about what is wrong.

    Config, key, file modes, SQLite, the database's integrity, disk, mailbox files, gateway and port, Claude Code's settings, and
    every peer: whether it answers, knows this node, and goes by the same clock. Exits with 1 when there is a problem.
    """
    from claudemail.doctor.examination import examine
    from claudemail.doctor.finding import State

    found = asyncio.run(examine(os.environ, fix=fix))
    if as_json:
        show_json(found.model_dump(mode="json"))
    else:
        _print(found, fix=fix)
    return 1 if any(one.state is State.PROBLEM and not one.fixed for one in found.findings) else 0


def _print(found: DoctorView, *, fix: bool) -> None:
    width = max(len(one.name) for one in found.findings)
    indent = " " * (width + 11)
    for one in found.findings:
        first, *more = one.what.strip().splitlines()
        say(_state(one), "  ", bold(f"{one.name:<{width}}"), f"  {first}")
        for line in more:
            say(indent, line)
        if one.fixed:
            say(indent, green("mended"))
        elif one.remedy:
            say(indent, dim(one.remedy))
    fixable = sum(one.fixable and not one.fixed for one in found.findings)
    if fixable and not fix:
        say(dim(f"`claudemail doctor --fix` mends {fixable} of these."))


def _state(one: Finding) -> Piece:
    from claudemail.doctor.finding import State

    paint = {State.OK: green, State.NOTE: dim, State.WARNING: yellow, State.PROBLEM: red}[one.state]
    return paint(f"{one.state:<7}")
