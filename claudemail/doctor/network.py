"""What the doctor looks at beyond this machine: each peer, whether it answers, knows this node, and goes by the same clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

from claudemail import __version__
from claudemail.clock import wall_ms
from claudemail.config import Config, Node
from claudemail.doctor.finding import Examined, note, ok, problem, warning
from claudemail.errors import PeerRefused, PeerUnreachable
from claudemail.keys import NodeKey
from claudemail.mesh.client import MeshClient
from claudemail.text import ago


async def peers(settings: Config, key: NodeKey) -> AsyncIterator[Examined]:
    """Greet each peer, signed as all requests are, and say how it went. Nothing changes by it there."""
    client = MeshClient(settings.node_id, key, wall_ms)
    try:
        for peer in settings.peers:
            if peer.pull:
                yield _unreached(settings, peer)
                continue
            async for finding in _peer(settings, client, peer):
                yield finding
    finally:
        await client.close()


def _unreached(settings: Config, peer: Node) -> Examined:
    """Say of a peer that fetches its mail what can be said without asking it."""
    name = f"peer {peer.id}"
    if settings.node.pull:
        return problem(
            name,
            "no mail passes: neither node can be reached",
            "Take `pull` from one of the two that others can reach.",
        )
    return ok(name, "fetches its mail from here; `claudemail status` says when it last did")


async def _peer(settings: Config, client: MeshClient, peer: Node) -> AsyncIterator[Examined]:
    name = f"peer {peer.id}"
    try:
        theirs, rtt_ms = await client.greet(peer)
    except PeerUnreachable as error:
        yield problem(name, error.message, f"Start the gateway there, and let {peer.url} be reached from here.")
        return
    except PeerRefused as error:
        yield problem(
            name, error.message, f"Let the configs of {settings.node_id} and {peer.id} say the same of both, keys too."
        )
        return
    if theirs.node != peer.id:
        yield problem(name, f"{theirs.node} answers at {peer.url}", "Correct the addresses of both in the config.")
        return
    yield ok(name, f"answers at {peer.url} in {rtt_ms:.0f} ms")
    if theirs.version != __version__:
        yield note(
            name, f"runs ClaudeMail {theirs.version}, this node {__version__}", "Install the same version on both."
        )
    skew = theirs.at - wall_ms()
    if abs(skew) >= settings.checkup.clock_skew_seconds * 1000:
        side = "ahead of" if skew > 0 else "behind"
        yield warning("clock", f"the clock of {peer.id} is {ago(0, abs(skew))} {side} this node's", "Set both by NTP.")
