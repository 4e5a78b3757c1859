"""Searching: by day, where mail was long on its way or came from a clock that is ahead; and in what was accepted just now."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claudemail import config as configuration
from claudemail.clock import wall_ms
from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.model.ids import new_id
from claudemail.model.parcel import Answer, Batch, Origin
from claudemail.model.query import Query, parse_words
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


async def titles(office: Office, word: str, name: str | None = None) -> list[str]:
    """Return the titles of what somebody finds, newest first."""
    page = await office.search(await office.party(name), Query(terms=parse_words(word)), limit=1_000)
    return [hit.row.title for hit in page.hits]


async def test_whatever_is_accepted_is_found(config: Config, other: Office, carry: Carry) -> None:
    """No gateway runs, and no process that accepted mail took it into the full text: who searches finds it."""
    async with await Office.open(config) as first, await Office.open(config) as second:
        for number in range(120):  # more than are taken in at once
            await first.send(first.operator(), Draft(to=["bravo"], title=f"{number}", body="a migration"))
        assert await titles(second, "migration") == [f"{number}" for number in range(119, -1, -1)]
        await other.send(other.operator(), Draft(to=["alpha"], title="from far", body="a migration"))
        await carry(other, second)
        assert (await titles(first, "migration", "alpha"), await titles(first, "migrations")) == (["from far"], [])
        await first.send(first.operator(), Draft(to=["alpha"], title="at last", body="migrations"))
    async with await Office.open(config) as third:
        assert await titles(third, "migrations", "alpha") == ["at last"]
        assert not await third.index_some()


async def test_a_brief_that_comes_to_further_mailboxes_is_found_in_each(
    config: Config, other: Office, carry: Carry
) -> None:
    """Before and after it was taken into the full text: it was for alpha, and then its node says that it is for bravo too."""
    async with await Office.open(config) as office:
        for indexed_between in (True, False):
            sent = await other.send(
                other.operator(), Draft(to=["alpha"], title=f"{indexed_between}", body="a migration")
            )
            batch = await other.transit.next_batch("server1")
            assert batch is not None
            await carry(other, office)
            while indexed_between and await office.index_some():
                pass
            [parcel] = batch.parcels
            body = {**parcel.body, "for": ["bravo"]}
            again = parcel.model_copy(update={"seq": 1, "id": new_id(1), "body": body})
            answer = await office.transit.take_in(
                Origin(node="server2", verified=False), Batch(epoch=f"{indexed_between:016d}", parcels=[again])
            )
            assert isinstance(answer, Answer)
            assert not answer.refused
            for name in ("alpha", "bravo"):
                assert (await titles(office, "migration", name))[0] == sent.title
