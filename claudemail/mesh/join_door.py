"""The one door that asks for no signature: newcomers knock here, with a proof that they were invited."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from claudemail.errors import ClaudeMailError, ConfigError, InvalidInput, NameTaken, PeerRefused, StoreError
from claudemail.model.joining import MAX_REQUEST_BYTES

_PER_MINUTE = 12
_MINUTE_S = 60.0
_MOST_CALLERS = 1_024
_STATUS: tuple[tuple[type[ClaudeMailError], int], ...] = (
    (NameTaken, 409),
    (InvalidInput, 400),
    (PeerRefused, 403),
    (ConfigError, 503),
    (StoreError, 503),
)


class JoinDoor:
    """Reads a little, counts who knocks how often, and leaves the rest to `admit`, which takes a request and answers it."""

    def __init__(self, admit: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._admit = admit
        self._knocks: OrderedDict[str, list[float]] = OrderedDict()

    async def endpoint(self, request: Request) -> Response:
        """Answer a request to join."""
        if self._knocks_too_often(request.client.host if request.client else ""):
            return _problem(429, "too_often", "Too many tries from there. Wait a minute.", {"retry-after": "60"})
        try:
            body = await self._receive(request)
        except ClientDisconnect:
            return _problem(400, "incomplete", "The request broke off.")
        if body is None:
            return _problem(413, "too_large", f"A request to join is at most {MAX_REQUEST_BYTES} bytes.")
        try:
            return Response(await self._admit(body), media_type="application/json")
        except ClaudeMailError as error:
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
            return _problem(status, error.code, f"{error.message} {error.remedy}".strip())

    def _knocks_too_often(self, caller: str) -> bool:
        now = time.monotonic()
        recent = [at for at in self._knocks.pop(caller, ()) if now - at < _MINUTE_S]
        self._knocks[caller] = recent
        while len(self._knocks) > _MOST_CALLERS:
            self._knocks.popitem(last=False)
        if len(recent) >= _PER_MINUTE:
            return True
        recent.append(now)
        return False

    async def _receive(self, request: Request) -> bytes | None:
        """Return the body, counted while it comes; None if it is too large. How long it may take, the connection sees to."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REQUEST_BYTES:
                return None
        return bytes(body)


def _problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps({"error": code, "message": message}), status, headers, "application/json")
