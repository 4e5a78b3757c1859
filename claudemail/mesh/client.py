"""The client side of the wire: one long-lived httpx client, and what a peer's answers mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from claudemail.clock import WallClock
from claudemail.config import Node
from claudemail.errors import PeerRefused, PeerUnreachable
from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.model.greeting import Greeting
from claudemail.model.parcel import MAX_REQUEST_BYTES, Answer, Batch, Problem, Setback
from claudemail.model.roster import Heartbeat
from claudemail.text import shorten

PARCELS = "/v1/parcels"
HEARTBEAT = "/v1/heartbeat"
GREETING = "/v1/greeting"
JOIN = "/v1/join"
_TIMEOUT = httpx.Timeout(15, connect=5, pool=None)
_WHOLE_S = 30.0
_CONFLICT = 409
_UNKNOWN_KEY = 401
M = TypeVar("M", bound=BaseModel)


class PeerBusy(PeerRefused):
    """The other node asks us to come back later."""

    code = "peer_busy"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class MeshClient:
    """Calls peers as this node."""

    def __init__(
        self, node: str, key: NodeKey, wall: WallClock, *, keys: Callable[[], Sequence[NodeKey]] | None = None
    ) -> None:
        """Sign with `key`; where a peer refuses that, with others of `keys`: it may have heard of this node's new one."""
        self._node = node
        self._key = key
        self._keys = keys
        self._taken: dict[str, NodeKey] = {}
        self._wall = wall
        # A new client per request would cost 20 ms; proxies from the environment have no place between one's own nodes.
        self._http = httpx.AsyncClient(
            timeout=_TIMEOUT, trust_env=False, limits=httpx.Limits(max_connections=None, keepalive_expiry=60)
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def deliver(self, peer: Node, batch: Batch) -> Answer | Setback:
        """Hand parcels to a peer and return its answer.

        Raises:
            PeerUnreachable: no answer came.
            PeerRefused: the answer was no; PeerBusy: come back later.
        """
        status, body = await self._post(peer, PARCELS, batch.model_dump_json().encode())
        return _parse(Setback, peer, body) if status == _CONFLICT else _parse(Answer, peer, body)

    async def heartbeat(self, peer: Node, beat: Heartbeat) -> tuple[Heartbeat, float]:
        """Exchange heartbeats with a peer; return its own and the round trip in milliseconds. Raises as `deliver`."""
        started = time.perf_counter()
        _, body = await self._post(peer, HEARTBEAT, beat.model_dump_json().encode())
        return _parse(Heartbeat, peer, body), (time.perf_counter() - started) * 1000

    async def greet(self, peer: Node) -> tuple[Greeting, float]:
        """Ask whether a peer is there and knows this node; return what it says and the round trip in milliseconds.

        Nothing changes by it on either side. Raises as `deliver`.
        """
        started = time.perf_counter()
        _, body = await self._post(peer, GREETING, b"{}")
        return _parse(Greeting, peer, body), (time.perf_counter() - started) * 1000

    async def ask_to_join(self, inviter: Node, body: bytes) -> tuple[int, bytes]:
        """Ask a node to be taken into its fleet; return status and body of the answer, whatever it is.

        Raises:
            PeerUnreachable: no answer came; PeerRefused: it was too large.
        """
        response, content = await self._exchange(inviter, JOIN, body, {})
        return response.status_code, content

    async def _post(self, peer: Node, path: str, body: bytes) -> tuple[int, bytes]:
        """Make a signed request, by the key that the peer took the last time, or the others in turn if it is not known there."""
        key = self._taken.get(peer.id, self._key)
        response, content = await self._exchange(peer, path, body, self._signature(key, peer, path, body))
        if response.status_code == _UNKNOWN_KEY and self._keys is not None:
            for other in self._keys():
                if other.public != key.public:
                    signature = self._signature(other, peer, path, body)
                    response, content = await self._exchange(peer, path, body, signature)
                    key = other
                    if response.status_code != _UNKNOWN_KEY:
                        break
        if response.status_code in (200, _CONFLICT):
            self._taken[peer.id] = key
            return response.status_code, content
        raise _refused(peer, response, content)

    def _signature(self, key: NodeKey, peer: Node, path: str, body: bytes) -> dict[str, str]:
        now_s = self._wall() // 1000
        return signing.sign(key, self._node, method="POST", path=path, body=body, destination=peer.id, now_s=now_s)

    async def _exchange(
        self, peer: Node, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[httpx.Response, bytes]:
        headers["content-type"] = "application/json"
        try:
            async with (
                asyncio.timeout(_WHOLE_S),  # a peer that answers byte by byte would else hold the lane for ever
                self._http.stream("POST", peer.url + path, content=body, headers=headers) as response,
            ):
                content = await _read(response, peer)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise PeerUnreachable(f"{peer.id} did not answer in time.") from error
        except httpx.TransportError as error:
            raise PeerUnreachable(f"{peer.id} cannot be reached: {_plain(error)}.") from error
        return response, content


async def _read(response: httpx.Response, peer: Node) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_REQUEST_BYTES:
            raise PeerRefused(f"{peer.id} answered with more than {MAX_REQUEST_BYTES} bytes.")
    return bytes(content)


def _refused(peer: Node, response: httpx.Response, content: bytes) -> PeerRefused:
    try:
        message = shorten(Problem.model_validate_json(content).message, 300)
    except ValidationError:
        message = f"It is not a ClaudeMail gateway that answers at {peer.url}, or not this version."
    text = f"{peer.id} refused ({response.status_code}): {message}"
    after = response.headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return PeerBusy(text, min(float(after[:6]), 3600.0))
    return PeerRefused(text)


def _parse(model: type[M], peer: Node, body: bytes) -> M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise PeerRefused(f"{peer.id} gave an answer that this version does not understand.") from error


def _plain(error: httpx.TransportError) -> str:
    """Return in a few words what went wrong with a connection."""
    text = str(error).lower()
    if "name or service not known" in text or "nodename nor servname" in text or "name resolution" in text:
        return "its host name is not known"
    for word in ("connection refused", "no route to host", "network is unreachable", "connection reset"):
        if word in text:
            return word
    if isinstance(error, httpx.ConnectError):
        return "connection refused" if "all connection attempts failed" in text else shorten(text, 120)
    return shorten(text, 120) or type(error).__name__
