"""`claudemail action`: the fleet's actions, one by one and in lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from claudemail.cli.completing import action_refs, brief_refs, open_action_refs, people
from claudemail.cli.context import have_carried, with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, cyan, dim, say, show_json

if TYPE_CHECKING:
    from claudemail.model.views import ActionHistory, ActionUpdated
    from claudemail.office import Office

_PRIORITIES = ("low", "normal", "high", "urgent")
_STATUSES = ("pending", "wip", "blocked", "done", "dropped")
_GROUPS = ("open", "closed", "all")
_MOST = 1_000


@click.group(
    epilog=examples(
        'claudemail action create "Review the migration" --assignee alpha --due fri --priority high',
        "claudemail action done 5",
        "claudemail action update k9mx --status blocked --note 'waits for ops'",
        "claudemail action list --overdue",
    )
)
def command() -> None:
    """Create, update and list actions.

    An action is something to be done, tracked in the whole fleet. It goes by its ref (k9mx) or its number on this node (5).
    """


@command.command(epilog=examples('claudemail action create "Rotate the keys" --assignee ops --due +3d --brief k7qd'))
@click.argument("text")
@click.option("--assignee", metavar="NAME", shell_complete=people, help="Whose it is; left out: nobody's yet.")
@click.option("--priority", type=click.Choice(_PRIORITIES), default="normal", show_default=True)
@click.option("--due", metavar="DAY", help="2026-12-31, today, fri, +3d.")
@click.option("--note", metavar="TEXT")
@click.option("--brief", metavar="REF", shell_complete=brief_refs, help="The brief it comes from.")
@acting_as
@as_json
def create(name: str | None, as_json: bool, **fields: str | None) -> None:
    """Ask for something to be done."""

    async def work(office: Office) -> None:
        new = _checked("NewAction", {key: value for key, value in fields.items() if value is not None})
        found = await office.create_action(await office.party(name), new)
        have_carried(office.config)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            from claudemail.wording import action_line

            say("Created ", action_line(found, office.now()))

    with_office(work)


@command.command(
    epilog=examples(
        "claudemail action update 5 --status wip --assignee me --as alpha",
        "claudemail action update k9mx --due none --note 'after the freeze'",
    )
)
@click.argument("ref", shell_complete=action_refs)
@click.option("--status", type=click.Choice(_STATUSES))
@click.option("--assignee", metavar="NAME", shell_complete=people, help="A name, me, or none.")
@click.option("--priority", type=click.Choice(_PRIORITIES))
@click.option("--due", metavar="DAY", help="A day, or none.")
@click.option("--note", metavar="TEXT", help="How it stands; replaces the last note.")
@click.option("--text", metavar="TEXT", help="What is to be done.")
@acting_as
@as_json
def update(ref: str, name: str | None, as_json: bool, **fields: str | None) -> None:
    """Change an action."""

    async def work(office: Office) -> None:
        wanted = _checked("ActionUpdate", {key: value for key, value in fields.items() if value is not None})
        done = await office.update_action(await office.party(name), ref, wanted)
        have_carried(office.config)
        if as_json:
            show_json(done.model_dump(mode="json"))
        else:
            _print_update(done, office.now())

    with_office(work)


def _verb(word: str, status: str, help_text: str) -> Callable[..., None]:
    """Make the command that gives actions a status."""

    @command.command(
        word, help=help_text, epilog=examples(f"claudemail action {word} 5", f"claudemail action {word} k9mx 7")
    )
    @click.argument("refs", nargs=-1, required=True, shell_complete=open_action_refs)
    @click.option("--note", metavar="TEXT", help="How it stands; replaces the last note.")
    @acting_as
    @as_json
    def verb(refs: tuple[str, ...], note: str | None, name: str | None, as_json: bool) -> None:
        _update_all(refs, name, {"status": status, "note": note}, as_json=as_json)

    made: Callable[..., None] = verb
    return made


_verb("done", "done", "Say that actions are done.")
_verb("start", "wip", "Say that actions are in work.")
_verb("block", "blocked", "Say that actions wait for something.")
_verb("drop", "dropped", "Give actions up.")


def _update_all(refs: tuple[str, ...], name: str | None, fields: dict[str, str | None], *, as_json: bool) -> None:
    async def work(office: Office) -> None:
        party = await office.party(name)
        wanted = _checked("ActionUpdate", {key: value for key, value in fields.items() if value is not None})
        ids = [(await office.action(party, ref)).action.id for ref in refs]  # all of them are there, or none is changed
        done = [await office.update_action(party, id, wanted) for id in ids]
        have_carried(office.config)
        if as_json:
            show_json([one.model_dump(mode="json") for one in done])
            return
        for one in done:
            _print_update(one, office.now())

    with_office(work)


def _print_update(updated: ActionUpdated, now: int) -> None:
    from claudemail.wording import action_line

    line = action_line(updated.action, now)
    if not updated.before:
        say("It is so already: ", line)
        return
    was = ", ".join(f"{key} was {'none' if value is None else value}" for key, value in updated.before.items())
    say(line, dim(f"  ({was})"))


@command.command(
    "list", epilog=examples("claudemail action list", "claudemail action list --status all --text migration")
)
@click.option("--status", type=click.Choice((*_STATUSES, *_GROUPS)), default="open", show_default=True)
@click.option("--assignee", metavar="NAME", shell_complete=people, help="A name, me, or none.")
@click.option("--asker", metavar="NAME", shell_complete=people, help="Who asked: a name, or me.")
@click.option("--priority", type=click.Choice(_PRIORITIES))
@click.option("--overdue", is_flag=True, help="Only what should be done by now.")
@click.option("--brief", metavar="REF", shell_complete=brief_refs, help="Asked for in this brief.")
@click.option("--text", metavar="WORDS", help="Words in its text or note.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="The most lines.")
@click.option("--cursor", metavar="CURSOR", help="Go on where a list ended.")
@acting_as
@as_json
def list_actions(
    status: str, limit: int, cursor: str | None, name: str | None, as_json: bool, **fields: str | bool | None
) -> None:
    """List the fleet's actions, open ones first, the most pressing before the others."""

    async def work(office: Office) -> None:
        from claudemail.model.action import CLOSED, OPEN

        groups = {"open": OPEN, "closed": CLOSED, "all": (*OPEN, *CLOSED)}
        given = {key: value for key, value in fields.items() if value is not None}
        wanted = _checked("Wanted", {"statuses": groups.get(status, (status,)), **given})
        page = await office.list_actions(await office.party(name), wanted, limit=limit, after=cursor)
        if as_json:
            show_json(page.model_dump(mode="json"))
            return
        from claudemail.cli.action_rows import print_actions

        print_actions(page.rows, office.now())
        if not page.rows:
            say("No action fits that.")
        if page.cursor is not None:
            say(dim(f"There is more: the same with --cursor {page.cursor}"))

    with_office(work)


@command.command(epilog=examples("claudemail action show 5"))
@click.argument("ref", shell_complete=action_refs)
@acting_as
@as_json
def show(ref: str, name: str | None, as_json: bool) -> None:
    """Show an action, and who changed what of it when."""

    async def work(office: Office) -> None:
        found = await office.action(await office.party(name), ref)
        if as_json:
            show_json(found.model_dump(mode="json"))
        else:
            _print_history(found, office.now())

    with_office(work)


def _print_history(found: ActionHistory, now: int) -> None:
    from claudemail.wording import action_line, action_origin, change_line, row_line

    action = found.action
    say(bold(action.text), "  ", cyan(action.ref))
    say(action_line(action, now).partition(": ")[2])
    say(dim(action_origin(action, now)))
    if action.note:
        say(f"Note: {action.note}")
    if found.brief is not None:
        say("Brief: ", row_line(found.brief, now))
    say(dim("History"))
    for change in found.changes:
        say(f"  {change_line(change, now)}")


def _checked(kind: str, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - one of three models
    """Return what the office wants to be asked by; raise InvalidInput when a field does not fit."""
    from pydantic import ValidationError

    from claudemail.model.brief import invalid
    from claudemail.office import actions

    try:
        return getattr(actions, kind)(**fields)
    except ValidationError as error:
        raise invalid(error, "That") from error
