"""Pinging: have this node's gateway ask another node at once whether it is there."""

from __future__ import annotations

import asyncio
import time

from pydantic import ValidationError

from claudemail import local_http
from claudemail.errors import GatewayUnavailable, UnknownName
from claudemail.model.views import PingView
from claudemail.office.desk import Desk
from claudemail.running import read_notice, socket_path

PATH = "/ping/"
"""Before a node's name: the page of the gateway that asks that node."""
_HEALTH = "/healthz"
_MOST_S = 40.0
"""Longer than the gateway waits for a peer."""
_OK = 200


async def ping(desk: Desk, node: str) -> PingView:
    """Ask a node whether it is there; of this node itself, its gateway.

    What comes of it is noted in the registry, as with any heartbeat.

    Raises:
        GatewayUnavailable: no gateway runs here that could ask, or it does not say.
        UnknownName: there is no such node.
    """
    config = desk.config
    if node not in {one.id for one in config.nodes}:
        raise UnknownName(f"There is no node {node}.", remedy=f"There are: {', '.join(n.id for n in config.nodes)}.")
    here = node == config.node_id
    if read_notice(config.state_dir) is None:
        raise GatewayUnavailable(
            f"The gateway of {config.node_id} is down, and it is what asks.",
            remedy="Start it with `claudemail gateway start`.",
        )
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_MOST_S):
            page = await local_http.get(socket_path(config), _HEALTH if here else PATH + node)
    except (OSError, ValueError) as error:
        raise GatewayUnavailable(
            f"The gateway of {config.node_id} does not answer.", remedy="Look at `claudemail gateway logs`."
        ) from error
    if here:
        error_ = None if page.status == _OK else "its gateway says that it is not well"
        return PingView(node=node, rtt_ms=(time.perf_counter() - started) * 1000, error=error_)
    try:
        return PingView.model_validate_json(page.body)
    except ValidationError as error:
        raise GatewayUnavailable(
            f"The gateway of {config.node_id} cannot ask {node}: it runs with another config or version.",
            remedy="Start it anew with `claudemail gateway restart`.",
        ) from error
