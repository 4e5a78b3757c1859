"""The session processes at the gateway's socket, and whoever else asks there.

Who speaks HTTP, as the first line tells, is handed on: the gateway's own pages are at the same socket. Who speaks MCP is served
by what is loaded only then, since the SDK takes half a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING

from claudemail.errors import ClaudeMailError
from claudemail.office import Office

if TYPE_CHECKING:
    from claudemail.tools.connection import Connection

log = logging.getLogger(__name__)
MAX_LINE = 4 * 1024 * 1024
"""The longest line either side takes, in bytes: a brief of 256 KiB can grow sixfold when JSON escapes it."""
FINISH_S = 5.0
"""How long calls in progress may take when the gateway is to end."""
Speaks = Callable[[bytes], bool]
Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_HELLO_S = 10.0
_TOLD = b'{"jsonrpc": "2.0", "method": "claudemail/told"'
"""How the line of a hook begins that tells up to which brief its session has been told."""


async def load() -> None:
    """Load what serves MCP, beside whatever else goes on."""
    await asyncio.to_thread(import_module, "claudemail.tools.connection")


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line, or nothing when the session is gone or its line is too long to be taken."""
    try:
        return await reader.readline()
    except (ValueError, ConnectionError) as error:
        log.warning("a session is cut off: %s", error, extra={"event": "session_cut_off"})
        return b""


class Sessions:
    """The session processes at the gateway's socket."""

    def __init__(self, office: Office, changed: Callable[[], None], speaks_http: Speaks, http: Answer) -> None:
        self._office = office
        self._changed = changed
        self._speaks_http = speaks_http
        self._http = http
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], Connection | None] = {}
        self._stopping = asyncio.Event()

    @property
    def connections(self) -> list[Connection]:
        """The sessions that are served."""
        return [connection for connection in self._serving.values() if connection is not None and connection.attached]

    @property
    def attached(self) -> int:
        """How many sessions there are."""
        return len(self.connections)

    async def listen(self, path: str) -> None:
        """Serve at the Unix socket `path`, for this user only; a socket that a killed gateway left is replaced."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._server = await asyncio.start_unix_server(self._serve, path, limit=MAX_LINE)
        os.chmod(path, 0o600)

    async def finish(self) -> None:
        """Take no more, give up what only waits, and let go of each session once its calls are answered.

        Returns:
            when all of them have been let go of, or after `FINISH_S`.
        """
        if self._server is not None:
            self._server.close()
        self._stopping.set()
        if self._serving:
            await asyncio.wait(self._serving, timeout=FINISH_S)

    async def close(self) -> None:
        """Cut off who is left."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _told(self, line: bytes) -> None:
        """Take from a hook up to which brief its session has been told."""
        try:
            params = json.loads(line)["params"]
            callsign, upto = str(params["callsign"]), int(params["upto"])
            await self._office.told(await self._office.party(callsign), upto)
        except (ValueError, KeyError, TypeError, RecursionError, ClaudeMailError) as error:
            log.warning("what a hook said could not be taken: %s", error, extra={"event": "hook_not_heard"})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = None
        try:
            async with asyncio.timeout(_HELLO_S):
                first = await read_line(reader)
            if self._speaks_http(first):
                await self._http(first, reader, writer)
            elif first.startswith(_TOLD):
                await self._told(first)
            elif first:
                await load()
                from claudemail.tools.connection import Connection

                connection = Connection(self._office, reader, writer, self._changed, self._stopping)
                self._serving[task] = connection
                await connection.serve(first)
        except (TimeoutError, ConnectionError):
            return  # it never said who it is, or went at once
        except Exception:
            log.exception("a session's connection failed", extra={"event": "session_failed"})
        finally:
            self._serving.pop(task, None)
            writer.close()


@contextlib.asynccontextmanager
async def listen(
    office: Office, path: str, changed: Callable[[], None], *, speaks_http: Speaks, http: Answer
) -> AsyncIterator[Sessions]:
    """Serve session processes at the Unix socket `path` until the context ends.

    Args:
        office: this node's office.
        path: where the socket is made.
        changed: called when a session has come or gone.
        speaks_http: tells by the first line of a connection whether it is HTTP.
        http: answers such a connection, given that line.
    """
    sessions = Sessions(office, changed, speaks_http, http)
    try:
        await sessions.listen(path)
        yield sessions
    finally:
        await sessions.close()
