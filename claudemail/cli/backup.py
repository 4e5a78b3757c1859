"""`claudemail backup`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from claudemail import config as configuration
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, say, show_json


@click.command(epilog=examples("claudemail backup", "claudemail backup /var/backups/claudemail.tar --json"))
@click.argument("target", metavar="[FILE]", type=click.Path(path_type=Path), default=".", required=False)
@as_json
def command(target: Path, as_json: bool) -> None:
    """Write a backup of this node's mail while it flows.

    FILE is made, and must not be there; a folder gets a file named after the node and the time. In it are all mail, this node's
    private key and its config: keep it as safe as the key.
    """
    from claudemail.office import keeping

    made = asyncio.run(keeping.backup(configuration.load(), target))
    if as_json:
        show_json(made.model_dump(mode="json"))
        return
    from claudemail.cli.status import size
    from claudemail.text import plural

    say(bold(made.path), f"  {plural(made.briefs, 'brief')} of {made.node}, {size(made.bytes)}")
    say(dim("It holds this node's private key. `claudemail restore FILE` puts it back."))
