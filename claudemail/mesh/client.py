"""The client side of the wire: one long-lived httpx client, and what a peer's answers mean."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from claudemail.clock import WallClock
from claudemail.config import Node
from claudemail.errors import ConfigError, PeerRefused, PeerUnreachable
from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.mesh.tls import client_context
from claudemail.model.greeting import Greeting
from claudemail.model.parcel import MAX_REQUEST_BYTES, Answer, Batch, Handout, Problem, Pull, Setback
from claudemail.model.roster import Heartbeat
from claudemail.text import shorten

PARCELS = "/v1/parcels"
HEARTBEAT = "/v1/heartbeat"
GREETING = "/v1/greeting"
PULL = "/v1/pull"
JOIN = "/v1/join"
_CONNECT_S, _READ_S, _WHOLE_S = 5.0, 15.0, 30.0
_OK, _UNKNOWN_KEY, _CONFLICT, _TOO_LARGE = 200, 401, 409, 413
_LONGEST_RETRY_S = 3600.0
M = TypeVar("M", bound=BaseModel)


class PeerBusy(PeerRefused):
    """The other node asks us to come back later."""

    code = "peer_busy"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLarge(PeerRefused):
    """The other node takes no request as large as this one."""

    code = "too_large"


class Reply(NamedTuple):
    """An answer that says something: its status and body, and whether it is proved to be the peer's."""

    status: int
    body: bytes
    verified: bool


class Pulled(NamedTuple):
    """What a peer handed out, and whether it is proved to be from it."""

    batch: Batch | None
    verified: bool


class MeshClient:
    """Calls peers as this node."""

    def __init__(
        self,
        node: str,
        key: NodeKey,
        wall: WallClock,
        *,
        keys: Callable[[], Sequence[NodeKey]] | None = None,
        peer_keys: Callable[[], Mapping[str, str | None]] | None = None,
    ) -> None:
        """Sign with `key`.

        Args:
            node: this node.
            key: its key.
            wall: its clock.
            keys: tried where a peer refuses that one: it may have heard of this node's new key.
            peer_keys: by which keys peers are known now; None: as the config says.
        """
        self._node = node
        self._key = key
        self._keys = keys
        self._peer_keys = peer_keys
        self._taken: dict[str, NodeKey] = {}
        self._wall = wall
        # A new client per request would cost 20 ms.
        self._plain = _http(verify=False)
        self._pinned: dict[str, httpx.AsyncClient] = {}
        """A client for each peer that is known by a certificate of its own."""

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._plain, *self._pinned.values()):
            await client.aclose()

    def _to(self, peer: Node) -> httpx.AsyncClient:
        """Return what speaks with a peer.

        Raises:
            PeerUnreachable: its certificate cannot be read.
        """
        if peer.tls_cert is None:
            return self._plain
        if peer.id not in self._pinned:
            try:
                self._pinned[peer.id] = _http(verify=client_context(peer))
            except ConfigError as error:
                raise PeerUnreachable(error.message, remedy=error.remedy) from error
        return self._pinned[peer.id]

    async def deliver(self, peer: Node, batch: Batch) -> Answer | Setback:
        """Hand parcels to a peer and return its answer.

        Raises:
            PeerUnreachable: no answer came.
            PeerRefused: the answer was no, or is not proved to be the peer's; PeerBusy: come back later; TooLarge: send less.
        """
        reply = await self._post(peer, PARCELS, batch.model_dump_json().encode())
        return _parse(Setback, peer, reply) if reply.status == _CONFLICT else _parse(Answer, peer, reply)

    async def heartbeat(self, peer: Node, beat: Heartbeat) -> tuple[Heartbeat, float]:
        """Exchange heartbeats with a peer; return its own and the round trip in milliseconds. Raises as `deliver`."""
        started = time.perf_counter()
        reply = await self._post(peer, HEARTBEAT, beat.model_dump_json().encode())
        return _parse(Heartbeat, peer, reply), (time.perf_counter() - started) * 1000

    async def greet(self, peer: Node) -> tuple[Greeting, float]:
        """Ask whether a peer is there and knows this node; return what it says and the round trip in milliseconds.

        Nothing changes by it on either side. Raises as `deliver`.
        """
        started = time.perf_counter()
        reply = await self._post(peer, GREETING, b"{}")
        return _parse(Greeting, peer, reply), (time.perf_counter() - started) * 1000

    async def pull(self, peer: Node, pull: Pull) -> Pulled:
        """Ask a peer for what it has for this node. Raises as `deliver`."""
        reply = await self._post(peer, PULL, pull.model_dump_json().encode(), pull.wait_ms / 1000)
        return Pulled(_parse(Handout, peer, reply).batch, reply.verified)

    async def ask_to_join(self, inviter: Node, body: bytes) -> tuple[int, bytes]:
        """Ask a node to be taken into its fleet; return status and body of the answer, whatever it is.

        Raises:
            PeerUnreachable: no answer came; PeerRefused: it was too large.
        """
        response, content = await self._exchange(inviter, JOIN, body, {})
        return response.status_code, content

    async def _post(self, peer: Node, path: str, body: bytes, wait_s: float = 0.0) -> Reply:
        """Make a signed request, by the key that the peer took the last time, or the others in turn if it is not known there.

        The peer may take `wait_s` longer than usual to answer.
        """
        key = self._taken.get(peer.id, self._key)
        headers = self._signature(key, peer, path, body)
        response, content = await self._exchange(peer, path, body, headers, wait_s)
        if response.status_code == _UNKNOWN_KEY and self._keys is not None:
            for other in self._keys():
                if other.public != key.public:
                    key, headers = other, self._signature(other, peer, path, body)
                    response, content = await self._exchange(peer, path, body, headers, wait_s)
                    if response.status_code != _UNKNOWN_KEY:
                        break
        if response.status_code not in (_OK, _CONFLICT, _TOO_LARGE):
            raise _refused(peer, response, content)
        verified = self._check(peer, response, content, headers["signature"])
        self._taken[peer.id] = key
        if response.status_code == _TOO_LARGE:
            raise TooLarge(_refused(peer, response, content).message)
        return Reply(response.status_code, content, verified)

    def _signature(self, key: NodeKey, peer: Node, path: str, body: bytes) -> dict[str, str]:
        now_s = self._wall() // 1000
        return signing.sign(key, self._node, method="POST", path=path, body=body, destination=peer.id, now_s=now_s)

    def _check(self, peer: Node, response: httpx.Response, content: bytes, request: str) -> bool:
        key = peer.public_key if self._peer_keys is None else self._peer_keys()[peer.id]
        return signing.check_answer(
            response.headers, status=response.status_code, body=content, request=request, node=peer.id, key=key
        )

    async def _exchange(
        self, peer: Node, path: str, body: bytes, headers: dict[str, str], wait_s: float = 0.0
    ) -> tuple[httpx.Response, bytes]:
        headers = {**headers, "content-type": "application/json"}
        timeout = httpx.Timeout(_READ_S + wait_s, connect=_CONNECT_S, pool=None)
        client, url = self._to(peer), peer.url + path
        try:
            async with (
                asyncio.timeout(_WHOLE_S + wait_s),  # or a peer that answers byte by byte would hold the lane for ever
                client.stream("POST", url, content=body, headers=headers, timeout=timeout) as response,
            ):
                content = await _read(response, peer)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise PeerUnreachable(f"{peer.id} did not answer in time.") from error
        except httpx.TransportError as error:
            raise PeerUnreachable(f"{peer.id} cannot be reached: {_plain(error).rstrip('.')}.") from error
        return response, content


def _http(*, verify: ssl.SSLContext | bool) -> httpx.AsyncClient:
    """Return a client without the environment's proxies: they have no place between one's own nodes."""
    limits = httpx.Limits(max_connections=None, keepalive_expiry=60)
    return httpx.AsyncClient(verify=verify, trust_env=False, limits=limits)


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
        return PeerBusy(text, min(float(after[:6]), _LONGEST_RETRY_S))
    return PeerRefused(text)


def _parse(model: type[M], peer: Node, reply: Reply) -> M:
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as error:
        raise PeerRefused(f"{peer.id} gave an answer that this version does not understand.") from error


def _plain(error: httpx.TransportError) -> str:
    """Return in a few words what went wrong with a connection."""
    text = str(error).lower()
    if "name or service not known" in text or "nodename nor servname" in text or "name resolution" in text:
        return "its host name is not known"
    if "certificate verify failed" in text:
        return "it shows another certificate than the one in the config (tls_cert)"
    for word in ("connection refused", "no route to host", "network is unreachable", "connection reset"):
        if word in text:
            return word
    if isinstance(error, httpx.ConnectError):
        return "connection refused" if "all connection attempts failed" in text else shorten(text, 120)
    return shorten(text, 120) or "the connection broke off"
