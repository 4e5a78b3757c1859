"""Searching by day, where mail was long on its way or came from a node whose clock is ahead."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claudemail import config as configuration
from claudemail.clock import wall_ms
from claudemail.model.brief import Draft
from claudemail.model.query import Query
from claudemail.office import Office

if TYPE_CHECKING:
    from tests.office.conftest import Carry

DAY_MS = 86_400_000


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = wall_ms() - 60 * DAY_MS

    def __call__(self) -> int:
        self.at += 1
        return self.at


def day(at: int) -> str:
    """Return the local day of a time."""
    return datetime.fromtimestamp(at / 1000).astimezone().date().isoformat()


@pytest.mark.parametrize("days", [3, 20, -1, -10])
async def test_what_was_sent_on_a_day_is_found_however_long_it_was_on_its_way(
    seed: dict[str, Any], tmp_path: Path, carry: Carry, days: int
) -> None:
    """A brief is found by when it was sent, by its sender's clock, among others that came at once."""
    values = {**seed, "db_path": "here/mail.db", "registry_db_path": "here/registry.db"}
    there_values = {**seed, "db_path": "there/mail.db", "registry_db_path": "there/registry.db"}
    path = str(tmp_path / "config.json")
    here_clock, there_clock = Hand(), Hand()
    here_config = configuration.parse(json.dumps(values), path, {configuration.NODE_ENV: "server1"})
    there_config = configuration.parse(json.dumps(there_values), path, {configuration.NODE_ENV: "server2"})
    async with (
        await Office.open(here_config, wall=here_clock) as here,
        await Office.open(there_config, wall=there_clock) as there,
    ):
        await there.send(there.operator(), Draft(to=["alpha"], title="travelled"))
        sent_at = there_clock.at
        for step in range(-12, 30):
            here_clock.at = sent_at + step * DAY_MS
            await here.send(here.operator(), Draft(to=["alpha"], title=f"{step}"))
            if step == days:
                assert await carry(there, here) == 1
        alpha = await here.party("alpha")
        around = Query(after=day(sent_at), before=day(sent_at + DAY_MS))
        found = await here.search(alpha, around)
        assert {hit.row.title for hit in found.hits} >= {"travelled", "0"}
        assert {hit.row.title for hit in found.hits} <= {"travelled", "0", "1", "-1"}
        assert found.cursor is None
        before = await here.search(alpha, Query(before=day(sent_at)), limit=100)
        assert "travelled" not in {hit.row.title for hit in before.hits}
