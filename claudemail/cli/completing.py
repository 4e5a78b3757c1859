"""What the shell is offered for names and refs. It never fails: a shell that completes wants no error."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import click

    from claudemail.office import Office

_MOST = 50


def names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the fleet that begin as what was typed."""

    async def work(office: Office) -> list[CompletionItem]:
        entries = (await office.directory()).entries
        found = {entry.name: f"{entry.kind} on {entry.node}" for entry in entries}
        found |= {"all": "everyone", "operator": "the operator of this node"}
        found |= {f"@{node.id}": "everyone there" for node in office.config.nodes}
        return [CompletionItem(name, help=what) for name, what in found.items() if name.startswith(incomplete)]

    return _offered(work)


def own_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of this node that begin as what was typed."""

    async def work(office: Office) -> list[CompletionItem]:
        here = office.config.node_id
        entries = [entry for entry in (await office.directory()).entries if entry.node == here]
        return [CompletionItem(entry.name, help=entry.kind) for entry in entries if entry.name.startswith(incomplete)]

    return _offered(work)


def brief_refs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the refs of the newest briefs that begin as what was typed, with their titles."""

    async def work(office: Office) -> list[CompletionItem]:
        page = await office.inbox(None, limit=_MOST)
        return [CompletionItem(row.ref, help=row.title) for row in page.rows if row.ref.startswith(incomplete)]

    return _offered(work)


def action_refs(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the refs of the most pressing open actions that begin as what was typed, with their texts."""

    async def work(office: Office) -> list[CompletionItem]:
        from claudemail.office.actions import Wanted

        page = await office.list_actions(office.operator(), Wanted(), limit=_MOST)
        return [CompletionItem(one.ref, help=one.text) for one in page.rows if one.ref.startswith(incomplete)]

    return _offered(work)


def _offered(work: Callable[[Office], Awaitable[list[CompletionItem]]]) -> list[CompletionItem]:
    from claudemail.cli.context import with_office

    with contextlib.suppress(Exception):
        return with_office(work)
    return []
