"""claudemail_roster: who is there."""

from __future__ import annotations

from claudemail.model.roster import Presence
from claudemail.model.views import NodeView
from claudemail.text import ago, plural
from claudemail.tools.tool import Arguments, Call, Tool


class Args(Arguments):
    """Nothing to say."""


async def _run(call: Call, args: Args) -> str:  # noqa: ARG001 - every tool takes its arguments
    view = await call.office.roster()
    lines = [f"You are {call.party.name} on {call.party.node}."]
    for node in view.nodes:
        lines.append(_node(node, view.at))
        lines += [f"- {_presence(presence, view.at)}" for presence in node.presences]
    lines.append("Send to any of these names, to @node for all on a node, or to all.")
    return "\n".join(lines)


def _node(node: NodeView, now: int) -> str:
    if node.here:
        return f"{node.node} (this node):"
    heard = "never heard of" if node.heard_at is None else f"heard of {ago(node.heard_at, now)} ago"
    return f"{node.node} ({node.liveness.value}, {heard}):"


def _presence(presence: Presence, now: int) -> str:
    kind = f", of instance {presence.instance}" if presence.callsign else ", an instance"
    parts = [f"{presence.name}{kind}: {_there(presence, now)}"]
    if presence.live and presence.project:
        parts.append(f"in {presence.project}")
    if presence.received:
        parts.append(f"{plural(presence.unread, 'unread brief')}, {presence.read_coverage:.0%} read")
    return ", ".join(parts)


def _there(presence: Presence, now: int) -> str:
    if presence.live:
        return "live" if presence.since is None else f"live for {ago(presence.since, now)}"
    return "no session" if presence.since is None else f"away for {ago(presence.since, now)}"


ROSTER = Tool(
    name="claudemail_roster",
    description="List every server, instance and callsign of the fleet: who is live, since when, in which project, and how"
    " much of its mail it has read. Use it to find whom to write to.",
    arguments=Args,
    run=_run,
    read_only=True,
)
