"""`claudemail gateway`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.options import examples
from claudemail.errors import ClaudeMailError

if TYPE_CHECKING:
    from claudemail.config import Config


@click.command(epilog=examples("claudemail gateway", "claudemail gateway run"))
@click.argument("what", default="run", required=False, metavar="[run]")
@click.option("--on-demand", is_flag=True, hidden=True)
@click.option("--lock", "held", type=int, hidden=True, help="The lock that it has from the gateway that it was.")
def command(what: str, on_demand: bool, held: int | None) -> int:
    """Run this node's gateway.

    It stays in the foreground until it is stopped, and takes over from one that was started on demand. Stopping it loses no mail.
    """
    if what != "run":
        raise click.UsageError("claudemail gateway takes no argument but run.")
    from claudemail import config, running

    settings = config.load()
    mode = running.ON_DEMAND if on_demand else running.FOREGROUND
    lock = running.take_lock(settings.state_dir, mode, held)
    if lock is None:
        return _running_already(settings, on_demand=on_demand)
    # Only now: of many that sessions start at once, one wins, and the others need not load half a second of modules.
    from claudemail import daemon

    return daemon.run(settings, mode, lock)


def _running_already(settings: Config, *, on_demand: bool) -> int:
    from claudemail import running

    if on_demand:
        return 0
    other = running.read_notice(settings.state_dir)
    who = f" (PID {other.pid})" if other else ""
    raise ClaudeMailError(f"A gateway of {settings.node_id} is running already{who}.", remedy="Stop that one first.")
