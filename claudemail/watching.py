"""What others on this machine may ask a gateway at its own socket: /healthz, /metrics, and whether a peer is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable

from claudemail import __version__
from claudemail.errors import ClaudeMailError, StoreError
from claudemail.local_http import Page, Render
from claudemail.mesh.counts import Counts
from claudemail.model.views import PingView, StatusView
from claudemail.office import Office
from claudemail.office.pinging import PATH as PING
from claudemail.running import Notice

HEALTH, METRICS = "/healthz", "/metrics"
_STORE_S = 3.0


def pings(peers: Iterable[str], ping: Callable[[str], Awaitable[float]]) -> dict[str, Render]:
    """Return a page for each peer that asks it whether it is there.

    Args:
        peers: their names.
        ping: asks one of them, and returns the round trip in milliseconds.
    """

    def page(peer: str) -> Render:
        async def render(_: str) -> Page:
            rtt_ms, error = None, None
            try:
                rtt_ms = await ping(peer)
            except ClaudeMailError as failure:
                error = failure.message
            found = PingView(node=peer, rtt_ms=rtt_ms, error=error)
            return Page(200, "application/json", found.model_dump_json().encode() + b"\n")

        return render

    return {PING + peer: page(peer) for peer in peers}


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

    def pages(self) -> dict[str, Render]:
        """Return the pages."""
        return {HEALTH: self._health, METRICS: self._metrics}

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
