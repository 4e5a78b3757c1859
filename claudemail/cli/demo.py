"""claudemail demo: three nodes on this machine with sessions that write to each other, and the console on them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from claudemail.cli.options import examples
from claudemail.config import CONFIG_ENV, Config
from claudemail.running import own_command, own_environment

_OPENING_S = 6.0
_FOLDER = "claudemail-demo-"


@click.command("demo", epilog=examples("claudemail demo", "claudemail demo --once   # without a terminal"))
@click.option("--once", is_flag=True, help="Print what the console shows after a few seconds, and end.")
@click.option("--cast", "cast", multiple=True, type=click.Path(path_type=Path), hidden=True)
def command(*, once: bool, cast: tuple[Path, ...]) -> None:
    """Run three nodes on this machine, with sessions that write to each other, and open the console on them.

    Each node is a real gateway on loopback with a folder of its own. All of it is gone when the console is closed.
    """
    if cast:
        from claudemail.cast import main

        main(list(cast))
        return
    with _fleet() as config:
        if once or not sys.stdout.isatty():
            time.sleep(_OPENING_S)  # let the play go on for a while; there is no single event to wait for
            _show(config)
        else:
            from claudemail.tui.app import run

            run(config)


@contextlib.contextmanager
def _fleet() -> Iterator[Config]:
    """Run the fleet and its cast while the context lasts; yield the configuration of the first node."""
    from claudemail.cast import LAYOUT
    from claudemail.testing import Fleet

    click.echo("Starting three nodes and six sessions …", err=True)
    with (
        tempfile.TemporaryDirectory(prefix=_FOLDER) as folder,
        Fleet(Path(folder), LAYOUT, heartbeat_ms=5_000) as fleet,
    ):
        fleet.start()
        members = list(fleet.nodes.values())
        arguments = [word for member in members for word in ("--cast", str(member.config_path))]
        # A process of its own keeps the console smooth. Its stdin closes when we end, and then it tidies up.
        with subprocess.Popen(
            own_command("demo", *arguments),
            env=own_environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as cast:
            try:
                yield members[0].config
            finally:
                assert cast.stdin is not None
                cast.stdin.close()
                cast.wait()


def _show(config: Config) -> None:
    environment = own_environment({CONFIG_ENV: str(config.path)})
    subprocess.run(own_command("console", "--once"), env=environment, check=False)
