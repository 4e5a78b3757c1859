"""The server side of the wire: what a node answers its peers. Who gets that far, the door decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from claudemail import __version__
from claudemail.clock import WallClock
from claudemail.config import Config
from claudemail.keys import NodeKey
from claudemail.mesh.client import GREETING, HEARTBEAT, PARCELS, PULL
from claudemail.mesh.counts import Counts
from claudemail.mesh.door import Contact, Door
from claudemail.mesh.mailroom import Mailroom
from claudemail.model.greeting import Greeting
from claudemail.model.parcel import Batch, Handout, Origin, Pull, Setback
from claudemail.model.roster import Heartbeat
from claudemail.model.value import Value

HandOut = Callable[[Origin, Pull], Awaitable[Batch | None]]


class Gateway:
    """The HTTP application of one node."""

    def __init__(
        self,
        config: Config,
        mailroom: Mailroom,
        key: NodeKey,
        wall: WallClock,
        *,
        contact: Contact,
        suspect: Callable[[str], None],
        hand_out: HandOut,
        counts: Counts,
    ) -> None:
        self._node_id = config.node_id
        self._mailroom = mailroom
        self._wall = wall
        self._suspect = suspect
        self._hand_out = hand_out
        self._counts = counts
        door = Door(config, key, wall, contact)
        handlers = {
            PARCELS: self._parcels,
            HEARTBEAT: self._heartbeat,
            PULL: self._pull,
            GREETING: self._greeting,
        }
        self.app = Starlette(
            routes=[
                Route("/v1/ping", self._ping, methods=["GET"]),
                *(Route(path, door.endpoint(handler), methods=["POST"]) for path, handler in handlers.items()),
            ]
        )

    async def _ping(self, _: Request) -> Response:
        return JSONResponse({"node": self._node_id})

    async def _parcels(self, origin: Origin, body: bytes) -> Response:
        batch = Batch.model_validate_json(body)
        answer = await self._mailroom.take_in(origin, batch)
        self._counts.taken_in(origin.node, batch, answer)
        return _json(answer, 409 if isinstance(answer, Setback) else 200)

    async def _heartbeat(self, origin: Origin, body: bytes) -> Response:
        beat = Heartbeat.model_validate_json(body)
        await self._mailroom.heard(origin.node, beat, rtt_ms=None)
        # It may have written this before it acknowledged the last of it, so this is not proof: we ask.
        if await self._mailroom.has_lost(origin.node, beat, self._wall()):
            self._suspect(origin.node)
        return _json(await self._mailroom.own_heartbeat(origin.node))

    async def _pull(self, origin: Origin, body: bytes) -> Response:
        return _json(Handout(batch=await self._hand_out(origin, Pull.model_validate_json(body))))

    async def _greeting(self, _: Origin, __: bytes) -> Response:
        return _json(Greeting(node=self._node_id, version=__version__, at=self._wall()))


def _json(value: Value, status: int = 200) -> Response:
    return Response(value.model_dump_json(), status, media_type="application/json")
