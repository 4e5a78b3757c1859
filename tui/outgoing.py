"""Briefs that were sent and can be taken back for some seconds still, and what became of the one that went last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

from claudemail.clock import WallClock, day_of
from claudemail.errors import KeyReused
from claudemail.model.ids import new_id
from claudemail.model.views import SendResult
from claudemail.office import Office
from claudemail.tui.drafts import Drafts, KeptDraft
from claudemail.tui.trouble import EXPECTED
from claudemail.tui.writing import finished


class NotSent(NamedTuple):
    """A brief that the office did not take."""

    draft: KeptDraft
    error: Exception


class _Waiting:
    """A brief that waits for its time, unless it is hurried or taken back."""

    def __init__(self, draft: KeptDraft, due: float) -> None:
        self.draft = draft
        self.due = due
        """When it goes, by the event loop's clock."""
        self.hurried = asyncio.Event()
        self.going = False
        self.taken_back = False
        self.over = asyncio.Event()
        self.failed = False


class Outgoing:
    """Holds what was sent until its time has come, and gives it to the office."""

    def __init__(self, office: Office, drafts: Drafts, wall: WallClock, delay_s: float) -> None:
        self._office = office
        self._drafts = drafts
        self._wall = wall
        self._delay_s = delay_s
        self._waiting: list[_Waiting] = []

    @property
    def next(self) -> tuple[KeptDraft, float] | None:
        """The brief that can be taken back, and after how many seconds it goes; None: there is none."""
        held = [one for one in self._waiting if not one.going]
        if not held:
            return None
        return held[-1].draft, max(held[-1].due - asyncio.get_running_loop().time(), 0)

    @property
    def ids(self) -> set[str]:
        """The ids of all that are on their way to the office."""
        return {one.draft.id for one in self._waiting}

    async def send(self, draft: KeptDraft, changed: Callable[[], None]) -> SendResult | NotSent | None:
        """Send a brief when its time has come; return what became of it, None where it was taken back.

        Args:
            draft: it is kept, and so will be sent by the next console if this one is killed.
            changed: called when there is something new to tell, above all how long it can be taken back still.
        """
        one = _Waiting(draft, asyncio.get_running_loop().time() + self._delay_s)
        self._waiting.append(one)
        try:
            while not one.hurried.is_set() and (left := one.due - asyncio.get_running_loop().time()) > 0:
                changed()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(one.hurried.wait(), min(left % 1 or 1, left))
            if one.taken_back:
                return None
            one.going = True
            changed()
            became = await self._accept(draft)
            one.failed = isinstance(became, NotSent)
            return became
        finally:
            self._waiting.remove(one)
            one.over.set()
            changed()

    async def _accept(self, draft: KeptDraft) -> SendResult | NotSent:
        try:
            party = self._office.operator()
            result = await self._office.send(party, finished(draft, day_of(self._wall())))
        except KeyReused as error:
            # It was accepted, the console ended before it could forget the draft, and then somebody changed that.
            return NotSent(draft.model_copy(update={"key": new_id(self._wall()), "sent": False}), error)
        except EXPECTED as error:
            return NotSent(draft.model_copy(update={"sent": False}), error)
        with contextlib.suppress(OSError):  # the next console asks the office, and removes it then
            await asyncio.to_thread(self._drafts.remove, draft.id)
        return result

    def take_back(self) -> KeptDraft | None:
        """Take the brief back that was sent last and has not gone yet; return it, or None."""
        for one in reversed(self._waiting):
            if not one.going:
                one.taken_back = one.going = True
                one.hurried.set()
                return one.draft.model_copy(update={"sent": False})
        return None

    async def settle(self) -> bool:
        """Have all of it go at once; return, when the office has answered, whether it took all of it."""
        waiting = list(self._waiting)
        for one in waiting:
            one.hurried.set()
        for one in waiting:
            await one.over.wait()
        return not any(one.failed for one in waiting)


async def unsent(office: Office, drafts: Drafts) -> list[KeptDraft]:
    """Return the drafts that were sent and not accepted before the console ended; those that were accepted are removed.

    Raises:
        StoreError: the database could not say which are.
    """
    left = []
    for draft in drafts.all():
        if not draft.sent:
            continue
        if await office.sent_with(office.operator(), draft.key) is None:
            left.append(draft)
        else:
            with contextlib.suppress(OSError):
                drafts.remove(draft.id)
    return left
