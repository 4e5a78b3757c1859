"""A fixed script of all that a node writes, in steps that may each be repeated; it goes on after the last that it finished.

Run as a program under the preloaded `shim.c`, it is the runner of `test_lockstep.py`: it takes one JSON request a line, does
it in a forked child, so that all imports are paid for once, and answers with one JSON line.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Draft
from claudemail.model.parcel import Answer, Batch, LaneError, Origin, Setback
from claudemail.office import Office, keeping
from claudemail.office.actions import ActionUpdate, Wanted
from claudemail.store.outbox import RETENTION_MS
from tests.faults.history import inconsistent

SOUTH = Origin(node="south", verified=False)
ACKS = "acks"
Step = Callable[[Office], Awaitable[object]]


def config_of(folder: Path, node: str) -> Config:
    """Return the configuration of a node of two that trust each other."""
    data = {
        "nodes": [{"id": name, "ip": "127.0.0.1", "gateway_port": 3300 + i} for i, name in enumerate(("north", "south"))],
        "instances": [{"id": "n-room", "node_id": "north", "callsigns": ["nora", "nils"]},
                      {"id": "s-room", "node_id": "south", "callsigns": ["sara"]}],
        "db_path": f"{node}/claudemail.db", "registry_db_path": f"{node}/registry.db", "mailbox_dir": f"{node}/mailbox",
    }  # fmt: skip
    return configuration.parse(json.dumps(data), str(folder / "config.json"), {configuration.NODE_ENV: node})


async def prepare(folder: Path) -> None:
    """Have the other node write its mail: two batches of parcels, each in a file."""
    folder.mkdir(parents=True)
    async with await Office.open(config_of(folder, "south")) as office:
        party = await office.party("sara")
        for number in range(1, 4):
            for to in ("nora", "@north"):
                await office.send(party, Draft(to=[to], title=f"from south {number} {to}", body="b", actions=["look"]))
            batch = await office.transit.next_batch("north")
            assert batch is not None
            (folder / f"batch{number}.json").write_text(
                Batch(epoch=batch.epoch, parcels=batch.parcels).model_dump_json()
            )


def send(sender: str, to: str, *titles: str) -> Step:
    """Return a step that sends; the key makes a repetition harmless."""

    async def step(office: Office) -> None:
        for title in titles:
            draft = Draft(to=[to], title=title, key=title, body="text " * 50, actions=["see to it"])
            await office.send(await office.party(sender), draft)

    return step


def take_in(file: str) -> Step:
    """Return a step that takes parcels in."""

    async def step(office: Office) -> None:
        parcels = Batch.model_validate_json((Path(office.config.state_dir).parent / file).read_text())
        assert isinstance(await office.transit.take_in(SOUTH, parcels), Answer)

    return step


def read(name: str) -> Step:
    """Return a step that reads what is unread."""

    async def step(office: Office) -> None:
        party = await office.party(name)
        while items := (await office.digest(party)).items:
            await office.shown(party, [item.row.number for item in items])

    return step


async def acknowledge(office: Office) -> None:
    """The peer has all that waits for it."""
    while (batch := await office.transit.next_batch("south")) is not None:
        await office.transit.acknowledged("south", batch, Answer(have=batch.parcels[-1].seq))


async def rotate(office: Office) -> None:
    """The peer knows other parcels by these numbers: a new epoch begins."""
    batch = await office.transit.next_batch("south")
    assert batch is not None
    await office.transit.set_back("south", batch.epoch, Setback(error=LaneError.CONFLICT, have=0))


async def work(office: Office) -> None:
    """Do what was asked from here."""
    operator = office.operator()
    for action in (await office.list_actions(operator, Wanted(text="see to it"), limit=50)).rows:
        await office.update_action(operator, action.id, ActionUpdate(status=ActionStatus.DONE, note="done"))


async def star(office: Office) -> None:
    """Star a brief."""
    nora = await office.party("nora")
    page = await office.inbox(["nora"], limit=1)
    await office.star(nora, page.rows[0].id, wanted=True)


async def back_up(office: Office) -> None:
    """Make a backup."""
    target = Path(office.config.state_dir) / "backup.tar"
    if not target.exists():
        await keeping.backup(office.config, target)


async def mirror(office: Office) -> None:
    """Write the files."""
    while await office.mirror_some():
        pass


async def expire(office: Office) -> None:
    """More time goes by than anything waits."""
    await office.transit.expire(RETENTION_MS + 1)


STEPS: list[Step | None] = [
    send("nora", "sara", "s1", "s2"), send("nils", "all", "s3"), send("nora", "nils", "s4"), take_in("batch1.json"),
    read("nora"), acknowledge, work, take_in("batch2.json"), send("nora", "s-room", "s5"), rotate, acknowledge, mirror,
    back_up, send("nora", "nils", "undone by the restore"), None, acknowledge, read("nils"), star,
    send("nora", "sara", "too late"), expire, take_in("batch3.json"), send("nils", "sara", "s6"), acknowledge, read("nora"),
]  # fmt: skip
"""None stands for a restore, which takes a closed office."""


async def run(folder: Path) -> None:
    """Do all steps from the first that is not known to be done, and note each when it is."""
    config = config_of(folder, "north")
    acks = os.open(folder / ACKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begun = len((folder / ACKS).read_bytes())
    office: Office | None = None
    try:
        for step in STEPS[begun:]:
            if step is None:
                if office is not None:
                    await office.close()
                    office = None
                await keeping.restore(config, Path(config.state_dir) / "backup.tar")
            else:
                office = office or await Office.open(config)
                await step(office)
            os.write(acks, b".")
    finally:
        if office is not None:
            await office.close()
        os.close(acks)


def state(folder: Path) -> dict[str, Any]:
    """Return what a node's mail has come to, without what differs between two runs, and what is wrong with it."""
    with closing(sqlite3.connect(folder / "north" / "claudemail.db")) as database:
        database.row_factory = sqlite3.Row

        def rows(query: str) -> list[list[Any]]:
            return [list(row) for row in database.execute(query)]

        return {
            "wrong": inconsistent(database),
            "mail": rows(
                "SELECT e.mailbox, b.title, e.read_at IS NULL, e.read_by FROM entries e JOIN briefs b ON b.number = e.brief"
                " ORDER BY e.mailbox, b.number"
            ),
            "recipients": rows(
                "SELECT b.title, r.name, r.delivered_at IS NULL, r.failed_at IS NULL, r.read_at IS NULL FROM recipients r"
                " JOIN briefs b ON b.number = r.brief ORDER BY 1, 2"
            ),
            "actions": rows("SELECT text, status, count(*) FROM actions GROUP BY 1, 2 ORDER BY 1, 2"),
            "stars": rows("SELECT name, b.title FROM stars JOIN briefs b ON b.number = brief ORDER BY 1, 2"),
            "waiting": rows("SELECT count(*) FROM outbox WHERE done_at IS NULL"),
            "dead": rows(
                "SELECT b.title, dead_code FROM outbox o JOIN briefs b ON b.number = o.brief"
                " WHERE dead_code IS NOT NULL ORDER BY 1"
            ),
        }


def forked(work: Callable[[], object]) -> int:
    """Do something in a child; return its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - it goes to stderr, and the code tells
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def serve() -> None:
    """Answer requests: `prepare`, `run`(with `kill_at`, `torn`, `trace`) and `state`."""
    shim = ctypes.CDLL(None)
    for line in sys.stdin:
        request = json.loads(line)
        folder = Path(request["folder"])
        answer = folder / "answer.json"

        def work(request: dict[str, Any] = request, folder: Path = folder, answer: Path = answer) -> None:
            if request["do"] == "prepare":
                asyncio.run(prepare(folder))
            elif request["do"] == "state":
                answer.write_text(json.dumps(state(folder)))
            else:
                trace = (
                    os.open(request["trace"], os.O_WRONLY | os.O_CREAT | os.O_APPEND) if request.get("trace") else -1
                )
                shim.faults_arm(
                    f"{folder}/".encode(),
                    ctypes.c_long(request.get("kill_at", 0)), request.get("torn", 0), trace,
                )  # fmt: skip
                asyncio.run(run(folder))
                shim.faults_done.restype = ctypes.c_long
                operations = shim.faults_done()
                shim.faults_arm(b"", ctypes.c_long(0), 0, -1)
                answer.write_text(json.dumps({"operations": operations}))

        answer.unlink(missing_ok=True)
        code = forked(work)
        found = json.loads(answer.read_text()) if answer.exists() else {}
        print(json.dumps({"code": code, **found}), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve()
