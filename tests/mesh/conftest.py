"""Who stands at the door of a node: someone with a peer's key who writes requests by hand, and someone who answers for a peer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from claudemail.keys import NodeKey
from claudemail.mesh import signing
from claudemail.model.brief import SIGNED_AS, Brief, Sender, canonical
from claudemail.model.ids import code_of, new_id
from claudemail.model.receipt import DeliveryState
from claudemail.office import Office
from claudemail.testing import Fleet, Member


class Knocker:
    """Someone with server1's key who writes requests by hand to server2."""

    def __init__(self, fleet: Fleet) -> None:
        self.key = NodeKey.load_or_create(fleet["server1"].folder)
        self.config = fleet["server2"].config
        self.epoch = "0" * 16
        self.http = httpx.AsyncClient(base_url=self.config.node.url, trust_env=False)

    async def post(self, body: bytes | dict[str, Any], path: str = "/v1/parcels", **headers: str) -> httpx.Response:
        """Send a signed request; `headers` override."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = signing.sign(
            self.key, "server1", method="POST", path=path, body=data, destination="server2", now_s=int(time.time())
        )
        return await self.http.post(path, content=data, headers={**signed, **headers})

    def parcel(
        self, seq: int, *, names: tuple[str, ...] = ("charlie",), node: str = "server1", **fields: Any
    ) -> dict[str, Any]:
        """Return a parcel with a signed brief in it."""
        now = int(time.time() * 1000)
        id = new_id(now)
        brief = Brief(
            id=id, ref=code_of(id)[:4], stamp=f"{now:014d}-00000-{node}", at=now, sender=Sender(name="alpha", node=node),
            to=["charlie"], title=fields.pop("title", "t"), body=fields.pop("body", "b"), thread=id,
        )  # fmt: skip
        content = {**brief.fields(), **fields}
        signature = self.key.sign(SIGNED_AS + canonical(content).encode())
        return {
            "seq": seq,
            "id": new_id(now),
            "kind": "brief",
            "body": {"brief": content, "signature": signature, "for": list(names)},
        }

    async def deliver(self, *parcels: dict[str, Any], epoch: str | None = None) -> httpx.Response:
        """Send parcels in one batch."""
        return await self.post({"epoch": epoch or self.epoch, "parcels": list(parcels)})


@pytest.fixture
async def knocker(fleet: Fleet) -> AsyncIterator[Knocker]:
    """Server2 runs, and someone knocks."""
    fleet["server2"].start()
    knocker = Knocker(fleet)
    async with knocker.http:
        yield knocker


@pytest.fixture
async def there(fleet: Fleet, knocker: Knocker) -> AsyncIterator[Office]:
    """The office of server2, opened beside its gateway."""
    async with await Office.open(fleet["server2"].config) as office:
        yield office


@contextlib.asynccontextmanager
async def impostor(
    member: Member, answer: Callable[[str], tuple[int, bytes]], key: NodeKey | None = None
) -> AsyncIterator[list[str]]:
    """Answer at a node's address what `answer` makes of a path; yield the list of paths that were asked for.

    The answers are signed with the node's own key, or with another.
    """
    key = key or NodeKey.load_or_create(member.folder)
    asked: list[str] = []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")
                )
                await reader.readexactly(length)
                path = head.split()[1]
                asked.append(path)
                status, body = answer(path)
                given = next(line[11:] for line in head.split("\r\n") if line.lower().startswith("signature: "))
                signed = signing.sign_answer(
                    key, member.config.node_id, status=status, body=body, request=given, now_s=int(time.time())
                )
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *map(": ".join, signed.items())]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
                await writer.drain()

    node = member.config.node
    server = await asyncio.start_server(serve, node.ip, node.port)
    try:
        yield asked
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.wait(serving)


async def reached(office: Office, ref: str, state: DeliveryState) -> None:
    """Return once the only recipient of a brief is at a state, woken by the office's own bell."""
    rung = asyncio.Event()
    unsubscribe = office.subscribe(rung.set)
    async with asyncio.timeout(15):
        while (await office.read(office.operator(), ref)).recipients[0].state is not state:
            await rung.wait()
            rung.clear()
    unsubscribe()


async def titles(office: Office) -> list[str]:
    """Return the titles in charlie's mailbox, oldest first."""
    page = await office.inbox(["charlie"], limit=100)
    return [row.title for row in reversed(page.rows)]
