"""A node is wiped and restored from a backup that was taken under load, while its peer runs on and goes on sending."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from claudemail.model.brief import Draft
from claudemail.office import Office, keeping
from claudemail.testing import Fleet
from tests.nursery import raised

PAUSE_S = 0.005


class Sender:
    """Sends numbered briefs until it is told to stop, and remembers which were accepted."""

    def __init__(self, office: Office, name: str, to: str) -> None:
        self._office = office
        self._name = name
        self._to = to
        self.accepted: list[str] = []
        self._going = True
        self._grown = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the send that is under way, and end."""
        assert self._task is not None
        self._going = False
        await self._task

    async def more(self, count: int) -> None:
        """Return once so many more were accepted."""
        enough = len(self.accepted) + count
        while len(self.accepted) < enough:
            self._grown.clear()
            await self._grown.wait()

    async def _run(self) -> None:
        party = await self._office.party(self._name)
        while self._going:
            title = f"{self._name} {len(self.accepted)}"
            await self._office.send(party, Draft(to=[self._to], title=title, actions=["do it"]))
            self.accepted.append(title)
            self._grown.set()
            await asyncio.sleep(PAUSE_S)


async def until(office: Office, true: Callable[[], Awaitable[bool]]) -> None:
    """Return once something is so, asking again whenever something has changed."""
    rung = asyncio.Event()
    unsubscribe = office.subscribe(rung.set)
    try:
        async with asyncio.timeout(60):
            while not await true():
                rung.clear()
                await asyncio.wait([asyncio.create_task(rung.wait())], timeout=0.5)
    finally:
        unsubscribe()


async def settled(office: Office) -> None:
    """Return once nothing waits in an office's outbox."""

    async def drained() -> bool:
        return not any(lane.waiting for lane in (await office.status()).lanes)

    await until(office, drained)


async def _has(office: Office, mailbox: str, sender: str, count: int) -> bool:
    return len(await arrived(office, mailbox, sender)) >= count


async def arrived(office: Office, mailbox: str, sender: str) -> list[str]:
    """Return the titles from a sender in a mailbox, in the order in which they came."""
    page = await office.inbox([mailbox], limit=100_000)
    return [row.title for row in reversed(page.rows) if row.sender.name == sender]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two nodes that tell each other often how far they are."""
    layout = {"server1": {"instance1": ["alpha", "bravo"]}, "server2": {"instance2": ["charlie"]}}
    with raised(Fleet(tmp_path / "fleet", layout, heartbeat_ms=500)) as fleet:
        yield fleet


async def test_backup_under_load_wipe_and_restore(fleet: Fleet, tmp_path: Path) -> None:
    """All that was delivered or in the backup is there once and in order on both nodes, and mail flows on both ways."""
    here, there = fleet["server1"], fleet["server2"]
    fleet.start()
    async with await Office.open(there.config) as peer:
        charlie = Sender(peer, "charlie", "alpha")
        charlie.start()
        async with await Office.open(here.config) as office:
            alpha, bravo = Sender(office, "alpha", "charlie"), Sender(office, "bravo", "alpha")
            alpha.start()
            bravo.start()
            await asyncio.gather(alpha.more(60), charlie.more(60))
            local_before = len(bravo.accepted)
            backup = await keeping.backup(here.config, tmp_path)
            await alpha.more(60)
            await alpha.stop()
            await bravo.stop()
            await settled(office)
        await asyncio.to_thread(here.kill)
        for path in here.folder.iterdir():
            if path.name != "config.json":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        await keeping.restore(here.config, Path(backup.path))
        await asyncio.to_thread(here.start)
        async with await Office.open(here.config) as office:
            again = Sender(office, "alpha", "charlie")
            again.accepted = list(alpha.accepted)
            again.start()
            await again.more(60)
            await again.stop()
            await charlie.stop()
            await settled(office)
            await settled(peer)
            await until(office, lambda: _has(office, "alpha", "charlie", len(charlie.accepted)))
            await settled(office)
            assert await arrived(peer, "charlie", "alpha") == again.accepted
            assert await arrived(office, "alpha", "charlie") == charlie.accepted
            local = await arrived(office, "alpha", "bravo")
            assert local == bravo.accepted[: len(local)]
            assert len(local) >= local_before
            sent = await peer.waiting(await peer.party("charlie"), limit=100_000)
            states = Counter(state.state for brief in sent.briefs for state in brief.states)
            assert states.keys() <= {"delivered", "notified", "read"}
            await _same_actions(office, peer)


async def _same_actions(office: Office, peer: Office) -> None:
    """Both nodes come to know of the same actions, those that were lost with the disk too."""

    async def same() -> bool:
        return (await office.status()).actions == (await peer.status()).actions

    await until(office, same)
