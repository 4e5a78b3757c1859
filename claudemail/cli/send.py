"""`claudemail send`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from claudemail.cli.context import with_office
from claudemail.cli.options import acting_as, as_json, examples
from claudemail.cli.printing import bold, cyan, flush, say, show_json, warn

if TYPE_CHECKING:
    from claudemail.config import Config
    from claudemail.model.receipt import RecipientState
    from claudemail.model.views import SendResult
    from claudemail.office import Office, Party

_PRIORITIES = ("low", "normal", "high", "urgent")
_GOALS = ("queued", "delivered", "read")


@click.command(
    epilog=examples(
        'claudemail send --to charlie --title "Deploy blocker" --body "The migration fails."',
        "claudemail send brief.md --wait delivered --timeout 30",
        "git log -1 --format=%B | claudemail send - --to all --title Deployed --as alpha",
        'claudemail send --reply-to k7qd --title "Re: Deploy blocker" --body "Mended."',
    )
)
@click.argument("file", required=False)
@click.option(
    "--to", multiple=True, metavar="ADDRESS", help="A callsign, an instance, name@node, @node or all. Repeatable."
)
@click.option("--title", metavar="TEXT")
@click.option("--body", metavar="TEXT", help="Markdown.")
@click.option("--action", "actions", multiple=True, metavar="TEXT", help="Something to be done. Repeatable.")
@click.option("--priority", type=click.Choice(_PRIORITIES))
@click.option("--due", metavar="YYYY-MM-DD")
@click.option(
    "--reply-to", metavar="REF", help="The brief this answers; its sender is the recipient unless --to is given."
)
@click.option("--label", "labels", multiple=True, metavar="NAME", help="Repeatable.")
@click.option("--key", metavar="KEY", help="Sending again with the same key and content sends nothing twice.")
@click.option("--wait", type=click.Choice(_GOALS), default="queued", help="Wait until every recipient has it so.")
@click.option("--timeout", type=click.FloatRange(0, 86_400), default=60, show_default=True, help="Seconds to wait.")
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
        _start_gateway(office.config)
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
    goal = DeliveryState(wait)
    states: list[RecipientState] = result.recipients
    missing: list[RecipientState] = []
    if goal is not DeliveryState.QUEUED:
        from claudemail.cli.delivery import wait_for

        states, missing = await wait_for(office, party, result.id, goal, timeout_s)
    error = None
    if missing:
        from claudemail.cli.delivery import not_yet

        error = not_yet(missing, goal, result.ref, office.now())
    if as_json:
        data: dict[str, Any] = result.model_copy(update={"recipients": states}).model_dump(mode="json")
        show_json(data if error is None else {**data, "error": as_data(error)})
        return 0 if error is None else error.exit_code
    from claudemail.cli.recipients import print_states

    print_states(states, office.now())
    if error is not None:
        raise error
    return 0


def _start_gateway(config: Config) -> None:
    """Have a gateway carry the brief. One that does not start is no failure of the send: the brief waits for the next."""
    from claudemail import running
    from claudemail.errors import ClaudeMailError

    if not config.peers:
        return
    try:
        running.start(config)
    except (ClaudeMailError, OSError) as error:
        warn(f"The brief is safe, and waits: this node's gateway could not be started. {error}")
