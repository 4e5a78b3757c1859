"""Connections: uvicorn's protocol, with the limits that it does not have.

Stock uvicorn never gives up on a request that comes byte by byte, nor on a connection on which none comes, and takes headers of
any size.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

RECEIVE_S = 10.0
"""How long a peer may take to bring its request, and a new connection to begin one."""
ANSWER_S = 90.0
"""How long an answer may take, from the end of the request until it is in the hands of the system."""
MOST_HEAD_BYTES = 16 * 1024
MOST_CONNECTIONS = 400
"""More than that at once, and the oldest one that has brought no signed request yet is cut off."""
_LINGER_S = 5.0
_LINGER_BYTES = 512 * 1024 * 1024
_LINGER_REST_S = 0.001
"""What is dropped is read in no hurry: it must not keep the gateway from its work."""
_STATE = "connection"


class Connection(HttpToolsProtocol):
    """One connection to the door."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and cut off another where there are too many."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._leftover: int | None = None
        # Those of the whole server on which nothing signed has come; a dict keeps the order in which they were made.
        self._unproved: dict[Connection, None] = self.app_state.setdefault("unproved", {})
        self._unproved[self] = None
        if len(self.connections) > MOST_CONNECTIONS:
            next(iter(self._unproved)).abort()  # this one, where all others are peers'
        self._within(RECEIVE_S, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._unproved.pop(self, None)
        self._stop_timer()
        super().connection_lost(exc)

    def proved(self) -> None:
        """A peer has proved that the connection is its own: it is not cut off to make room for others."""
        self._unproved.pop(self, None)

    def abort(self) -> None:
        """Cut the connection off."""
        self._unproved.pop(self, None)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        if self._leftover is not None:
            self._drop(len(data))
            return
        if self._timer is None:
            self._within(RECEIVE_S, self._too_slow)
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(431, "large_head", f"The head of a request is at most {MOST_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        state: MutableMapping[str, Any] = self.scope["state"]
        state[_STATE] = self

    def on_headers_complete(self) -> None:
        """Hand the request on, unless its head is too large."""
        self._in_head = False
        if self._leftover is not None:
            return
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MOST_HEAD_BYTES:
            self._refuse(431, "large_head", f"The head of a request is at most {MOST_HEAD_BYTES} bytes.")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take part of a body in."""
        if self.cycle is not None and self._leftover is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.cycle is None or self._leftover is not None:
            return
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._within(ANSWER_S, self.abort)

    def on_response_complete(self) -> None:
        """The answer is out. What is left of a request that was answered early is read and dropped, so that it is seen."""
        super().on_response_complete()
        self._stop_timer()
        if self.cycle.more_body and not self.transport.is_closing():
            self._linger()

    def _too_slow(self) -> None:
        self._refuse(408, "slow", f"The request did not come within {RECEIVE_S:.0f} seconds.")

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer in the protocol's own name, and hang up."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started:
                self.abort()
                return
            self.cycle.disconnected = True  # whoever waits for the rest of the body stops waiting
            self.cycle.message_event.set()
        body = json.dumps({"error": code, "message": message}).encode()
        head = (
            f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self._linger()

    def _linger(self) -> None:
        """Hang up once the other side has had time to read the answer: a reset would take it away from under its eyes."""
        self._leftover = _LINGER_BYTES
        self._unset_keepalive_if_required()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._within(_LINGER_S, self.abort)

    def _drop(self, size: int) -> None:
        assert self._leftover is not None
        self._leftover -= size
        if self._leftover < 0:
            self.abort()
        else:
            self.transport.pause_reading()
            self.loop.call_later(_LINGER_REST_S, self.transport.resume_reading)

    def _within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, otherwise)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connection_of(scope: MutableMapping[str, Any]) -> Connection:
    """Return the connection by which a request came."""
    connection: Connection = scope["state"][_STATE]
    return connection
