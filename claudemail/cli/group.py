"""The command `claudemail` itself: it knows every command by name and sentence, and loads the one that is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from claudemail import __version__
from claudemail.cli.failures import EXIT_CODES
from claudemail.cli.options import examples
from claudemail.cli.printing import use_any_encoding

COMMANDS = {
    "send": "Send a brief.",
    "check": "Count unread mail.",
    "inbox": "List mail, newest first.",
    "read": "Show one brief in full.",
    "digest": "Summarise unread mail, and mark it read.",
    "thread": "Show a whole thread, oldest first.",
    "star": "Star a brief, or take its star away.",
    "search": "Find mail by words in title, body or sender, archived mail too.",
    "waiting": "Show what somebody waits for, or wait for the next answer.",
    "clean": "Archive old mail that has been read.",
    "actions": "List what somebody has to do: pending and in work, the most pressing first.",
    "action": "Create, update and list actions.",
    "status": "Show the state of this node and its outbox.",
    "retry": "Try at once what has not got through.",
    "roster": "Show who is in the fleet.",
    "checkup": "Say what in the fleet wants attention.",
    "doctor": "Examine this node, and say what to do about what is wrong.",
    "backup": "Write a backup of this node's mail while it flows.",
    "restore": "Put a backup in the place of this node's mail.",
    "rebuild": "Make the mailbox files from the database, or the database from the files.",
    "invite": "Invite another server into the fleet.",
    "join": "Join the fleet of a server that has made a TOKEN with `claudemail invite`.",
    "keys": "Show this node's public key.",
    "certificate": "Make the certificate with which this node serves TLS.",
    "console": "Open the operator's console.",
    "gateway": "Run this node's gateway, start and stop it, or have it run as a service.",
    "setup": "Set Claude Code up: the MCP server, its permission, the hooks and the status line.",
    "plugin": "Print the folder of the Claude Code plugin: a marketplace with one plugin in it.",
    "statusline": "Print the status line of a Claude Code session.",
    "hook": "Answer a hook of Claude Code's, given on stdin.",
    "mcp": "Serve one Claude Code session on stdin and stdout.",
    "shapes": "Print the JSON schema of what a command prints with --json.",
    "completion": "Print what makes a shell complete commands, options, names and refs.",
    "demo": "Try it: a fleet of three nodes on this machine.",
}
"""Each command's first sentence, here too, so that `--help` loads none of them."""


class Commands(click.Group):
    """Loads each command from the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return all names, in the order of the help text."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"claudemail.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the names and their sentences."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_EPILOG = "\n\n".join(
    [
        examples(
            "claudemail",
            'claudemail send --to charlie --title "Deploy blocker" --body "The migration fails."',
            "claudemail inbox --unread --as alpha",
        ),
        "\b\nExit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES),
    ]
)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="claudemail", message="%(prog)s %(version)s")
@click.pass_context
def claudemail(context: click.Context) -> int | None:
    """Mail between Claude Code sessions on several servers.

    Without a command it opens the console.
    """
    use_any_encoding()
    if context.invoked_subcommand is not None:
        return None
    from claudemail.cli.console import command

    result: int | None = context.invoke(command)
    return result
