"""`claudemail mcp`. Without arguments it never comes here: the entry point runs it without click."""

from __future__ import annotations

import click

from claudemail.cli.options import examples


@click.command(epilog=examples("claude mcp add --scope user claudemail -- claudemail mcp"))
def command() -> int:
    """Serve one Claude Code session on stdin and stdout.

    Claude Code starts it; the session is given a callsign, and its tools talk to this node's gateway.
    """
    from claudemail import session

    return session.main()
