"""`claudemail restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from claudemail import config as configuration
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, say, show_json, yellow


@click.command(epilog=examples("claudemail restore claudemail-server1-2026-11-25-140211.tar"))
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@as_json
def command(source: Path, as_json: bool) -> None:
    """Put a backup in the place of this node's mail.

    The database that is there is kept beside it. A gateway that was started on demand is stopped first; one that you run yourself
    you stop. Other nodes notice, and send again what they sent since; nothing arrives twice. What somebody of this node sent to
    another since then is at its recipients', and is not here.
    """
    from claudemail.office import keeping

    done = asyncio.run(keeping.restore(configuration.load(), source))
    if as_json:
        show_json(done.model_dump(mode="json"))
        return
    from claudemail.cli.times import when
    from claudemail.clock import wall_ms
    from claudemail.text import plural

    say(bold("Restored"), f" {plural(done.briefs, 'brief')} of {done.node}, as of {when(done.at, wall_ms())}.")
    if done.former is not None:
        say(dim(f"The former database is {done.former}."))
    if done.key == "restored":
        say("The node's key is restored, too.")
    elif done.key == "other":
        say(yellow("The key in the backup is not this node's key of today, which was kept."))
    say(dim("Start the gateway with `claudemail gateway`; the next session or send does so, too."))
