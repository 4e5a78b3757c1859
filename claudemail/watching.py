"""What whoever watches over a gateway may ask at its own socket: /healthz and /metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from claudemail import __version__
from claudemail.errors import StoreError
from claudemail.local_http import LocalHttp, Page
from claudemail.mesh.counts import Counts
from claudemail.model.views import StatusView
from claudemail.office import Office
from claudemail.running import Notice

HEALTH, METRICS = "/healthz", "/metrics"
_STORE_S = 3.0


class Watched:
    """A gateway as others see it."""

    def __init__(self, office: Office, counts: Counts, notice: Notice, sessions: Callable[[], int]) -> None:
        """Take what is shown: `sessions` returns how many there are."""
        self._office = office
        self._counts = counts
        self._notice = notice
        self._sessions = sessions
        self.stopping = False
        """Whether the gateway is to end: it is unhealthy from then on."""

    def http(self) -> LocalHttp:
        """Return the pages."""
        return LocalHttp({HEALTH: self._health, METRICS: self._metrics})

    async def _health(self, _: str) -> Page:
        """Say 200 when mail is taken: the gateway answers, its store too, and it is not about to end."""
        state = "stopping" if self.stopping else "ok" if await self._store() is not None else "store"
        data = {
            "status": state,
            "node": self._office.config.node_id,
            "version": __version__,
            "pid": self._notice.pid,
            "sessions": self._sessions(),
            "listening": self._notice.listening,
            "listen_error": self._notice.listen_error,
        }
        return Page(200 if state == "ok" else 503, "application/json", json.dumps(data).encode() + b"\n")

    async def _metrics(self, accept: str) -> Page:
        # A tenth of a second and 2 MB of modules, only where somebody asks for them.
        from claudemail.metrics import Readings, exposition

        commits, failed = self._office.commits()
        readings = Readings(self._counts, self._sessions(), commits, failed, await self._store())
        kind, text = exposition(readings, accept)
        return Page(200, kind, text)

    async def _store(self) -> StatusView | None:
        """Return the state of the store, or None when it does not say, or not in time."""
        try:
            async with asyncio.timeout(_STORE_S):
                return await self._office.status()
        except (StoreError, OSError, TimeoutError):
            return None
