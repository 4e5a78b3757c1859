"""`claudemail hook`. Called by Claude Code it never comes here: the entry point runs it without click."""

from __future__ import annotations

import click

from claudemail.cli.options import examples


@click.command(epilog=examples("claudemail hook <event.json"))
def command() -> int:
    """Answer a hook of Claude Code's, given on stdin.

    `claudemail setup` puts it into Claude Code's settings.
    """
    from claudemail.claude_code import hook

    return hook.main()
