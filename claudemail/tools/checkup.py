"""claudemail_checkup: what in the fleet wants attention."""

from __future__ import annotations

from claudemail.text import ago, plural
from claudemail.tools.tool import Arguments, Call, Tool


class Args(Arguments):
    """Nothing to say."""


async def _run(call: Call, args: Args) -> str:  # noqa: ARG001 - every tool takes its arguments
    view = await call.office.checkup()
    asleep = f" The operator snoozed {plural(len(view.snoozed), 'other')}." if view.snoozed else ""
    if not view.findings:
        return (
            f"All is well, as far as {view.node} knows: nothing overdue, stale, urgent, undelivered or silent.{asleep}"
        )
    lines = [f"{plural(len(view.findings), 'finding')} on {view.node}, the gravest first:{asleep}"]
    for finding in view.findings:
        since = "" if finding.since is None else f" ({ago(finding.since, view.at)})"
        how = f" (claudemail_action_update ref={finding.action})" if finding.action else ""
        lines.append(f"- {finding.severity}, {finding.rule}: {finding.what}{since}. {finding.remedy}{how}")
    return "\n".join(lines)


CHECKUP = Tool(
    name="claudemail_checkup",
    description="Check the fleet's health: stale or overdue actions, unread urgent mail, undelivered mail and dead letters,"
    " silent nodes, uneven load, clocks, disk. Each finding says what to do.",
    arguments=Args,
    run=_run,
    read_only=True,
)
