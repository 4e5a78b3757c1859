"""The door of a node: who calls, how much they bring, and how often. What it lets in is from a peer, whole and within limits."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Awaitable, Callable

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from claudemail.clock import WallClock
from claudemail.config import Config
from claudemail.errors import PeerRefused, QuotaReached, StoreError, StoreFull
from claudemail.mesh import signing
from claudemail.mesh.connection import Connection, connection_of
from claudemail.mesh.mailroom import Mailroom
from claudemail.mesh.pace import Bucket, Pace
from claudemail.model.parcel import MAX_REQUEST_BYTES, Origin

MOST_PER_S = 1_000
"""How many requests a second a peer may make in the long run, and for how many seconds' worth at once."""
_BURST = 2 * MOST_PER_S
REFUSALS_PER_S = 1_000
"""How many refusals go out in a second: whoever floods the door waits for them, and the peers do not."""
_LONGEST_PACE_S = 5.0
MOST_COMING_IN = 8 * MAX_REQUEST_BYTES
"""How many bytes of unfinished requests are held at once."""
Contact = Callable[[Origin], Awaitable[None]]
Handler = Callable[[Origin, bytes], Awaitable[Response]]


class DoorError(Exception):
    """A request that is turned away, with an HTTP status, a code and a message."""

    def __init__(self, status: int, code: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.response = _problem(status, code, message, retry_after_s)
        self.response.headers["connection"] = "close"


class Door:
    """Reads and checks the requests of peers before a handler sees them, and signs the answers."""

    def __init__(self, config: Config, mailroom: Mailroom, wall: WallClock, contact: Contact) -> None:
        self._config = config
        self._mailroom = mailroom
        self._wall = wall
        self._contact = contact
        self._hosts = {name.lower() for node in config.nodes for name in (node.ip, node.bind, *node.names)} | {
            "localhost"
        }
        self._buckets = {peer.id: Bucket(MOST_PER_S, _BURST) for peer in config.peers}
        self._refusals = Pace(REFUSALS_PER_S, burst=100)
        self._intake = Intake()

    def endpoint(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return what serves requests that `handler` answers once they have come through the door."""

        async def serve(request: Request) -> Response:
            response = await self._respond(request, handler)
            given = request.headers.get("signature", "")
            if signing.is_signature(given):
                self._sign(response, given)
            return response

        return serve

    def _sign(self, response: Response, given: str) -> None:
        response.headers.update(
            signing.sign_answer(
                self._mailroom.own_keys(),
                self._config.node_id,
                status=response.status_code,
                body=bytes(response.body),
                request=given,
                now_s=self._wall() // 1000,
            )
        )

    async def _respond(self, request: Request, handler: Handler) -> Response:
        try:
            origin, body = await self._admit(request)
        except DoorError as error:
            if not await self._refusals.turn(_LONGEST_PACE_S):
                connection_of(request.scope).abort()
            return error.response
        try:
            response = await handler(origin, body)
        except ValidationError:
            return _problem(400, "malformed", "The body is not what this version of ClaudeMail expects here.")
        except PeerRefused as error:
            return _problem(403, error.code, str(error))
        except QuotaReached as error:
            return _problem(429, error.code, str(error), error.retry_after_s)
        except StoreFull as error:
            return _problem(507, error.code, error.message)
        except StoreError as error:
            return _problem(503, error.code, error.message)
        with contextlib.suppress(StoreError):  # what was taken is taken, even when the contact cannot be noted
            await self._contact(origin)
        return response

    async def _admit(self, request: Request) -> tuple[Origin, bytes]:
        """Return who calls and the whole body; what can be refused by the head alone is, before the body is read."""
        _check_head(request, self._hosts)
        try:
            keys = self._mailroom.peer_keys()
            claim = signing.read_claim(request.headers, here=self._config.node_id, keys=keys)
            body = await self._intake.receive(request)
            origin = signing.check(
                claim,
                method=request.method,
                path=request.url.path,
                body=body,
                here=self._config.node_id,
                keys=keys,
                allow_unsigned=self._config.allow_unsigned,
            )
        except PeerRefused as error:
            raise DoorError(401, error.code, str(error)) from error
        if not self._buckets[origin.node].take(time.monotonic()):
            raise DoorError(429, "too_many", f"{origin.node} makes more than {MOST_PER_S} requests a second.", 1)
        if origin.verified:
            connection_of(request.scope).proved()
        return origin, body


def _check_head(request: Request, hosts: set[str]) -> None:
    headers = request.headers
    if "origin" in headers:
        raise DoorError(403, "browser", "Requests of web pages are not taken.")
    if not _is_own(headers.get("host", ""), hosts):
        raise DoorError(421, "wrong_host", "There is no node of that name here.")
    if headers.get("content-encoding", "identity") != "identity":
        raise DoorError(415, "compressed", "Compressed bodies are not taken.")
    length = headers.get("content-length", "0")
    if len(length) > 9 or not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
        raise DoorError(413, "too_large", f"A request is at most {MAX_REQUEST_BYTES} bytes.")


def _is_own(host: str, hosts: set[str]) -> bool:
    """Return whether a Host header names this node: a web page that gives its own name this address does not."""
    name = host[: host.index("]") + 1].strip("[]") if host.startswith("[") and "]" in host else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower() in hosts
    return True


class Intake:
    """Reads bodies, and keeps the memory for all that are coming in within a limit, however many bring them.

    Where it is used up, the one that has been at it for the longest is cut off: a peer brings its request in a moment.
    """

    def __init__(self) -> None:
        self._held: dict[Connection, int] = {}
        self._total = 0

    async def receive(self, request: Request) -> bytes:
        """Return the body of a request, counted while it comes. How long it may take, the connection sees to.

        Raises:
            DoorError: it is too large, or broke off.
        """
        connection = connection_of(request.scope)
        body = bytearray()
        self._held[connection] = 0
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_REQUEST_BYTES:
                    raise DoorError(413, "too_large", f"A request is at most {MAX_REQUEST_BYTES} bytes.")
                self._hold(connection, len(chunk))
        except ClientDisconnect as error:
            raise DoorError(400, "incomplete", "The request broke off.") from error
        finally:
            self._total -= self._held.pop(connection)
        return bytes(body)

    def _hold(self, connection: Connection, size: int) -> None:
        self._held[connection] += size
        self._total += size
        while self._total > MOST_COMING_IN:
            longest = next((other for other in self._held if self._held[other]), connection)
            longest.abort()
            self._total -= self._held[longest]
            self._held[longest] = 0


def _problem(status: int, code: str, message: str, retry_after_s: int | None = None) -> Response:
    headers = None if retry_after_s is None else {"retry-after": str(retry_after_s)}
    return JSONResponse({"error": code, "message": message}, status, headers)
