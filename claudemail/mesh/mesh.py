"""The mesh of one node: a lane and a pulse for each peer, and the door for what they bring."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.routing import Route

from claudemail.clock import WallClock
from claudemail.config import Config
from claudemail.keys import NodeKey
from claudemail.mesh.client import MeshClient
from claudemail.mesh.contacts import Contacts
from claudemail.mesh.counts import Counts
from claudemail.mesh.gateway import Gateway
from claudemail.mesh.heartbeat import Pulse
from claudemail.mesh.lane import Lane
from claudemail.mesh.mailroom import Mailroom
from claudemail.mesh.traffic import Traffic
from claudemail.model.parcel import Origin

log = logging.getLogger(__name__)
_BIND_AGAIN_S = 2.0
FINISH_S = 5
"""How long what is in flight may take when the gateway is to end."""
Listening = Callable[[str | None, str | None], None]
"""Takes the address that peers are heard at, or None and why they are not."""


class Mesh:
    """Carries parcels and heartbeats between this node and all others."""

    def __init__(self, config: Config, mailroom: Mailroom, key: NodeKey, wall: WallClock, counts: Counts) -> None:
        self._config = config
        self._contacts = Contacts(mailroom, wall)
        self._client = MeshClient(config.node_id, key, wall)
        self._gateway = Gateway(config, mailroom, wall, contact=self._contact, suspect=self._suspect, counts=counts)
        self._counts = counts
        self._finishing = asyncio.Event()
        self._carrying: list[asyncio.Task[None]] = []
        self._lanes = {
            peer.id: Lane(
                peer,
                mailroom,
                self._client,
                self._contacts,
                wall,
                poll_interval_ms=config.poll_interval_ms,
                counts=counts,
            )
            for peer in config.peers
        }
        self._pulses = {
            peer.id: Pulse(
                peer,
                mailroom,
                self._client,
                self._contacts,
                wall,
                interval_ms=config.heartbeat_interval_ms,
                contact=self._lanes[peer.id].contact,
            )
            for peer in config.peers
        }

    def nudge(self) -> None:
        """There may be new parcels."""
        for lane in self._lanes.values():
            lane.nudge()

    def roster_changed(self) -> None:
        """Tell all peers soon who is here."""
        for pulse in self._pulses.values():
            pulse.soon()

    async def run(self, listening: Listening) -> None:
        """Work until cancelled. `listening` is told at which address, whenever that changes."""
        try:
            async with asyncio.TaskGroup() as group:
                self._carrying = [
                    group.create_task(self._listen(listening)),
                    *(group.create_task(lane.run()) for lane in self._lanes.values()),
                ]
                for pulse in self._pulses.values():
                    group.create_task(pulse.run())
        finally:
            await self._client.close()

    async def finish(self) -> None:
        """Take no more connections, answer what peers have begun to ask, and end the exchanges in flight.

        Returns:
            when all that is done, or after `FINISH_S`. `run` goes on until it is cancelled.
        """
        self._finishing.set()
        for lane in self._lanes.values():
            lane.finish()
        if self._carrying:
            await asyncio.wait(self._carrying, timeout=FINISH_S)

    async def _contact(self, origin: Origin) -> None:
        self._lanes[origin.node].contact()
        await self._contacts.seen(origin.node)

    def _suspect(self, node: str) -> None:
        self._pulses[node].soon()

    async def _listen(self, listening: Listening) -> None:
        """Serve HTTP. An address that is not to be had is tried again and again: all else goes on meanwhile."""
        node = self._config.node
        said = None
        paths = [route.path for route in self._gateway.app.routes if isinstance(route, Route)]
        app = Traffic(self._gateway.app, paths, self._counts)
        while not self._finishing.is_set():
            try:
                door = _bind(node.bind, node.port)
            except OSError as error:
                why = f"{node.bind}:{node.port}: {error.strerror}"
                if why != said:
                    log.warning("cannot listen on %s", why)
                    listening(None, f"cannot listen on {why}")
                said = why
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._finishing.wait(), _BIND_AGAIN_S)
                continue
            listening(f"{node.bind}:{node.port}", None)
            with door:
                await _serve(app, door, self._finishing)


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    door = socket.socket(family, kind, protocol)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(128)
    except OSError:
        door.close()
        raise
    door.setblocking(False)
    return door


class _Server(uvicorn.Server):
    """uvicorn without a hold on the process's signals: the gateway stops it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(app: Traffic, door: socket.socket, finishing: asyncio.Event) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=FINISH_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[door]))
    told = asyncio.create_task(finishing.wait())
    try:
        await asyncio.wait([serving, told], return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        server.should_exit = True
        await serving
