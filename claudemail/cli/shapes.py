"""`claudemail shapes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from claudemail.cli.options import examples
from claudemail.cli.printing import say, show_json
from claudemail.errors import UnknownName

if TYPE_CHECKING:
    from pydantic import BaseModel

ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("code", "message", "remedy")},
            "required": ["code", "message", "remedy"],
        }
    },
    "required": ["error"],
}
"""What every command prints with --json when it fails."""


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in shapes() if name.startswith(incomplete)]


@click.command(epilog=examples("claudemail shapes", "claudemail shapes inbox", "claudemail shapes 'action list'"))
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=_complete)
def command(name: str | None) -> None:
    """Print the JSON schema of what a command prints with --json.

    Without COMMAND it lists the commands that have one. Fields may be added in later versions; those that are there keep their
    names and meanings.
    """
    known = shapes()
    if name is None:
        for each in known:
            say(each)
        return
    if name not in known:
        raise UnknownName(f"There is no shape {name!r}.", remedy=f"There are: {', '.join(known)}.")
    show_json(known[name])


def shapes() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of the output of each command that has `--json`."""
    from claudemail.checkup import CheckupView
    from claudemail.doctor.finding import DoctorView
    from claudemail.model import views

    models: dict[str, type[BaseModel]] = {
        "send": views.SendResult,
        "check": views.CheckView,
        "inbox": views.InboxPage,
        "read": views.BriefView,
        "digest": views.DigestView,
        "thread": views.ThreadView,
        "star": views.StarView,
        "search": views.SearchPage,
        "waiting": views.WaitingView,
        "waiting --wait": views.WaitEnd,
        "clean": views.CleanView,
        "actions": views.MyActions,
        "action create": views.ActionView,
        "action update": views.ActionUpdated,
        "action list": views.ActionPage,
        "action show": views.ActionHistory,
        "status": views.StatusView,
        "roster": views.RosterView,
        "retry": views.RetryView,
        "checkup": CheckupView,
        "doctor": DoctorView,
        "backup": views.BackupView,
        "restore": views.RestoreView,
        "rebuild database": views.RebuildView,
        "rebuild files": views.FilesView,
        "invite": views.InviteView,
        "join": views.JoinView,
        "keys": views.KeyView,
        "gateway status": views.GatewayState,
        "keys rotate": views.KeyView,
        "console": views.ConsoleView,
        "setup": views.SetupView,
    }
    found = {name: model.model_json_schema(mode="serialization") for name, model in models.items()}
    listed = {"type": "array", "items": found["action update"]}
    found |= {f"action {verb}": listed for verb in ("done", "start", "block", "drop")}
    return {**found, "error": ERROR}
