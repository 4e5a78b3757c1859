"""Ping: asking whether a node is there, through the gateway of this one."""

from __future__ import annotations

import asyncio

import pytest

from claudemail.errors import GatewayUnavailable, UnknownName
from claudemail.model.roster import Liveness
from claudemail.office import Office
from claudemail.testing import Fleet


async def test_a_live_peer_answers_and_a_dead_one_does_not(fleet: Fleet) -> None:
    """The round trip comes back and is noted; of a node that is down, why it does not answer."""
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        found = await office.ping("server2")
        assert (found.node, found.error) == ("server2", None)
        assert found.rtt_ms is not None
        assert found.rtt_ms > 0
        lane = (await office.status()).lanes[0]
        assert (lane.liveness, lane.rtt_ms) == (Liveness.LIVE, found.rtt_ms)

        own = await office.ping("server1")
        assert own.error is None
        assert own.rtt_ms is not None

        await asyncio.to_thread(fleet["server2"].kill)
        found = await office.ping("server2")
        assert (found.rtt_ms, found.error) == (None, "server2 cannot be reached: connection refused.")
        assert (await office.status()).lanes[0].error == found.error

        with pytest.raises(UnknownName, match=r"There are: server1, server2"):
            await office.ping("server9")


async def test_without_a_gateway_nobody_asks(fleet: Fleet) -> None:
    """With no gateway of this node's own that is said, with what to do; nothing hangs."""
    async with await Office.open(fleet["server1"].config) as office:
        with pytest.raises(GatewayUnavailable, match="gateway of server1 is down") as caught:
            await office.ping("server2")
        assert "claudemail gateway start" in caught.value.remedy


async def test_the_gateway_notes_its_own_beat(fleet: Fleet) -> None:
    """A gateway that runs leaves its own beats in the history."""
    fleet["server1"].start()
    async with await Office.open(fleet["server1"].config) as office:
        rung = asyncio.Event()
        unsubscribe = office.subscribe(rung.set)
        async with asyncio.timeout(15):
            while "server1" not in await _noted(office):
                await rung.wait()
                rung.clear()
        unsubscribe()


async def _noted(office: Office) -> set[str]:
    from claudemail.store import beats

    return set(await office._desk.registry.read(lambda connection: beats.between(connection, 0, 2**60)))
