"""`claudemail send`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from claudemail.cli.completing import brief_refs, names
from claudemail.cli.context import have_carried, with_office
from claudemail.cli.options import Seconds, acting_as, as_json, examples
from claudemail.cli.printing import bold, cyan, flush, green, say, show_json

if TYPE_CHECKING:
    from claudemail.model.receipt import RecipientState
    from claudemail.model.views import SendResult
    from claudemail.office import Office, Party

_PRIORITIES = ("low", "normal", "high", "urgent")
_REPLY = "reply"
_GOALS = ("queued", "delivered", "read", _REPLY)


@click.command(
    epilog=examples(
        'claudemail send --to charlie --title "Deploy blocker" --body "The migration fails."',
        "claudemail send brief.md --wait delivered --timeout 30",
        'claudemail send --to charlie --title "May I deploy?" --wait reply --timeout 600 --json',
        "git log -1 --format=%B | claudemail send - --to all --title Deployed --as alpha",
        'claudemail send --reply-to k7qd --title "Re: Deploy blocker" --body "Mended."',
    )
)
@click.argument("file", required=False)
@click.option(
    "--to",
    multiple=True,
    metavar="ADDRESS",
    shell_complete=names,
    help="A callsign, an instance, name@node, @node or all. Repeatable.",
)
@click.option("--title", metavar="TEXT")
@click.option("--body", metavar="TEXT", help="Markdown.")
@click.option("--action", "actions", multiple=True, metavar="TEXT", help="Something to be done. Repeatable.")
@click.option("--priority", type=click.Choice(_PRIORITIES))
@click.option("--due", metavar="YYYY-MM-DD")
@click.option(
    "--reply-to",
    metavar="REF",
    shell_complete=brief_refs,
    help="The brief this answers; its sender is the recipient unless --to is given.",
)
@click.option("--label", "labels", multiple=True, metavar="NAME", help="Repeatable.")
@click.option("--key", metavar="KEY", help="Sending again with the same key and content sends nothing twice.")
@click.option(
    "--wait", type=click.Choice(_GOALS), default="queued", help="Wait until every recipient has it so, or for a reply."
)
@click.option("--timeout", type=Seconds(), default=60, show_default=True, help="Seconds to wait.")
@acting_as
@as_json
def command(
    file: str | None,
    wait: str,
    timeout: float,
    name: str | None,
    as_json: bool,
    **options: str | tuple[str, ...] | None,
) -> int:
    """Send a brief.

    FILE is Markdown with YAML frontmatter (title, to, action and so on); - is the same on stdin. Options come before what the
    file says. Once this answers, the brief is safe on this node's disk.
    """
    from claudemail.cli.composing import compose

    draft = compose(file, {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()})

    async def work(office: Office) -> int:
        party = await office.party(name)
        result = await office.send(party, draft)
        have_carried(office.config)
        return await _answer(office, party, result, wait, timeout, as_json=as_json)

    return with_office(work)


async def _answer(
    office: Office,
    party: Party,
    result: SendResult,
    wait: str,
    timeout_s: float,
    *,
    as_json: bool,
) -> int:
    """Print what became of the brief, after the wait that was asked for; return the exit code."""
    from claudemail.cli.failures import as_data
    from claudemail.model.receipt import DeliveryState

    if not as_json:
        said = "Sent already, with this key: " if result.repeated else "Sent "
        say(said, cyan(result.ref), f" ({result.number}): ", bold(result.title))
        flush()
    goal = DeliveryState.QUEUED if wait == _REPLY else DeliveryState(wait)
    states: list[RecipientState] = result.recipients
    missing: list[RecipientState] = []
    if goal is not DeliveryState.QUEUED:
        from claudemail.cli.delivery import wait_for

        states, missing = await wait_for(office, party, result.id, goal, timeout_s)
    error = None
    if missing:
        from claudemail.cli.delivery import not_yet

        error = not_yet(missing, goal, result.ref, office.now())
    reply = None
    if wait == _REPLY:
        from claudemail.cli.delivery import no_reply

        reply = (await office.wait(party, timeout_s, word=result.id)).reply
        error = no_reply(result.ref, timeout_s) if reply is None else None
    if as_json:
        data = result.model_copy(update={"recipients": states, "reply": reply}).model_dump(mode="json")
        show_json(data if error is None else {**data, "error": as_data(error)})
        return 0 if error is None else error.exit_code
    from claudemail.cli.recipients import print_states

    print_states(states, office.now())
    if error is not None:
        raise error
    if reply is not None:
        from claudemail.wording import row_line

        say(green("Reply: "), row_line(reply, office.now()))
    return 0
