"""The latest checkup. It costs more than all else that the console asks for, so it is not made at every change."""

from __future__ import annotations

import time

from claudemail.checkup import CheckupView
from claudemail.office import Office

_FRESH_S = 5.0


class Examined:
    """Makes checkups, and keeps the last one for a few seconds."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._last: tuple[float, CheckupView] | None = None

    async def now(self) -> CheckupView:
        """Return a new checkup.

        Raises:
            StoreError: the database could not say.
        """
        view = await self._office.checkup()
        self._last = (time.monotonic(), view)
        return view

    async def lately(self) -> CheckupView:
        """Return the last checkup, or a new one where that is some seconds old. Raises as `now`."""
        if self._last is not None and time.monotonic() - self._last[0] < _FRESH_S:
            return self._last[1]
        return await self.now()
