"""Two offices, and a network that carries what they have for each other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from claudemail import config as configuration
from claudemail.model.parcel import Answer, Batch, Origin
from claudemail.office import Office

Carry = Callable[[Office, Office], Awaitable[int]]


@pytest.fixture
async def other(seed: dict[str, Any], tmp_path: Path) -> AsyncIterator[Office]:
    """The office of `server2`."""
    values = {**seed, "db_path": "server2/mail.db", "registry_db_path": "server2/registry.db"}
    config = configuration.parse(json.dumps(values), str(tmp_path / "config.json"), {configuration.NODE_ENV: "server2"})
    async with await Office.open(config) as office:
        yield office


@pytest.fixture
def carry() -> Carry:
    """A function that carries all that one office has for another, and returns the number of parcels."""

    async def carry_all(src: Office, dst: Office) -> int:
        carried = 0
        peer = dst.config.node_id
        while (batch := await src.transit.next_batch(peer)) is not None:
            arriving = Batch.model_validate_json(Batch(epoch=batch.epoch, parcels=batch.parcels).model_dump_json())
            answer = await dst.transit.take_in(Origin(node=src.config.node_id, verified=False), arriving)
            if isinstance(answer, Answer):
                await src.transit.acknowledged(peer, batch, answer)
                carried += len(batch.parcels)
            else:
                await src.transit.set_back(peer, batch.epoch, answer)
        return carried

    return carry_all
