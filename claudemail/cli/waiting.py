"""`claudemail waiting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs
from claudemail.cli.context import with_office
from claudemail.cli.options import Seconds, acting_as, as_json, cursor, examples
from claudemail.cli.printing import bold, cyan, dim, green, say, show_json

if TYPE_CHECKING:
    from claudemail.model.views import WaitEnd, WaitingView
    from claudemail.office import Office

_MOST = 1_000


@click.command(
    epilog=examples(
        "claudemail waiting", "claudemail waiting --as alpha --wait 300 --for k7qd", "claudemail waiting --json"
    )
)
@click.option("--wait", "seconds", type=Seconds(), metavar="SECONDS",
              help="Wait so long for the next answer.")  # fmt: skip
@click.option("--for", "ref", metavar="REF", shell_complete=brief_refs, help="Only what is in this brief's thread.")
@click.option("--days", type=click.IntRange(1, 3_650), default=14, show_default=True, help="How far to look back.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=20, show_default=True, help="The most briefs.")
@click.option("--cursor", "before", type=cursor, metavar="CURSOR", help="Go on where a list ended.")
@acting_as
@as_json
def command(
    seconds: float | None, ref: str | None, days: int, limit: int, before: int | None, name: str | None, as_json: bool
) -> None:
    """Show what somebody waits for, or wait for the next answer.

    Their briefs that are unread or unanswered, and what they asked for and is not done. With --wait it waits for the next answer:
    a brief in a thread of theirs, or an action that they asked for and that is done. It exits with 7 when none came.
    """

    async def work(office: Office) -> None:
        party = await office.party(name)
        if seconds is None:
            found = await office.waiting(party, limit=limit, before=before, days=days, word=ref)
            if as_json:
                show_json(found.model_dump(mode="json"))
            else:
                _print(found, party.name, office.now())
            return
        end = await office.wait(party, seconds, word=ref)
        if end.reply is None and end.action is None:
            from claudemail.cli.failures import NotYet

            raise NotYet(
                f"No answer came within {seconds:g} s.", remedy="`claudemail waiting` shows what is still out."
            )
        if as_json:
            show_json(end.model_dump(mode="json"))
        else:
            _print_end(end, office.now())

    with_office(work)


def _print(found: WaitingView, name: str, now: int) -> None:
    from claudemail.cli.action_rows import print_actions
    from claudemail.cli.recipients import print_states
    from claudemail.model.receipt import DeliveryState

    for brief in found.briefs:
        unread = [state for state in brief.states if state.state is not DeliveryState.READ]
        rest = "answered by some" if brief.answered else "no answer yet"
        said = f"unread by {len(unread)} of {len(brief.states)}, {rest}" if unread else "read by all, no answer yet"
        say(cyan(brief.row.ref), " ", bold(brief.row.title), dim(f"  {said}"))
        print_states(unread, now)
    if found.cursor is not None:
        say(dim(f"There is more: --cursor {found.cursor}"))
    if found.actions.rows:
        say(dim("Asked for, and not done:"))
        print_actions(found.actions.rows, now)
        if found.actions.cursor is not None:
            say(dim("and more: claudemail action list --asker me"))
    if not found.briefs and not found.actions.rows:
        say(f"{name} waits for nothing.")


def _print_end(end: WaitEnd, now: int) -> None:
    from claudemail.wording import action_line, row_line

    if end.reply is not None:
        say(green("Answer: "), row_line(end.reply, now))
    if end.action is not None:
        say(green(f"{end.action.status.value.capitalize()}: "), action_line(end.action, now))
