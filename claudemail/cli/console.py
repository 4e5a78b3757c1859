"""`claudemail console`, and `claudemail` alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import say, show_json

if TYPE_CHECKING:
    from claudemail.office import Office


@click.command(epilog=examples("claudemail", "claudemail console --once", "claudemail console --json"))
@click.option("--once", is_flag=True, help="Print the view as text and end, as without a terminal.")
@click.option(
    "--width", type=click.IntRange(20, 1_000), metavar="N", help="Cells a line for --once.  [default: the terminal's]"
)
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", show_default=True, help="Its colours.")
@as_json
def command(once: bool, width: int | None, theme: str, as_json: bool) -> None:
    """Open the operator's console.

    It works with the gateway down, and quitting it stops nothing.
    """
    if as_json:
        with_office(_show_snapshot)
    elif once or width is not None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        with_office(lambda office: _show_text(office, width))
    else:
        from claudemail import config
        from claudemail.tui import app

        app.run(config.load(), theme=f"claudemail-{theme}")


async def _show_snapshot(office: Office) -> None:
    from claudemail.tui.once import snapshot

    show_json((await snapshot(office)).model_dump(mode="json"))


async def _show_text(office: Office, width: int | None) -> None:
    from claudemail.cli.columns import terminal_width
    from claudemail.tui.once import once

    say((await once(office, width or terminal_width())).removesuffix("\n"))
