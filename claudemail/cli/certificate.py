"""`claudemail certificate`."""

from __future__ import annotations

from pathlib import Path

import click

from claudemail import config as configuration
from claudemail.cli.options import examples
from claudemail.cli.printing import bold, dim, say
from claudemail.errors import InvalidInput


@click.command(epilog=examples("claudemail certificate"))
def command() -> None:
    """Make the certificate with which this node serves TLS.

    For nodes without a private network between them. It is pinned: peers have it in their config and take no other for this node,
    so no authority is asked, and it does not expire.
    """
    from claudemail.mesh.tls import make_certificate

    config = configuration.load()
    folder = Path(config.state_dir)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        certificate, key = make_certificate(config.node_id, folder)
    except FileExistsError as error:
        raise InvalidInput(
            f"{error.filename} is there already.",
            remedy="Move it away to have a new one made; peers must then learn it.",
        ) from error
    say("Made ", bold(str(certificate)), " and its key.")
    say(f'In the config of {config.node_id}: "tls_cert": "{certificate}", "tls_key": "{key}"')
    say(f'In every config, in the entry of {config.node_id}: "tls_cert": the path of a copy of the certificate.')
    say(dim("The key never leaves this machine."))
