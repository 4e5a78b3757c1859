"""Waiting until a brief has come as far as was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from claudemail.cli.failures import NotYet
from claudemail.model.receipt import DeliveryState, RecipientState
from claudemail.office import Office, Party
from claudemail.wording import listing, recipient_line

_ORDER = (DeliveryState.QUEUED, DeliveryState.DELIVERED, DeliveryState.NOTIFIED, DeliveryState.READ)


class Outcome(NamedTuple):
    """How a wait ended."""

    states: list[RecipientState]
    missing: list[RecipientState]
    """Recipients who are not that far."""


async def wait_for(office: Office, party: Party, id: str, goal: DeliveryState, timeout_s: float) -> Outcome:
    """Return once every recipient is as far as `goal`, or it failed for one, or `timeout_s` seconds are over."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    changed = asyncio.Event()
    unsubscribe = office.subscribe(changed.set)
    try:
        outcome = await _look(office, party, id, goal)
        while outcome.missing and not any(state.state is DeliveryState.FAILED for state in outcome.states):
            async with asyncio.timeout_at(deadline):
                await changed.wait()
            changed.clear()
            outcome = await _look(office, party, id, goal)
    except TimeoutError:
        pass
    finally:
        unsubscribe()
    return outcome


async def _look(office: Office, party: Party, id: str, goal: DeliveryState) -> Outcome:
    states = (await office.read(party, id)).recipients
    return Outcome(states, [state for state in states if not _reached(state, goal)])


def _reached(state: RecipientState, goal: DeliveryState) -> bool:
    return state.state in _ORDER and _ORDER.index(state.state) >= _ORDER.index(goal)


def not_yet(missing: Sequence[RecipientState], goal: DeliveryState, ref: str, now: int) -> NotYet:
    """Return the error that says who is missing."""
    who = listing([recipient_line(state, now) for state in missing])
    return NotYet(
        f"The brief is not {goal} everywhere: {who}.",
        remedy=f"It is accepted, and goes on without you; `claudemail read {ref}` shows how far it has come.",
    )


def no_reply(ref: str, seconds: float) -> NotYet:
    """Return the error that says that nobody has answered."""
    return NotYet(
        f"No reply came within {seconds:g} s.",
        remedy=f"The brief is accepted; `claudemail waiting --wait 600 --for {ref}` waits on.",
    )
