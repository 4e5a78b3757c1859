"""Examining: the snapshot that a checkup's rules look at, taken from this node's databases."""

from __future__ import annotations

import json
import os
import sqlite3

from claudemail import __version__
from claudemail.checkup import CheckupView, Finding, GoneMailbox, LacksConfig, Severity, Snapshot, examine
from claudemail.clock import day_of
from claudemail.config import OPERATOR
from claudemail.model.action import OPEN, ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.joining import Introduction
from claudemail.model.parcel import ParcelKind
from claudemail.office import introducing
from claudemail.office.desk import Desk
from claudemail.office.directory import Directory, Kind
from claudemail.office.fleet import status
from claudemail.store import actions, entries, snoozes, unwritten

_MOST = 200
"""So many things of a kind are looked at, those that have waited the longest."""


async def checkup(desk: Desk) -> CheckupView:
    """Return what in the fleet wants attention, as far as this node knows.

    Raises:
        StoreError: the database could not say.
    """
    state = await status(desk)
    peers = await desk.peers()
    today = day_of(state.at).isoformat()
    room = os.statvfs(desk.config.state_dir)

    def work(connection: sqlite3.Connection) -> Snapshot:
        directory = desk.directory_in(connection, peers)
        late = actions.page(connection, actions.Filter(statuses=OPEN, due_before=today), _MOST)
        loads = actions.loads(connection)
        return Snapshot(
            at=state.at,
            today=today,
            version=__version__,
            gateway_running=state.gateway_pid is not None,
            listen_error=state.listen_error,
            lanes=state.lanes,
            dead_letters=state.dead_letters,
            overdue=[action for _, action in late],
            wip=actions.longest_in(connection, ActionStatus.WIP, _MOST),
            urgent=entries.oldest_unread_of(connection, Priority.URGENT, _MOST),
            loads=loads,
            idle=_idle(directory, loads),
            mailboxes=_mailboxes(desk, connection, directory),
            disk_free=room.f_bavail * room.f_frsize,
            lacking=tuple(lacking(connection)),
        )

    found = examine(await desk.mail.read(work), desk.config.checkup)
    asleep = await desk.registry.read(lambda connection: snoozes.at(connection, state.at))
    findings, snoozed = [], []
    for finding in found:
        snooze = asleep.get(finding.key)
        if snooze is None or finding.is_graver_than(Severity(snooze.severity)):
            findings.append(finding)
        else:
            snoozed.append(finding.model_copy(update={"snoozed_until": snooze.until}))
    return CheckupView(at=state.at, node=desk.config.node_id, findings=findings, snoozed=snoozed)


async def snooze(desk: Desk, finding: Finding, until: int | None) -> None:
    """Do not tell of a finding until then (Unix milliseconds), unless it becomes graver; with None, tell of it again.

    Raises:
        StoreError: the registry could not note it.
    """
    now = desk.wall()

    def work(connection: sqlite3.Connection) -> None:
        if until is None:
            snoozes.remove(connection, finding.key)
        else:
            snoozes.put(connection, finding.key, finding.severity, until, now)

    await desk.registry.write(work)


def lacking(connection: sqlite3.Connection) -> list[LacksConfig]:
    """Return what other nodes told that the config file should say, but does not."""
    return [
        LacksConfig(node=one.node, origin=one.origin, why=one.why, entry=_entry(one), at=one.at)
        for one in unwritten.everything(connection)
    ]


def _entry(one: unwritten.Unwritten) -> str:
    """Return what to put into the config by hand."""
    if one.kind == ParcelKind.KEY:
        change = one.body["change"]
        return f'put "public_key": "{change["new"]}", "previous_keys": ["{change["old"]}"] for {one.node} into it'
    entry, instances = introducing.entries(Introduction.model_validate(one.body))
    listed = ", ".join(map(json.dumps, instances))
    return f'add {json.dumps(entry)} to "nodes"' + (f' and {listed} to "instances"' if listed else "")


def _idle(directory: Directory, loads: dict[str, int]) -> list[str]:
    """Return the live callsigns of the fleet that have no open action."""
    return [
        entry.name
        for entry in directory.entries
        if entry.kind is Kind.CALLSIGN and entry.live and entry.name not in loads
    ]


def _mailboxes(desk: Desk, connection: sqlite3.Connection, directory: Directory) -> list[GoneMailbox]:
    here = {entry.name.lower(): entry for entry in directory.entries if entry.node == desk.config.node_id}
    found = []
    for name in entries.mailboxes_of(connection):
        unread, _ = entries.counts(connection, [name])
        entry = here.get(name.lower())
        if name == OPERATOR or not unread or (entry is not None and entry.live):
            continue
        sessions = [one.seen_at for one in here.values() if entry and one.instance == entry.name and one.seen_at]
        seen_at = max([*sessions, *([entry.seen_at] if entry and entry.seen_at else [])], default=None)
        found.append(GoneMailbox(name=name, unread=sum(unread.values()), seen_at=seen_at, known=entry is not None))
    return found
