"""The HTTP server at the door: uvicorn, with our connections, and without a hold on the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from claudemail.mesh.connection import RECEIVE_S, Connection

FINISH_S = 5
"""How long what is in flight may take when the gateway is to end."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raise OSError if that cannot be had."""
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
    """uvicorn that leaves signals to the gateway, sleeps until it is stopped, and gives no handshake for ever."""

    def __init__(self, config: uvicorn.Config, door: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self._door = door
        self._tls = tls
        self._stop = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        await super().startup(sockets=[])

        def connection() -> Connection:
            return Connection(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

        limit = RECEIVE_S if self._tls else None
        self.servers.append(
            await asyncio.get_running_loop().create_server(
                connection, sock=self._door, ssl=self._tls, ssl_handshake_timeout=limit
            )
        )

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn's own looks ten times a second whether it has come."""
        await self._stop.wait()

    def stop(self) -> None:
        """Finish what is in flight, and end."""
        self.should_exit = True
        self._stop.set()


async def serve(app: ASGIApp, door: socket.socket, tls: ssl.SSLContext | None, finishing: asyncio.Event) -> None:
    """Serve an application at a socket until cancelled, or told to finish; then what is in flight is finished first."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of each request that is none
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=FINISH_S,
    )
    server = _Server(config, door, tls)
    serving = asyncio.create_task(server.serve())
    told = asyncio.create_task(finishing.wait())
    try:
        await asyncio.wait([serving, told], return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        server.stop()
        await serving
