"""One session process at the gateway's socket: JSON-RPC lines between it and an MCP server of its own.

Beside MCP's own messages, four notifications travel on the socket and never further:

    claudemail/hello    session to gateway, the first line: who it is
    claudemail/welcome  gateway to session: its callsign; from here on MCP is served
    claudemail/refused  gateway to session: why it is not served
    claudemail/shown    session to gateway: the answer to this request has been handed to the client
    claudemail/wake     gateway to session: have Claude Code told of mail, by the session's own inbox
    claudemail/woken    session to gateway: up to which brief Claude Code has been told, by whatever way
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
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
from claudemail.tools.sessions import read_line
from claudemail.tools.tool import Call

log = logging.getLogger(__name__)
HELLO, WELCOME, REFUSED, SHOWN, WAKE, WOKEN = (
    f"claudemail/{word}" for word in ("hello", "welcome", "refused", "shown", "wake", "woken")
)
_ACTIVE_EVERY_S = 20.0
_WAKE_S = 5.0


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
        self._woken: asyncio.Future[int] | None = None
        self.attached = False
        """Whether the session has been greeted and is served."""
        self.party: Party | None = None
        """Whom it acts as, once it has been greeted."""
        self.client_pid = 0
        """The PID of the Claude Code process that it belongs to."""

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

    async def wake(self, text: str, upto: int) -> int:
        """Have Claude Code told of mail by the session's own inbox.

        Args:
            text: what to say.
            upto: the number of the latest brief that it tells of.

        Returns:
            up to which brief Claude Code has been told, now or before; less than `upto` where that inbox cannot be reached.
        """
        self._woken = asyncio.get_running_loop().create_future()
        self._tell(WAKE, {"text": text, "upto": upto})
        try:
            async with asyncio.timeout(_WAKE_S):
                return await self._woken
        except TimeoutError:
            return 0
        finally:
            self._woken = None

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
        self.party, self.client_pid = party, hello.client_pid
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
            while line := await read_line(self._reader):
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
        if message.get("method") == WOKEN:
            told = message["params"].get("told")
            if self._woken is not None and not self._woken.done():
                self._woken.set_result(told if isinstance(told, int) else 0)
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
