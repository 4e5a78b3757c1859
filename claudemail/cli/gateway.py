"""`claudemail gateway`."""

from __future__ import annotations

import click

from claudemail.cli.options import examples


@click.command(epilog=examples("claudemail gateway", "claudemail gateway run"))
@click.argument("what", type=click.Choice(["run"]), default="run", required=False, metavar="[run]")
@click.option("--on-demand", is_flag=True, hidden=True)
def command(what: str, on_demand: bool) -> int:  # noqa: ARG001 - `run` is all there is so far
    """Run this node's gateway.

    It stays in the foreground until it is stopped, and takes over from one that was started on demand. Stopping it loses no mail.
    """
    from claudemail import config, daemon, running

    return daemon.run(config.load(), running.ON_DEMAND if on_demand else running.FOREGROUND)
