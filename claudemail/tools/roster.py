"""claudemail_roster: who is there."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from claudemail.errors import UnknownName
from claudemail.model.roster import Presence
from claudemail.model.views import NodeView
from claudemail.text import ago, plural, shorten
from claudemail.tools.tool import Arguments, Call, Tool

_IDLE_MS = 60_000
_MOST = 60
"""So many names of a node are listed, those that are live first."""


class Args(Arguments):
    """Which node."""

    node: Annotated[str, Field(max_length=64)] | None = None
    """Only this one, with all its names"""


async def _run(call: Call, args: Args) -> str:
    view = await call.office.roster()
    nodes = [node for node in view.nodes if args.node in (None, node.node)]
    if not nodes:
        names = ", ".join(node.node for node in view.nodes)
        raise UnknownName(f"There is no node {shorten(args.node or '', 40)!r}.", remedy=f"There are: {names}.")
    lines = [f"You are {call.party.name} on {call.party.node}."]
    for node in nodes:
        lines.append(_node(node, view.at))
        shown = sorted(node.presences, key=lambda presence: not presence.live)
        most = _MOST if args.node is None else len(shown)
        lines += [f"- {_presence(presence, view.at)}" for presence in shown[:most]]
        if len(shown) > most:
            lines.append(f"- and {len(shown) - most} more: claudemail_roster node={node.node}")
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
    if presence.live and presence.active_at is not None and now - presence.active_at >= _IDLE_MS:
        parts.append(f"last active {ago(presence.active_at, now)} ago")
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
