"""`claudemail keys`: this node's key, and a new one in its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from claudemail import config as configuration
from claudemail.cli.context import have_carried, with_office
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, green, say, show_json, yellow

if TYPE_CHECKING:
    from claudemail.config import Config
    from claudemail.model.views import RotationView
    from claudemail.office import Office


@click.group(
    invoke_without_command=True, epilog=examples("claudemail keys", "claudemail keys --json", "claudemail keys rotate")
)
@as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Show this node's public key.

    It goes into the config of every node, as "public_key" of this one; `claudemail invite` sees to that. The private key never
    leaves this machine. While the key is being changed, it says who has not heard of the new one.
    """
    if context.invoked_subcommand is not None:
        return
    from claudemail.keys import NodeKey

    config = configuration.load()
    folder = Path(config.state_dir)
    public = NodeKey.load_or_create(folder).public
    if NodeKey.next_in(folder) is None:
        _show(config, public, None, as_json=as_json)
        return

    async def work(office: Office) -> None:
        _show(config, public, await office.rotation(), as_json=as_json)

    with_office(work)


@command.command(epilog=examples("claudemail keys rotate", "claudemail keys rotate --json"))
@as_json
def rotate(as_json: bool) -> None:
    """Give this node a new key.

    Every other node learns of it by a message that the old key signs. Until all have heard, both are in use, and mail goes on;
    then the old one is deleted. What it has signed stays verified. Make a new backup when it is done: a former one has the old
    key.
    """

    async def work(office: Office) -> None:
        found = await office.rotate_key()
        have_carried(office.config)
        public = found.new_public_key if found.over else found.old_public_key
        _show(office.config, public, found, as_json=as_json)

    with_office(work)


def _show(config: Config, public: str, rotation: RotationView | None, *, as_json: bool) -> None:
    from claudemail.keys import fingerprint

    if as_json:
        from claudemail.model.views import KeyView

        shown = KeyView(node=config.node_id, public_key=public, fingerprint=fingerprint(public), rotation=rotation)
        show_json(shown.model_dump(mode="json"))
        return
    say(bold(config.node_id), f"  {public}")
    say(dim(f"fingerprint {fingerprint(public)}"))
    if rotation is not None and rotation.over:
        say(green("This is the new key; "), "the old one is deleted.")
    elif rotation is not None:
        say("A new key is on its way: ", bold(rotation.new_public_key))
        say(dim(f"fingerprint {rotation.new_fingerprint}"))
        for peer in rotation.waiting:
            why = rotation.refused.get(peer)
            say(yellow(f"{peer} has not heard of it yet") if why is None else yellow(f"{peer} refused it: {why}"))
        if rotation.heard:
            say(dim(f"{', '.join(rotation.heard)} heard of it"))
