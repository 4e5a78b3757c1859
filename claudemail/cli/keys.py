"""`claudemail keys`."""

from __future__ import annotations

from pathlib import Path

import click

from claudemail import config as configuration
from claudemail.cli.options import as_json, examples
from claudemail.cli.printing import bold, dim, say, show_json


@click.command(epilog=examples("claudemail keys", "claudemail keys --json"))
@as_json
def command(as_json: bool) -> None:
    """Show this node's public key.

    It goes into the config of every node, as "public_key" of this one. The private key never leaves this machine.
    """
    from claudemail.keys import NodeKey, fingerprint

    config = configuration.load()
    public = NodeKey.load_or_create(Path(config.state_dir)).public
    if as_json:
        from claudemail.model.views import KeyView

        shown = KeyView(node=config.node_id, public_key=public, fingerprint=fingerprint(public))
        show_json(shown.model_dump(mode="json"))
    else:
        say(bold(config.node_id), f"  {public}")
        say(dim(f"fingerprint {fingerprint(public)}"))
