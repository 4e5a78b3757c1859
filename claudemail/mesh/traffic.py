"""Traffic: every request at the door is counted, and one that is refused is logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claudemail.mesh.counts import Counts
from claudemail.text import shorten

log = logging.getLogger(__name__)
OTHER = "other"
"""What paths that there are not are counted as: callers must not make up names."""
_SAY_EVERY_S = 10.0


class Traffic:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, paths: Collection[str], counts: Counts) -> None:
        self._app = app
        self._paths = frozenset(paths)
        self._counts = counts
        self._said: dict[tuple[str, int], float] = {}
        """When a refusal was last logged, by path and status: a caller must not fill the log."""
        self._unsaid = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and count what comes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else OTHER
        status, size, started = 0, 0, time.monotonic()

        async def counted_receive() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            self._counts.requests[path, status or HTTPStatus.INTERNAL_SERVER_ERROR] += 1
            self._counts.request_bytes[path] += size
            if (
                status >= HTTPStatus.BAD_REQUEST and status != HTTPStatus.CONFLICT
            ):  # a conflict is how lanes are set right
                self._say(scope, path, status, size, time.monotonic() - started)

    def _say(self, scope: Scope, path: str, status: int, size: int, took_s: float) -> None:
        now = time.monotonic()
        if now - self._said.get((path, status), float("-inf")) < _SAY_EVERY_S:
            self._unsaid += 1
            return
        self._said[path, status] = now
        fields = {
            "event": "request_refused",
            "path": shorten(scope["path"], 100),
            "status": status,
            "bytes": size,
            "ms": took_s * 1000,
            "caller": (scope.get("client") or ("?",))[0],
            "unsaid": self._unsaid,
        }
        self._unsaid = 0
        log.warning("a request was refused", extra=fields)
