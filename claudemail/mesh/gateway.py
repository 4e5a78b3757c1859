"""The server side of the wire: the door of a node. It checks who calls, how much they bring, and hands it on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from claudemail import __version__
from claudemail.clock import WallClock
from claudemail.config import Config
from claudemail.errors import PeerRefused, StoreError, StoreFull
from claudemail.mesh import signing
from claudemail.mesh.client import GREETING, HEARTBEAT, PARCELS
from claudemail.mesh.counts import Counts
from claudemail.mesh.mailroom import Mailroom
from claudemail.model.greeting import Greeting
from claudemail.model.parcel import MAX_REQUEST_BYTES, Batch, Origin, Setback
from claudemail.model.roster import Heartbeat

RECEIVE_S = 10.0
"""How long a peer may take to bring its request."""
Contact = Callable[[Origin], Awaitable[None]]
Handler = Callable[[Origin, bytes], Awaitable[Response]]


class DoorError(Exception):
    """A request that is turned away, with an HTTP status, a code and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse({"error": code, "message": message}, status)


class Gateway:
    """The HTTP application of one node."""

    def __init__(
        self,
        config: Config,
        mailroom: Mailroom,
        wall: WallClock,
        *,
        contact: Contact,
        suspect: Callable[[str], None],
        counts: Counts,
    ) -> None:
        self._config = config
        self._mailroom = mailroom
        self._wall = wall
        self._contact = contact
        self._suspect = suspect
        self._counts = counts
        self._keys = {node.id: node.public_key for node in config.nodes}
        self.app = Starlette(
            routes=[
                Route("/v1/ping", self._ping, methods=["GET"]),
                Route(PARCELS, self._door(self._parcels), methods=["POST"]),
                Route(HEARTBEAT, self._door(self._heartbeat), methods=["POST"]),
                Route(GREETING, self._door(self._greeting), methods=["POST"]),
            ]
        )

    async def _ping(self, _: Request) -> Response:
        return JSONResponse({"node": self._config.node_id, "version": __version__})

    def _door(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that reads and checks a request before `handler` sees it, and says what went wrong."""

        async def endpoint(request: Request) -> Response:
            try:
                body = await _receive(request)
                origin = self._check(request, body)
                response = await handler(origin, body)
            except DoorError as error:
                return error.response
            except ValidationError:
                return _problem(400, "malformed", "The body is not what this version of ClaudeMail expects here.")
            except PeerRefused as error:
                return _problem(403, error.code, str(error))
            except StoreFull as error:
                return _problem(507, error.code, error.message)
            except StoreError as error:
                return _problem(503, error.code, error.message)
            with contextlib.suppress(StoreError):  # what was taken is taken, even when the contact cannot be noted
                await self._contact(origin)
            return response

        return endpoint

    def _check(self, request: Request, body: bytes) -> Origin:
        try:
            return signing.check(
                request.headers,
                method=request.method,
                path=request.url.path,
                body=body,
                here=self._config.node_id,
                keys=self._keys,
                allow_unsigned=self._config.allow_unsigned,
            )
        except PeerRefused as error:
            raise DoorError(401, error.code, str(error)) from error

    async def _parcels(self, origin: Origin, body: bytes) -> Response:
        batch = Batch.model_validate_json(body)
        answer = await self._mailroom.take_in(origin, batch)
        self._counts.taken_in(origin.node, batch, answer)
        status = 409 if isinstance(answer, Setback) else 200
        return Response(answer.model_dump_json(), status, media_type="application/json")

    async def _greeting(self, _: Origin, __: bytes) -> Response:
        greeting = Greeting(node=self._config.node_id, version=__version__, at=self._wall())
        return Response(greeting.model_dump_json(), media_type="application/json")

    async def _heartbeat(self, origin: Origin, body: bytes) -> Response:
        beat = Heartbeat.model_validate_json(body)
        await self._mailroom.heard(origin.node, beat, rtt_ms=None)
        # It may have written this before it acknowledged the last of it, so this is not proof: we ask.
        if await self._mailroom.has_lost(origin.node, beat, self._wall()):
            self._suspect(origin.node)
        own = await self._mailroom.own_heartbeat(origin.node)
        return Response(own.model_dump_json(), media_type="application/json")


async def _receive(request: Request) -> bytes:
    """Return the body of a request, counted while it comes."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise DoorError(415, "compressed", "Compressed bodies are not taken.")
    body = bytearray()
    try:
        async with asyncio.timeout(RECEIVE_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_REQUEST_BYTES:
                    raise DoorError(413, "too_large", f"A request is at most {MAX_REQUEST_BYTES} bytes.")
    except TimeoutError as error:
        raise DoorError(408, "slow", f"The request did not come within {RECEIVE_S:.0f} seconds.") from error
    except ClientDisconnect as error:
        raise DoorError(400, "incomplete", "The request broke off.") from error
    return bytes(body)


def _problem(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": code, "message": message}, status)
