"""What the shell is offered for names and refs. It never fails: a shell that completes wants no error."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from claudemail.config import OPERATOR

if TYPE_CHECKING:
    import click

    from claudemail.office import Office
    from claudemail.office.directory import Directory

_MOST = 50


def names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return all that mail can go to and that begins as what was typed."""

    def found(directory: Directory) -> dict[str, str]:
        single = {entry.name: f"{entry.kind} on {entry.node}" for entry in directory.entries}
        nodes = {f"@{node.id}": "everyone there" for node in directory.config.nodes}
        return {**single, "all": "everyone", OPERATOR: "the operator of this node", **nodes}

    return _names(found, incomplete)


def people(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of single callsigns, instances and operators that begin as what was typed."""

    def found(directory: Directory) -> dict[str, str]:
        single = {entry.name: f"{entry.kind} on {entry.node}" for entry in directory.entries}
        return single | {f"{OPERATOR}@{node.id}": "the operator there" for node in directory.config.nodes}

    return _names(found, incomplete)


def own_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of this node that begin as what was typed."""

    def found(directory: Directory) -> dict[str, str]:
        here = directory.config.node_id
        own = {entry.name: str(entry.kind) for entry in directory.entries if entry.node == here}
        return {**own, OPERATOR: "the operator of this node"}

    return _names(found, incomplete)


def _names(found: Callable[[Directory], dict[str, str]], incomplete: str) -> list[CompletionItem]:
    with contextlib.suppress(Exception):
        from claudemail import config
        from claudemail.cli.context import with_office
        from claudemail.office.directory import Directory

        settings = config.load()
        if os.path.exists(settings.db_path):
            directory = with_office(lambda office: office.directory())
        else:  # to complete a word makes no database; the config has names, too
            directory = Directory(settings, [], {})
        return [
            CompletionItem(name, help=what) for name, what in found(directory).items() if name.startswith(incomplete)
        ]
    return []


def brief_refs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the refs of the newest briefs that begin as what was typed, with their titles."""

    async def work(office: Office) -> list[CompletionItem]:
        page = await office.inbox(None, limit=_MOST)
        return [CompletionItem(row.ref, help=row.title) for row in page.rows if row.ref.startswith(incomplete)]

    return _offered(work)


def action_refs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the refs of actions that begin as what was typed, with their texts, the most pressing ones first."""
    return _action_refs(incomplete, "OPEN", "CLOSED")


def open_action_refs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the refs of open actions that begin as what was typed, with their texts, the most pressing ones first."""
    return _action_refs(incomplete, "OPEN")


def _action_refs(incomplete: str, *groups: str) -> list[CompletionItem]:
    async def work(office: Office) -> list[CompletionItem]:
        from claudemail.model import action
        from claudemail.office.actions import Wanted

        wanted = Wanted(statuses=tuple(status for group in groups for status in getattr(action, group)))
        page = await office.list_actions(office.operator(), wanted, limit=_MOST)
        return [CompletionItem(one.ref, help=one.text) for one in page.rows if one.ref.startswith(incomplete)]

    return _offered(work)


def _offered(work: Callable[[Office], Awaitable[list[CompletionItem]]]) -> list[CompletionItem]:
    with contextlib.suppress(Exception):
        from claudemail import config
        from claudemail.cli.context import with_office

        if os.path.exists(config.load().db_path):
            return with_office(work)
    return []
