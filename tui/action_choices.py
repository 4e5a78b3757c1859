"""Choices for the board of actions: whom to give one to, and whose to see."""

from __future__ import annotations

from claudemail.config import OPERATOR
from claudemail.model.roster import Liveness, Presence
from claudemail.model.views import NodeView
from claudemail.office import Office
from claudemail.office.actions import ME
from claudemail.text import plural
from claudemail.tui import glyphs
from claudemail.tui.action_filter import Kind, Whose
from claudemail.tui.moments import age
from claudemail.tui.widgets.choices import Choice

NOBODY = "nobody"


async def assignees(office: Office, now_ms: int) -> list[Choice]:
    """Return everybody that an action can be given to: oneself, nobody, then those who are there, with what they have to do.

    Raises:
        StoreError: the database could not say.
    """
    roster, loads = await office.roster(), _by_name(await office.action_loads())
    people = [
        (
            presence.live and node.liveness is not Liveness.STALE,
            presence.name,
            f"{node.node}, {_there(node, presence, now_ms)}",
        )
        for node in roster.nodes
        for presence in node.presences
    ]
    people.sort(key=lambda one: (not one[0], one[1].lower()))
    operators = [f"{OPERATOR}@{node.node}" for node in roster.nodes if not node.here]
    own = f"{OPERATOR}@{office.config.node_id}"
    return [
        Choice(ME, f"you, {own} · {_load(loads, own)}"),
        Choice(NOBODY, "takes it from whoever has it"),
        *(Choice(name, f"{about} · {_load(loads, name)}") for _, name, about in people),
        *(Choice(name, f"the person there · {_load(loads, name)}") for name in operators),
    ]


async def owners(office: Office) -> list[Choice]:
    """Return whose actions can be seen: everybody's, one's own, nobody's, those of each who has any, those of a node.

    Raises:
        StoreError: the database could not say.
    """
    roster, loads = await office.roster(), await office.action_loads()
    nobodys = loads.pop("", 0)
    return [
        Choice(Kind.ALL, "everybody's"),
        Choice(Kind.ME, f"yours, {OPERATOR}@{office.config.node_id}", "mine"),
        Choice(Kind.NOBODY, f"{nobodys} open", "nobody's"),
        *(Choice(f"{Kind.NAME} {name}", f"{load} open", name) for name, load in _busiest(loads)),
        *(_node_choice(node) for node in roster.nodes),
    ]


def whose(choice: str) -> Whose:
    """Return whose actions a choice of `owners` means."""
    kind, _, name = choice.partition(" ")
    return Whose(Kind(kind), name)


def _node_choice(node: NodeView) -> Choice:
    return Choice(f"{Kind.NODE} {node.node}", "of its people, and what they asked for", f"@{node.node}")


def _there(node: NodeView, presence: Presence, now_ms: int) -> str:
    if node.liveness is Liveness.STALE:
        return f"{glyphs.LIVENESS[Liveness.STALE]} the node is silent"
    if presence.live:
        return f"{glyphs.LIVENESS[Liveness.LIVE]} live"
    away = "no session yet" if presence.since is None else f"away {age(presence.since, now_ms)}"
    return f"{glyphs.LIVENESS[Liveness.AWAY]} {away}"


def _busiest(loads: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(loads.items(), key=lambda one: (-one[1], one[0].lower()))


def _by_name(loads: dict[str, int]) -> dict[str, int]:
    return {name.lower(): load for name, load in loads.items()}


def _load(loads: dict[str, int], name: str) -> str:
    return plural(loads.get(name.lower(), 0), "open action")
