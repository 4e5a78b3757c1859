"""`claudemail statusline`. Called by Claude Code it never comes here: the entry point runs it without click."""

from __future__ import annotations

import click

from claudemail.cli.options import examples
from claudemail.cli.printing import say


@click.command(
    epilog=examples("claudemail statusline --snippet", "claudemail statusline --plain --width 60 </dev/null")
)
@click.option("--snippet", is_flag=True, help="Print what to put into Claude Code's settings.json instead.")
@click.option("--plain", is_flag=True, help="Without colours.")
@click.option(
    "--width", type=click.IntRange(8, 1_000), metavar="N", help="Cells that it may take.  [default: $COLUMNS]"
)
def command(snippet: bool, plain: bool, width: int | None) -> int:
    """Print the status line of a Claude Code session.

    It tells its callsign, unread and urgent mail, actions that are due, and silent nodes.
    """
    from claudemail.claude_code import status_line

    if snippet:
        import json

        from claudemail import config

        say(json.dumps({"statusLine": status_line.snippet(config.load())}, indent=2))
        return 0
    return status_line.main(plain=plain, width=width)
