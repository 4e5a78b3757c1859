"""A network between the nodes of a fleet that fails on demand: one TCP proxy for each direction of each pair."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")
_CHUNK = 65_536
_LOOK_S = 0.02


class Link:
    """One direction: who sends dials this address in place of the peer's. Its attributes may be set at any time."""

    def __init__(self, host: str, port: int, target: str, chance: random.Random) -> None:
        self.host = host
        self.port = port
        self._target = target
        self._chance = chance
        self.drop_answers = 0.0
        """The share of answers that are cut off once the request has been handed on: the peer did it, nobody hears of it."""
        self.wedged = False
        """Connections are taken and stay open, and not a byte goes through."""
        self.delay_s = 0.0
        self.bytes_per_s = 0.0
        """How much goes through; 0: as much as comes."""
        self.dropped = 0
        self.stalled = 0
        """How many connections met a wedged link."""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._take, self.host, self.port)

    async def cut(self) -> None:
        """Break all connections off, and take no new ones until `start`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._carry(reader, writer)
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._hold()
        there, back = await asyncio.open_connection(self._target, self.port)
        ways = [
            asyncio.create_task(self._pump(reader, back, answers=False)),
            asyncio.create_task(self._pump(there, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            back.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                if answers and self._chance.random() < self.drop_answers:
                    self.dropped += 1
                    return
                await self._hold()
                if self.delay_s or self.bytes_per_s:
                    await asyncio.sleep(self.delay_s + (len(data) / self.bytes_per_s if self.bytes_per_s else 0))
                sink.write(data)
                await sink.drain()

    async def _hold(self) -> None:
        if self.wedged:
            self.stalled += 1
        while self.wedged:  # noqa: ASYNC110 - set from another thread, which has no event of this loop
            await asyncio.sleep(_LOOK_S)


class Network:
    """Links, and the thread that serves them. Use it as a context."""

    def __init__(self, seed: int) -> None:
        self.links: dict[tuple[str, str], Link] = {}
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def link(self, source: str, target: str, port: int) -> Link:
        """Return the link from one node to another, made if it is new; the other listens on 127.0.0.1."""
        if (source, target) not in self.links:
            host = f"127.0.1.{len(self.links) + 1}"
            self.links[source, target] = Link(host, port, "127.0.0.1", random.Random(self._chance.random()))
        return self.links[source, target]

    def to(self, node: str) -> list[Link]:
        """Return the links to a node."""
        return [link for (_, target), link in self.links.items() if target == node]

    def between(self, one: str, other: str) -> list[Link]:
        """Return both directions between two nodes."""
        return [self.links[one, other], self.links[other, one]]

    def cut(self, *links: Link) -> None:
        """Break links off: who dials them is refused."""
        for link in links:
            self._do(link.cut())

    def mend(self) -> None:
        """Have all links carry everything again."""
        for link in self.links.values():
            link.drop_answers, link.wedged, link.delay_s, link.bytes_per_s = 0.0, False, 0.0, 0.0
            if link._server is None:
                self._do(link.start())

    def __enter__(self) -> Network:
        self._thread.start()
        for link in self.links.values():
            self._do(link.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cut(*self.links.values())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
