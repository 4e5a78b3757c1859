"""One session process at the gateway's socket: JSON-RPC lines between it and an MCP server of its own.

Beside MCP's own messages, four notifications travel on the socket and never further:

    claudemail/hello    session to gateway, the first line: who it is
    claudemail/welcome  gateway to session: its callsign; from here on MCP is served
    claudemail/refused  gateway to session: why it is not served
    claudemail/shown    session to gateway: the answer to this request has been handed to the client

Who speaks HTTP instead, as the first line tells, is handed on: the gateway's own pages are at the same socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from pydantic import Field, ValidationError

from claudemail import __version__
from claudemail.errors import ClaudeMailError
from claudemail.model.brief import Line, Name
from claudemail.model.value import Value
from claudemail.office import Office, Party
from claudemail.tools.server import build
from claudemail.tools.tool import Call

log = logging.getLogger(__name__)
HELLO, WELCOME, REFUSED, SHOWN = (f"claudemail/{word}" for word in ("hello", "welcome", "refused", "shown"))
MAX_LINE = 4 * 1024 * 1024
"""The longest line either side takes, in bytes: a brief of 256 KiB can grow sixfold when JSON escapes it."""
FINISH_S = 5.0
"""How long calls in progress may take when the gateway is to end."""
Speaks = Callable[[bytes], bool]
Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_HELLO_S = 10.0
_ACTIVE_EVERY_S = 20.0


class Hello(Value):
    """How a session process introduces itself."""

    version: Annotated[Line, Field(max_length=40)]
    callsign: Name
    instance: Name
    holder: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
    pid: Annotated[int, Field(ge=1, lt=2**31)]
    client_pid: Annotated[int, Field(ge=0, lt=2**31)]
    session_id: Annotated[str, Field(max_length=200)] | None = None
    project: Annotated[Line, Field(max_length=200)] | None = None


class Connection:
    """Serves one session process until it goes."""

    def __init__(
        self,
        office: Office,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        changed: Callable[[], None],
        stopping: asyncio.Event,
    ) -> None:
        self._office = office
        self._changed = changed
        self._reader = reader
        self._writer = writer
        self._stopping = stopping
        self._answered: dict[types.RequestId, Call] = {}
        self._asked: set[types.RequestId] = set()
        """Requests that have not been answered yet."""
        self._settled = asyncio.Event()
        """Set whenever a request is answered, or its answer shown."""
        self._active_at = time.monotonic()
        self.attached = False
        """Whether the session has been greeted and is served."""

    async def serve(self, hello: bytes) -> None:
        """Greet the session that begins with the line `hello`, serve MCP, and note when it has gone."""
        try:
            party = await self._greet(hello)
        except (ClaudeMailError, ValidationError, ValueError, RecursionError) as error:
            log.warning("a session was refused: %s", error, extra={"event": "session_refused"})
            self._tell(REFUSED, {"message": str(error)})
            return
        log.info("%s is here", party.name, extra={"event": "session_came", "callsign": party.name})
        self.attached = True
        self._changed()
        try:
            await self._serve_mcp(party)
        finally:
            self.attached = False
            log.info("%s has gone", party.name, extra={"event": "session_went", "callsign": party.name})
            await asyncio.shield(self._office.release(party))
            self._changed()

    async def _greet(self, line: bytes) -> Party:
        message = json.loads(line)
        if not isinstance(message, dict) or message.get("method") != HELLO:
            raise ValueError("the first line is not a hello")
        hello = Hello.model_validate(message.get("params"))
        if hello.version != __version__:
            words = "%s runs version %s, this gateway %s"
            log.warning(words, hello.callsign, hello.version, __version__, extra={"event": "session_version"})
        party = await self._office.claim(
            hello.callsign,
            hello.instance,
            holder=hello.holder,
            pid=hello.pid,
            client_pid=hello.client_pid,
            session_id=hello.session_id,
            project=hello.project,
        )
        self._tell(WELCOME, {"callsign": party.name, "node": party.node, "version": __version__})
        return party

    async def _serve_mcp(self, party: Party) -> None:
        inward, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, outward = anyio.create_memory_object_stream[SessionMessage](0)
        server = build(self._office, party, self._answered.__setitem__, self._stopping)
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._write(outward))
            reading = group.create_task(self._read(party, inward))
            ending = group.create_task(self._end(reading))
            await server.run(read, write, server.create_initialization_options())
            await writing
            ending.cancel()

    async def _end(self, reading: asyncio.Task[None]) -> None:
        """When the gateway is to end, let go of the session as soon as nothing of it is in progress."""
        await self._stopping.wait()
        while self._asked or self._answered:
            self._settled.clear()
            await self._settled.wait()
        reading.cancel()

    async def _read(self, party: Party, inward: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        async with inward:
            while line := await _line(self._reader):
                try:
                    if line.startswith(_CONTROL):
                        await self._control(party, json.loads(line))
                        continue
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except (ValueError, RecursionError) as error:
                    await inward.send(error)
                    continue
                if isinstance(message, types.JSONRPCRequest):
                    if self._stopping.is_set():
                        continue  # the session itself answers what was not answered when its gateway went
                    self._asked.add(message.id)
                elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
                    self._settle((message.params or {}).get("requestId"))
                await inward.send(SessionMessage(message))

    async def _control(self, party: Party, message: dict[str, Any]) -> None:
        if message.get("method") == SHOWN:
            params = message.get("params")
            id = params.get("id") if isinstance(params, dict) else None
            call = self._answered.get(id) if isinstance(id, str | int) else None
            try:
                await self._note_activity(party)
                if call is not None:
                    await self._office.shown(party, call.shown)
                if call is not None and call.told:
                    await self._office.told(party)
            except ClaudeMailError as error:
                words = "what %s was shown could not be marked read: %s"
                log.warning(words, party.name, error, extra={"event": "not_marked_read", "callsign": party.name})
            finally:
                if isinstance(id, str | int):
                    self._answered.pop(id, None)
                self._settled.set()

    async def _note_activity(self, party: Party) -> None:
        """Note that the session is doing something, now and then."""
        now = time.monotonic()
        if now - self._active_at >= _ACTIVE_EVERY_S:
            self._active_at = now
            await self._office.active(party)

    async def _write(self, outward: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async with outward:
            async for item in outward:
                line = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._writer.write(line.encode() + b"\n")
                with contextlib.suppress(ConnectionError):  # the session has gone; reading finds out, too
                    await self._writer.drain()
                if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
                    self._settle(item.message.id)

    def _settle(self, id: object) -> None:
        """Note that a request needs no answer any more."""
        if isinstance(id, str | int):
            self._asked.discard(id)
        self._settled.set()

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._writer.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n")


_CONTROL = b'{"jsonrpc": "2.0", "method": "claudemail/'
"""How every control line begins; session processes write them just so, and let none from their client through."""


async def _line(reader: asyncio.StreamReader) -> bytes:
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
        self._serving: dict[asyncio.Task[None], Connection] = {}
        self._stopping = asyncio.Event()

    @property
    def attached(self) -> int:
        """How many sessions there are."""
        return sum(connection.attached for connection in self._serving.values())

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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = Connection(self._office, reader, writer, self._changed, self._stopping)
        self._serving[task] = connection
        try:
            async with asyncio.timeout(_HELLO_S):
                first = await _line(reader)
            if self._speaks_http(first):
                await self._http(first, reader, writer)
            elif first:
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
