"""`claudemail completion`."""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class

from claudemail.cli.options import examples
from claudemail.cli.printing import say

_SHELLS = ("bash", "zsh", "fish")


def _own_shell() -> str:
    name = os.path.basename(os.environ.get("SHELL", ""))
    return name if name in _SHELLS else _SHELLS[0]


@click.command(
    epilog=examples(
        "claudemail completion bash > ~/.local/share/bash-completion/completions/claudemail",
        'claudemail completion zsh > "${fpath[1]}/_claudemail"',
        "claudemail completion fish > ~/.config/fish/completions/claudemail.fish",
    )
)
@click.argument("shell", type=click.Choice(_SHELLS), default=_own_shell)
def command(shell: str) -> None:
    """Print what makes a shell complete commands, options, names and refs.

    Without SHELL it is for the shell that you use.
    """
    from claudemail.cli.group import claudemail

    kind = get_completion_class(shell)
    assert kind is not None
    say(kind(claudemail, {}, "claudemail", "_CLAUDEMAIL_COMPLETE").source().rstrip())
