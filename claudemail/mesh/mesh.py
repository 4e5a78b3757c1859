"""The mesh of one node: a lane and a pulse for each peer, and the door for what they bring."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable

from starlette.routing import Route

from claudemail.clock import WallClock
from claudemail.config import Config
from claudemail.errors import PeerUnreachable
from claudemail.keys import NodeKey
from claudemail.mesh.client import MeshClient
from claudemail.mesh.contacts import Contacts
from claudemail.mesh.counts import Counts
from claudemail.mesh.gateway import Gateway
from claudemail.mesh.heartbeat import Pulse
from claudemail.mesh.lane import Lane
from claudemail.mesh.mailroom import Mailroom
from claudemail.mesh.poll import Poll
from claudemail.mesh.server import FINISH_S, bind, serve
from claudemail.mesh.tls import server_context
from claudemail.mesh.traffic import Traffic
from claudemail.model.parcel import Batch, Origin, Pull

log = logging.getLogger(__name__)
_BIND_AGAIN_S = 2.0
Listening = Callable[[str | None, str | None], None]
"""Takes the address that peers are heard at, or None and why they are not."""


class Mesh:
    """Carries parcels and heartbeats between this node and all others."""

    def __init__(self, config: Config, mailroom: Mailroom, key: NodeKey, wall: WallClock, counts: Counts) -> None:
        self._config = config
        self._contacts = Contacts(mailroom, wall)
        self._client = MeshClient(config.node_id, key, wall, keys=mailroom.own_keys, peer_keys=mailroom.peer_keys)
        self._counts = counts
        self._gateway = Gateway(
            config,
            mailroom,
            wall,
            contact=self._contact,
            suspect=self._suspect,
            hand_out=self._hand_out,
            counts=counts,
        )
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
        reached = [peer for peer in config.peers if not peer.pull]
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
            for peer in reached
        }
        self._polls = [
            Poll(
                peer,
                mailroom,
                self._client,
                self._contacts,
                wall,
                interval_ms=config.poll_interval_ms,
                waiting=config.node.pull,
                contact=self._lanes[peer.id].contact,
            )
            for peer in reached
        ]

    def nudge(self) -> None:
        """There may be new parcels."""
        for lane in self._lanes.values():
            lane.nudge()

    def roster_changed(self) -> None:
        """Tell all peers soon who is here."""
        for pulse in self._pulses.values():
            pulse.soon()

    async def ping(self, node: str) -> float:
        """Exchange heartbeats with a peer now; return the round trip in milliseconds.

        Raises:
            PeerUnreachable, PeerRefused, StoreError: it failed; or it is not for this node to call.
        """
        if node not in self._pulses:
            raise PeerUnreachable(f"{node} cannot be called (pull in the config): it calls by itself.")
        return await self._pulses[node].ask()

    async def run(self, listening: Listening) -> None:
        """Work until cancelled. `listening` is told at which address, whenever that changes."""
        try:
            async with asyncio.TaskGroup() as group:
                if not self._config.node.pull:
                    self._carrying.append(group.create_task(self._listen(listening)))
                for lane in self._lanes.values():
                    if not lane.peer.pull:
                        self._carrying.append(group.create_task(lane.run()))
                for pulse in self._pulses.values():
                    group.create_task(pulse.run())
                for poll in self._polls:
                    group.create_task(poll.run())
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
        if node in self._pulses:  # one that cannot be reached says itself how far it is, whenever it asks for mail
            self._pulses[node].soon()

    async def _hand_out(self, origin: Origin, pull: Pull) -> Batch | None:
        lane = self._lanes[origin.node]
        # Without proof of who asks, mail is only given to whom the config says that it fetches it: it would else be gone.
        # The lane was told of the contact, and pushes what there is.
        return await lane.hand_out(pull) if origin.verified or lane.peer.pull else None

    async def _listen(self, listening: Listening) -> None:
        """Serve HTTP. An address that is not to be had is tried again and again: all else goes on meanwhile."""
        node = self._config.node
        said = None
        paths = [route.path for route in self._gateway.app.routes if isinstance(route, Route)]
        app = Traffic(self._gateway.app, paths, self._counts)
        while not self._finishing.is_set():
            try:
                door, tls = bind(node.bind, node.port), server_context(self._config)
            except (OSError, ssl.SSLError) as error:
                why = f"{node.bind}:{node.port}: {error.strerror or error}"
                if why != said:
                    log.warning("cannot listen on %s", why)
                    listening(None, f"cannot listen on {why}")
                said = why
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._finishing.wait(), _BIND_AGAIN_S)
                continue
            listening(f"{node.bind}:{node.port}", None)
            with door:
                await serve(app, door, tls, self._finishing)
