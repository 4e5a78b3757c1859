"""`claudemail join`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import click

from claudemail import config as configuration
from claudemail import running
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, green, say, show_json, warn, yellow

if TYPE_CHECKING:
    from claudemail.config import Config
    from claudemail.model.joining import Introduction, Token
    from claudemail.model.views import JoinView


@click.command(
    epilog=examples(
        "claudemail join cmail1.…",
        "claudemail join cmail1.… --node build2 --instance ci --callsigns romeo,sierra",
        "claudemail join cmail1.… --address 10.0.0.7:3300 --yes --json",
        "claudemail join cmail1.… --pull",
    )
)
@click.argument("token")
@click.option("--node", metavar="NAME", help="What this node is called in the fleet.  [default: its host name]")
@click.option(
    "--address",
    metavar="HOST[:PORT]",
    help="Where the others reach this node.  [default: the address it reaches the inviter from, port 3300 or a free one]",
)
@click.option(
    "--pull", is_flag=True, help="Nobody can reach this node, a laptop say: it fetches its mail from the others."
)
@click.option("--instance", metavar="NAME", help="What its instance is called.  [default: main, or the node's name]")
@click.option("--callsigns", metavar="A,B", help="Names that its sessions take, in order.")
@click.option("--yes", is_flag=True, help="Do not ask whether the fingerprints are right.")
@as_json
def command(
    token: str,
    node: str | None,
    address: str | None,
    pull: bool,
    instance: str | None,
    callsigns: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Join the fleet of a server that has made a TOKEN with `claudemail invite`.

    The two servers come to know each other's keys, this one is given a config file that names the whole fleet, and all others are
    told. Mail that is here stays. To run it again with the same token does no harm, if an answer was lost.
    """
    from claudemail.model.joining import Token
    from claudemail.office import joining, whereabouts

    invitation = Token.read(token)
    wishes = joining.Wishes(
        node=node,
        address=whereabouts.parse_address(address) if address else None,
        instance=instance,
        callsigns=tuple(name.strip() for name in callsigns.split(",") if name.strip()) if callsigns else None,
        pull=pull,
    )
    config = configuration.load()
    newcomer = asyncio.run(joining.introduce_oneself(config, invitation, wishes))
    if not as_json:
        _introduce(invitation, newcomer)
    if not yes and sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
        click.confirm("Are these the two?", abort=True)
    may_rename = instance is None and config.path is None
    joined = asyncio.run(joining.join(config, invitation, newcomer, may_rename=may_rename))
    _have_gateway(config, joined.node)
    if as_json:
        show_json(joined.model_dump(mode="json"))
    else:
        _print(config, joined)


def _introduce(token: Token, newcomer: Introduction) -> None:
    from claudemail.keys import fingerprint

    node = newcomer.node
    where = "fetches its mail" if node.pull else f"{node.ip}:{node.gateway_port}"
    theirs = " ".join(token.fingerprint[at : at + 4] for at in range(0, 16, 4))
    say(
        "This node   ",
        bold(node.id),
        f"  {where}  fingerprint {fingerprint(node.public_key or '')}",
    )
    say("Invited by  ", bold(token.node), f"  {token.host}:{token.port}  fingerprint {theirs}")


def _have_gateway(before: Config, node: str) -> None:
    """Have a gateway run for the fleet. One that was started on demand for another name ends first."""
    from claudemail.errors import ClaudeMailError, GatewayRunning
    from claudemail.office.keeping import standing_still

    try:
        after = configuration.load()
        if before.node_id != node and running.is_held(after.state_dir):
            with contextlib.suppress(GatewayRunning), standing_still(after):
                pass
        running.start(after)
    except (ClaudeMailError, OSError) as error:
        warn(f"This node's gateway could not be started. {error}")


def _print(before: Config, joined: JoinView) -> None:
    others = [name for name in joined.nodes if name != joined.node]
    say(
        green("Joined. "),
        bold(joined.node),
        f" is in a fleet with {', '.join(others)}, and is reached at {joined.url}.",
    )
    say(dim(f"{joined.config} says so; mail to this node goes to {', '.join(joined.instances) or 'its operator'}."))
    if joined.allow_unsigned:
        say(yellow("Some nodes of the fleet have no known key; their mail is taken, unverified."))
    if before.node_id != joined.node:
        say(yellow(f"Sessions that run here know this node as {before.node_id}: start them anew."))
