"""claudemail_status: the state of this node."""

from __future__ import annotations

from claudemail.model.views import LaneView, StatusView
from claudemail.text import ago, plural
from claudemail.tools.tool import Arguments, Call, Tool
from claudemail.wording import listing

_GIB = 2**30


class Args(Arguments):
    """Nothing to say."""


async def _run(call: Call, args: Args) -> str:  # noqa: ARG001 - every tool takes its arguments
    view = await call.office.status()
    check = await call.office.check(call.party)
    lines = [
        f"You are {call.party.name} on {view.node}, ClaudeMail {view.version}: {plural(check.unread, 'unread brief')}.",
        f"This node holds {plural(view.briefs, 'brief')}: {view.unread} unread in all mailboxes, {view.sent} sent from here.",
        f"Archived: {view.archived}. Starred: {view.starred}.",
        f"Actions in the fleet: {_actions(view)}.",
        _files(view),
        _listening(view),
    ]
    lines += [_lane(lane, view.at) for lane in view.lanes] or ["No other nodes are configured."]
    for letter in view.dead_letters:
        what = f'{letter.ref} "{letter.title}"' if letter.ref else letter.kind
        lines.append(f"Undeliverable to {letter.node}, {ago(letter.at, view.at)} ago: {what}: {letter.reason}")
    lines.append(f"Disk: {view.disk_free / _GIB:.1f} GiB free. SQLite {view.sqlite}.")
    left = sum(lane.dead for lane in view.lanes) - len(view.dead_letters)
    if left > 0:
        lines.append(f"And {plural(left, 'older dead letter')}.")
    lines += [f"Config: {warning}" for warning in view.warnings]
    return "\n".join(lines)


def _actions(view: StatusView) -> str:
    return listing([f"{count} {status}" for status, count in view.actions.items()]) or "none"


def _files(view: StatusView) -> str:
    if not view.unmirrored:
        return f"Files of all briefs are in {view.mailbox_dir}."
    return f"Files of briefs are in {view.mailbox_dir}, {plural(view.unmirrored, 'brief')} still to be written."


def _listening(view: StatusView) -> str:
    if view.listen_error:
        return f"The gateway runs but cannot hear peers: {view.listen_error}"
    if view.listening:
        where = f"listening on {view.listening}"
    elif view.pull:
        where = "fetching mail from its peers"
    else:
        where = "about to listen" if view.lanes else "without a port: it has no peers"
    return f"The gateway runs (PID {view.gateway_pid}), {where}."


def _lane(lane: LaneView, now: int) -> str:
    heard = "never heard of" if lane.heard_at is None else f"heard of {ago(lane.heard_at, now)} ago"
    parts = [f"{lane.node} ({lane.url}): {lane.liveness.value}, {heard}"]
    if lane.waiting and lane.oldest_at is not None:
        parts.append(f"{plural(lane.waiting, 'parcel')} waiting, the oldest for {ago(lane.oldest_at, now)}")
    if lane.dead:
        parts.append(f"{plural(lane.dead, 'dead letter')}")
    if lane.error:
        parts.append(f"last error: {lane.error.rstrip('.')}")
    if lane.retry_at and lane.retry_at > now:
        parts.append(f"next try in {ago(now, lane.retry_at)}")
    if not lane.verified:
        parts.append("its key is not known here, so its mail is UNVERIFIED")
    return "; ".join(parts) + "."


STATUS = Tool(
    name="claudemail_status",
    description="Show the state of this node: mail counts, what waits for which server and why, undeliverable mail, disk."
    " Use it when mail seems stuck.",
    arguments=Args,
    run=_run,
    read_only=True,
)
