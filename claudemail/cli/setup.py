"""`claudemail setup`."""

from __future__ import annotations

from pathlib import Path

import click

from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import say, show_json


@click.command(
    epilog=examples(
        "claudemail setup --dry-run",
        "claudemail setup",
        "claudemail setup --scope project",
        "claudemail setup --remove",
    )
)
@click.option(
    "--scope",
    type=click.Choice(["user", "project"]),
    default="user",
    show_default=True,
    help="For all projects of yours, or for that of this folder.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--remove", is_flag=True, help="Undo it.")
@as_json
def command(scope: str, dry_run: bool, remove: bool, as_json: bool) -> None:
    """Set Claude Code up: the MCP server, its permission, the hooks and the status line.

    What you have in your settings stays as it is. A copy of each changed file is kept beside it, and --remove undoes all.
    """
    from claudemail import config
    from claudemail.claude_code import setup
    from claudemail.model.views import SettingsFile, SetupView

    settings = config.load()
    plans = setup.plan(settings, scope, Path.cwd(), remove=remove)
    diffs = [one.diff() for one in plans]
    changing = [one for one in plans if one.changes]
    if not dry_run:
        setup.carry_out(settings, plans, remove=remove)
    if as_json:
        view = SetupView(
            files=[
                SettingsFile(path=str(one.path), changed=one.changes, diff=diff, notes=list(one.notes))
                for one, diff in zip(plans, diffs, strict=True)
            ],
            applied=bool(changing) and not dry_run,
        )
        show_json(view.model_dump(mode="json"))
        return
    for one in changing:
        say(one.diff().rstrip("\n"))
    for one in plans:
        for note in one.notes:
            say(f"\n{note}")
    say(_end(changed=bool(changing), dry_run=dry_run, remove=remove))


def _end(*, changed: bool, dry_run: bool, remove: bool) -> str:
    if not changed:
        return "Nothing of ClaudeMail is there to remove." if remove else "All of it is set up already."
    if dry_run:
        return "\nNothing was changed."
    if remove:
        return "\nClaude Code is as it was. Sessions that run go on as they are."
    return "\nClaude Code is set up. Start a session, or begin one anew, and ask it: who is on the roster?"
