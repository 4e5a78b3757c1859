"""`claudemail plugin`."""

from __future__ import annotations

from pathlib import Path

import click

from claudemail.cli.options import examples
from claudemail.cli.printing import say


@click.command(
    epilog=examples(
        "claudemail plugin",
        'claude plugin marketplace add "$(claudemail plugin)" && claude plugin install claudemail@claudemail',
        'claude --plugin-dir "$(claudemail plugin)/claudemail"',
    )
)
def command() -> None:
    """Print the folder of the Claude Code plugin: a marketplace with one plugin in it.

    The plugin brings the MCP server, the hooks and the skill /mail; the status line is for `claudemail setup` alone.
    """
    from claudemail import claude_code

    say(str(Path(claude_code.__file__).parent / "plugin"))
