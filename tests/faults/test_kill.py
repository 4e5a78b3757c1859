"""kill -9 of gateways while mail flows."""

from __future__ import annotations

import asyncio

from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.testing import Fleet

KILLS = 8
PAUSE_S = 0.005


async def test_nothing_is_lost_doubled_or_reordered_when_gateways_are_killed(fleet: Fleet) -> None:
    """Every brief accepted while both gateways are killed again and again arrives once, in the order of acceptance."""
    fleet.start()
    async with await Office.open(fleet["server1"].config) as office:
        accepted: list[str] = []

        async def send() -> None:
            while True:
                sent = await office.send(office.operator(), Draft(to=["charlie"], title=f"{len(accepted)}"))
                accepted.append(sent.title)
                await asyncio.sleep(PAUSE_S)  # a steady stream, that a gateway keeps up with

        sending = asyncio.create_task(send())
        for number in range(KILLS):
            member = fleet[f"server{number % 2 + 1}"]
            await asyncio.to_thread(member.kill)
            await asyncio.to_thread(member.start)
        sending.cancel()
        await asyncio.wait([sending])
        rung = asyncio.Event()
        office.subscribe(rung.set)
        async with asyncio.timeout(30):
            while (await office.status()).lanes[0].waiting:
                await rung.wait()
                rung.clear()
    async with await Office.open(fleet["server2"].config) as there:
        page = await there.inbox(["charlie"], limit=len(accepted) + 100)
    # A send that was cancelled on its way may have been accepted, too: at most the last one.
    arrived = [row.title for row in reversed(page.rows)]
    assert arrived in (accepted, [*accepted, f"{len(accepted)}"])
    assert len(accepted) > KILLS
