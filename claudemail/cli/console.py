"""`claudemail console`, and `claudemail` alone."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import say, show_json

if TYPE_CHECKING:
    from claudemail.office import Office


def _themes(_context: click.Context, _option: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of our themes, without the import of Textual."""
    names = (file.name.removesuffix(".toml") for file in files("claudemail.themes").iterdir())
    return sorted(
        name for name in names if name.startswith(("claudemail-" + incomplete, incomplete)) and "." not in name
    )


@click.command(epilog=examples("claudemail", "claudemail console --once", "claudemail console --json"))
@click.option("--once", is_flag=True, help="Print the view as text and end, as without a terminal.")
@click.option(
    "--width", type=click.IntRange(20, 1_000), metavar="N", help="Cells a line for --once.  [default: the terminal's]"
)
@click.option("--theme", metavar="NAME", shell_complete=_themes, help="Its colours.  [default: those used last]")
@click.option("--web", is_flag=True, help="Serve it to a browser, on this machine unless --host says otherwise.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where --web listens.")
@click.option("--port", type=click.IntRange(1, 65_535), default=8_330, show_default=True, help="The port of --web.")
@as_json
def command(once: bool, width: int | None, theme: str | None, web: bool, host: str, port: int, as_json: bool) -> None:
    """Open the operator's console.

    It works with the gateway down, and quitting it stops nothing.
    """
    if as_json:
        with_office(_show_snapshot)
    elif web:
        from claudemail.tui.web import serve

        serve(host, port, theme)
    elif once or width is not None or not _has_screen():
        with_office(lambda office: _show_text(office, width))
    else:
        from claudemail import config
        from claudemail.tui import app

        app.run(config.load(), theme=theme)


def _has_screen() -> bool:
    """Return whether there is a terminal, or a browser that `--web` serves."""
    return "TEXTUAL_DRIVER" in os.environ or (sys.stdin.isatty() and sys.stdout.isatty())


async def _show_snapshot(office: Office) -> None:
    from claudemail.tui.once import snapshot

    show_json((await snapshot(office)).model_dump(mode="json"))


async def _show_text(office: Office, width: int | None) -> None:
    from claudemail.cli.columns import terminal_width
    from claudemail.tui.once import once

    say((await once(office, width or terminal_width())).removesuffix("\n"))
