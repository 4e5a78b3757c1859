"""`claudemail invite`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from claudemail import config as configuration
from claudemail import running
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, flush, green, say, show_json, warn

if TYPE_CHECKING:
    from claudemail.config import Config
    from claudemail.model.joining import Token
    from claudemail.model.views import InviteView, JoinedView

_LISTEN_S = 15.0
_LOOK_S = 0.1


@click.command(
    epilog=examples(
        "claudemail invite", "claudemail invite --address vpn.example.org:3300", "claudemail invite --no-wait --json"
    )
)
@click.option(
    "--address",
    metavar="HOST[:PORT]",
    help="Where the new node reaches this one's gateway, if not at its ip in the config.",
)
@click.option(
    "--wait/--no-wait", default=None, help="Wait until somebody has joined; not with --json.  [default: on a terminal]"
)
@as_json
def command(address: str | None, wait: bool | None, as_json: bool) -> None:
    """Invite another server into the fleet.

    It prints a token, which is good for one server and for 15 minutes: run `claudemail join TOKEN` there. Hand it over in a way
    that nobody else sees. A node without a config file is given one. Ctrl+C ends the waiting, and not the invitation.
    """
    from claudemail.office import whereabouts

    if wait and as_json:
        raise click.UsageError("--wait does not go with --json.")
    place = whereabouts.parse_address(address) if address else None
    config, made = _prepared(place)
    token = asyncio.run(_invite(config, place))
    view = _view(config, token, made)
    _have_gateway(config)
    if as_json:
        show_json(view.model_dump(mode="json"))
        return
    _print(view)
    if sys.stdout.isatty() if wait is None else wait:
        flush()
        joined = asyncio.run(_guest(config, token))
        say(green("Joined: "), bold(joined.node), f"  {joined.url}")
        say(dim(f"fingerprint {joined.fingerprint}: compare it with what is shown there"))


def _prepared(place: tuple[str, int | None] | None) -> tuple[Config, bool]:
    """Return the configuration, and whether its file was just made."""
    from claudemail.keys import NodeKey
    from claudemail.office import whereabouts

    config = configuration.load()
    made = config.path is None
    if made:
        from claudemail.office import joining

        joining.prepare_lone(config.node_id, NodeKey.load_or_create(Path(config.state_dir)).public, place)
        config = configuration.load()
    if place is None and whereabouts.is_loopback(config.node.ip):
        warn(f"{config.node.ip} is reached from this machine only. For another one, give --address.")
    return config, made


async def _invite(config: Config, place: tuple[str, int | None] | None) -> Token:
    from claudemail.office import Office

    host, port = place or (config.node.ip, None)
    async with await Office.open(config) as office:
        return await office.invite(host, port or config.node.port)


def _view(config: Config, token: Token, made: bool) -> InviteView:
    from claudemail.config import Node
    from claudemail.keys import NodeKey, fingerprint
    from claudemail.model.views import InviteView

    return InviteView(
        token=token.written(),
        node=token.node,
        url=Node(token.node, token.host, token.port).url,
        fingerprint=fingerprint(NodeKey.load_or_create(Path(config.state_dir)).public),
        until=token.until,
        config=config.path if made else None,
    )


def _have_gateway(config: Config) -> None:
    """Start the gateway if none runs, and return once it listens; say why if it does not."""
    from claudemail.errors import ClaudeMailError

    expected = f"{config.node.bind}:{config.node.port}"
    deadline = time.monotonic() + _LISTEN_S
    notice = None
    try:
        while time.monotonic() < deadline:
            running.start(config)  # again and again: one that began anew with another config may have ended
            notice = running.read_notice(config.state_dir)
            if notice is not None and (notice.listening == expected or notice.listen_error):
                break
            time.sleep(_LOOK_S)
    except (ClaudeMailError, OSError) as error:
        warn(f"Nobody can join before this node's gateway runs, and it could not be started. {error}")
        return
    if notice is None or notice.listening != expected:
        why = notice.listen_error if notice is not None and notice.listen_error else f"it does not listen on {expected}"
        warn(f"Nobody can join yet: {why}. See {Path(config.state_dir, running.LOG)}.")


async def _guest(config: Config, token: Token) -> JoinedView:
    """Return who joined, once somebody has."""
    from claudemail.keys import fingerprint
    from claudemail.model.views import JoinedView
    from claudemail.office import Office

    changed = asyncio.Event()
    async with await Office.open(config) as office:
        office.subscribe(changed.set)
        while (guest := await office.guest_of(token.id)) is None:
            changed.clear()
            try:
                async with asyncio.timeout(1):  # the end of its time rings no bell
                    await changed.wait()
            except TimeoutError:
                continue
    return JoinedView(node=guest.node, url=guest.url, fingerprint=fingerprint(guest.public_key))


def _print(view: InviteView) -> None:
    from claudemail.cli.times import when
    from claudemail.clock import wall_ms

    if view.config is not None:
        say(f"This node had no config file; {view.config} is made, and names it ", bold(view.node), f" at {view.url}.")
    say(dim("On the new server, within 15 minutes:"))
    say("claudemail join ", bold(view.token))
    say(dim(f"{view.node} at {view.url}, fingerprint {view.fingerprint}; until {when(view.until, wall_ms())}"))
