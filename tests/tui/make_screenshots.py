"""Makes the screenshots: the real console on a seeded fleet, with a fixed clock, time zone and ids.

Run it from the repository: python tests/tui/make_screenshots.py
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from claudemail import config as configuration
from claudemail import running
from claudemail.config import Config
from claudemail.keys import NodeKey
from claudemail.model import ids
from claudemail.model.brief import ActionItem, Draft, Priority
from claudemail.model.parcel import Answer, Origin, Refusal
from claudemail.model.views import SendResult
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate, NewAction
from claudemail.store import beats
from claudemail.themes.loader import LIGHT
from claudemail.tui import memory
from claudemail.tui.app import ConsoleApp
from claudemail.tui.widgets.headline import Headline
from tests.tui.hand import Hand

COMMAND = "python tests/tui/make_screenshots.py"
FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
NOW = 1_774_362_180_000
"""24 March 2026, 14:23 UTC."""
MINUTE = 60_000
HOUR = 60 * MINUTE

NODES = {
    "server1": {"web": ["alpha", "bravo"], "ops": ["echo"]},
    "server2": {"data": ["charlie", "delta"]},
    "server3": {"build": ["foxtrot", "golf"]},
}


class Clock:
    """A wall clock that stands where it was set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


_STILL = 6
"""How many looks in a row must find the same."""


class Shot(NamedTuple):
    """A screenshot: its size, the keys pressed before it, the theme, and what it waits for."""

    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    theme: str | None = None
    shows: str = ""


WIDE, NARROW = (130, 36), (60, 20)
SHOTS = {
    "inbox": Shot(WIDE, ("j",)),
    "inbox-light": Shot(WIDE, ("j",), theme=LIGHT),
    "inbox-high-contrast": Shot(WIDE, ("j",), theme="claudemail-high-contrast"),
    "inbox-narrow": Shot(NARROW),
    "brief-narrow": Shot(NARROW, ("j", "enter")),
    "brief-sent": Shot(WIDE, ("f", "f", "f", "j", "enter")),
    "thread": Shot(WIDE, ("i",)),
    "search": Shot(WIDE, ("slash", *"cache")),
    "actions": Shot(WIDE, ("2", "j")),
    "actions-narrow": Shot(NARROW, ("2", "j")),
    "actions-colour-blind": Shot(WIDE, ("2", "l"), theme="claudemail-colour-blind"),
    "action": Shot((200, 50), ("2", "l", "enter")),
    "roster": Shot(WIDE, ("3", "j")),
    "roster-narrow": Shot(NARROW, ("3", "j")),
    "nodes": Shot(WIDE, ("4", "j", "j")),
    "nodes-narrow": Shot(NARROW, ("4", "j")),
    "checkup": Shot(WIDE, ("5", "j")),
    "checkup-narrow": Shot(NARROW, ("5",)),
    "compose": Shot(WIDE, ("j", "r", *"Looking at it now."), shows="kept"),
    "compose-narrow": Shot(NARROW, ("c", *"ch"), shows="kept"),
    "help": Shot((80, 50), ("question_mark",)),
}

MIGRATION = """The migration adds a `NOT NULL` column without a default value.
Existing rows will fail. Either **add a default** or backfill first.

```sql
ALTER TABLE users ADD COLUMN region text NOT NULL;
```

1. Backfill in batches of 10,000.
2. Add the constraint as `NOT VALID`, then validate it.
3. Deploy.

I hold the deploy until you have looked.
"""

HANDOFF = """Token refresh and the login form are done, on branch `auth-refactor`.

Left to do:

- [ ] rotate the signing key on staging
- [ ] move the session table
- [ ] tell bravo when the flag is on

Tests pass. The flaky one is `test_expiry`, it needs a fixed clock.
"""


class Scene:
    """The offices of three nodes, written to through the mesh's own mailroom, with no network between."""

    def __init__(self, offices: dict[str, Office], clock: Clock) -> None:
        self.offices = offices
        self.clock = clock

    async def send(self, sender: str, to: str, title: str, ago: int, body: str = "", **fields: object) -> SendResult:
        """Have a callsign send a brief some milliseconds before now."""
        self.clock.now = NOW - ago
        node = next(node for node, instances in NODES.items() if any(sender in names for names in instances.values()))
        office = self.offices[node]
        draft = Draft.model_validate({"to": to, "title": title, "body": body, **fields})
        return await office.send(await office.party(sender), draft)

    async def read(self, name: str, result: SendResult, ago: int) -> None:
        """Have a callsign of server1 read a brief."""
        self.clock.now = NOW - ago
        office = self.offices["server1"]
        view = await office.read(office.operator(), result.id)
        await office.shown(await office.party(name), [view.number])

    async def carry(self, origin: str, target: str, ago: int, *, verified: bool = True) -> None:
        """Take all that waits in the lane from one node to another."""
        self.clock.now = NOW - ago
        here, there = self.offices[origin].transit, self.offices[target].transit
        while (batch := await here.next_batch(target)) is not None:
            answer = await there.take_in(Origin(node=origin, verified=verified), batch)
            assert isinstance(answer, Answer)
            await here.acknowledged(target, batch, answer)

    async def beat(self, origin: str, ago: int, rtt_ms: float) -> None:
        """Have server1 hear from another node."""
        self.clock.now = NOW - ago
        beat = await self.offices[origin].transit.own_heartbeat("server1")
        await self.offices["server1"].transit.heard(origin, beat, rtt_ms=rtt_ms)

    async def work(self) -> None:
        """Have actions made, and changed by those who do them."""
        for asker, text, ago, fields, changes in _WORK:
            self.clock.now = NOW - ago
            office = self.offices["server1"]
            new = NewAction.model_validate({"text": text, **fields})
            made = await office.create_action(await office.party(None if asker == "operator" else asker), new)
            for by, later, change in changes:
                self.clock.now = NOW - later
                party = await office.party(None if by == "operator" else by)
                await office.update_action(party, made.id, ActionUpdate.model_validate(change))

    async def refuse(self) -> None:
        """Have server2 refuse a brief for good."""
        await self.send("bravo", "delta", "Dump of the order list", 2 * HOUR, "In full.\n")
        self.clock.now = NOW - 2 * HOUR
        transit = self.offices["server1"].transit
        batch = await transit.next_batch("server2")
        assert batch is not None
        last = batch.parcels[-1].seq
        refusals = [
            Refusal(seq=parcel.seq, code="unknown", reason="No delta on server2: its config has no such callsign.")
            for parcel in batch.parcels
            if parcel.kind == "brief"
        ]
        await transit.acknowledged("server2", batch, Answer(have=last, refused=refusals))

    async def beats(self) -> None:
        """Have the nodes heard of for an hour and more, with a gap."""
        office = self.offices["server1"]
        dice = random.Random(3)
        rosters = {node: (await one.transit.own_heartbeat("server1")).roster for node, one in self.offices.items()}
        for minute in range(80, 0, -1):
            now = NOW - minute * MINUTE
            for node, roster in rosters.items():
                if node == "server3" or (node == "server2" and 30 < minute < 37):
                    continue
                busy = [one.model_copy(update={"active_at": now if dice.random() < 0.4 else 1}) for one in roster]
                slot_ms = 2 * office.config.heartbeat_interval_ms

                def work(
                    connection: Any, node: str = node, busy: Any = busy, slot: int = slot_ms, now: int = now
                ) -> None:
                    beats.note(connection, node, busy, slot_ms=slot, now=now)

                await office._desk.registry.write(work)

    async def silence(self) -> None:
        """Have server3 unreachable."""
        self.clock.now = NOW - MINUTE
        await self.offices["server1"].transit.unreachable("server3", "connection refused", NOW + 2 * MINUTE)


_WIP = {"status": "wip"}
_DAY = 24 * HOUR
_WORK: list[tuple[str, str, int, dict[str, Any], list[tuple[str, int, dict[str, Any]]]]] = [
    ("operator", "Renew the wildcard certificate before it runs out", 3 * _DAY,
     {"assignee": "echo", "due": "2026-03-21", "priority": "high"}, []),
    ("bravo", "Warm the cache after each deploy", 5 * HOUR, {"assignee": "bravo", "due": "2026-03-27"}, []),
    ("alpha", "Price rounding: decide, and write it down where the accountants find it", 30 * HOUR,
     {"assignee": "operator", "due": "2026-04-03"}, []),
    ("echo", "Raise the memory limit of the worker", 2 * _DAY, {"assignee": "alpha", "priority": "low"}, []),
    ("alpha", "Backfill the users table in batches of 10,000", 2 * _DAY,
     {"assignee": "bravo", "priority": "urgent", "due": "2026-03-24"},
     [("bravo", 47 * HOUR, _WIP), ("bravo", 5 * HOUR, {"note": "4 of 11 batches are through"})]),
    ("operator", "Trim the CI images", 6 * _DAY, {"assignee": "alpha"}, [("operator", 5 * _DAY, _WIP)]),
    ("bravo", "Query plan of the order list", 20 * HOUR, {"assignee": "echo"}, [("echo", 19 * HOUR, _WIP)]),
    ("alpha", "Rotate the staging keys", 4 * _DAY, {"assignee": "echo", "priority": "high"},
     [("echo", 3 * _DAY, {"status": "blocked", "note": "waits for ops to open the vault"})]),
    ("operator", "Nightly report goes to all", 20 * HOUR, {"assignee": "bravo"}, [("bravo", 3 * HOUR, {"status": "done"})]),
    ("operator", "Login form: copy", 33 * HOUR, {"assignee": "alpha"}, [("alpha", 14 * HOUR, {"status": "done"})]),
    ("operator", "Old date picker is gone", 46 * HOUR, {"assignee": "bravo"}, [("alpha", 25 * HOUR, {"status": "dropped"})]),
]  # fmt: skip
"""What is to be done: who asked for it, what it is, how long ago; and who changed what of it since."""


async def seed(scene: Scene) -> None:
    """Live through a day of the scene."""
    web = scene.offices["server1"]
    for name, instance, project in (("alpha", "web", "shop"), ("bravo", "web", "api"), ("echo", "ops", "infra")):
        scene.clock.now = NOW - 5 * HOUR
        await web.claim(name, instance, holder=name, pid=os.getpid(), client_pid=4711, session_id=None, project=project)
    older = [
        ("bravo", "alpha", "Login form: copy is final"),
        ("echo", "all", "Maintenance window tonight, 22:00 to 23:00"),
        ("alpha", "bravo", "Which of the two date pickers do we keep?"),
        ("bravo", "alpha", "Re: Which of the two date pickers do we keep?"),
        ("echo", "alpha", "Disk on the CI runner is at 81 %"),
        ("alpha", "operator", "Weekly summary: shop"),
        ("bravo", "operator", "Weekly summary: api"),
        ("echo", "bravo", "Certificates renew on their own now"),
        ("alpha", "echo", "Please raise the memory limit of the worker"),
        ("echo", "alpha", "Re: Please raise the memory limit of the worker"),
        ("bravo", "alpha", "Price rounding: 2 of 340 cases differ"),
        ("alpha", "bravo", "Re: Price rounding: half-even it is"),
        ("echo", "operator", "Backups restored and checked on a spare machine"),
        ("bravo", "echo", "Query plan of the order list, before and after"),
    ]
    for index, (sender, to, title) in enumerate(older):
        result = await scene.send(sender, to, title, (52 - 2 * index) * HOUR, f"{title}.\n")
        for name in ("alpha", "bravo", "echo"):
            await scene.read(name, result, (52 - 2 * index) * HOUR - 5 * MINUTE)
    office = web.operator()
    page = await web.inbox(["operator"])
    await web.shown(office, [row.number for row in page.rows])

    await scene.send("foxtrot", "bravo", "Nightly build 2214: all green", 20 * HOUR, "4,112 tests, 9 min 40 s.\n")
    await scene.carry("server3", "server1", 20 * HOUR - MINUTE, verified=False)
    await scene.carry("server1", "server2", 20 * HOUR - MINUTE)
    await scene.carry("server1", "server3", 20 * HOUR - MINUTE)
    await scene.beat("server3", 4 * HOUR + 5 * MINUTE, 31.0)
    nightly = await scene.send(
        "charlie", "alpha", "Nightly report: 1,204,311 rows, 0 rejected", 9 * HOUR, "As usual.\n"
    )
    await scene.carry("server2", "server1", 9 * HOUR - MINUTE)
    await scene.read("alpha", nightly, 8 * HOUR)
    freeze = await scene.send(
        "alpha", "bravo, charlie, foxtrot", "Schema freeze until the migration is through", 4 * HOUR,
        "Please merge nothing that touches `users`.\n", priority=Priority.HIGH,
    )  # fmt: skip
    await scene.carry("server1", "server2", 4 * HOUR - MINUTE)
    await scene.read("bravo", freeze, 3 * HOUR)
    staging = await scene.send(
        "bravo", "alpha, operator", "Staging is green again", 3 * HOUR, "It was the cache key.\n"
    )
    await scene.read("alpha", staging, 2 * HOUR)
    await scene.send(
        "alpha", "echo, operator", "Handoff: auth refactor", 64 * MINUTE, HANDOFF,
        actions=[ActionItem(text="Rotate the signing key on staging", assignee="echo", priority=Priority.HIGH),
                 ActionItem(text="Move the session table", assignee="bravo"),
                 ActionItem(text="Tell bravo when the flag is on")],
    )  # fmt: skip
    question = await scene.send("bravo", "operator, echo", "Cache warm-up takes 40 s, may I raise the timeout?", 31 * MINUTE,
                                "It is 30 s now. 60 s would do.\n")  # fmt: skip
    await scene.send("delta", "bravo", "Cache warm-up numbers, cold and warm", 18 * MINUTE, "See the table.\n")
    await scene.send(
        "charlie", "alpha", "Deploy Blocker — DB Migration", 4 * MINUTE, MIGRATION, priority=Priority.URGENT,
        actions=[ActionItem(text="Review migration script before deploying", assignee="alpha",
                            priority=Priority.HIGH, due="2026-03-24")],
    )  # fmt: skip
    await scene.carry("server2", "server1", 4 * MINUTE)
    await scene.send("echo", "operator, bravo", "Re: Cache warm-up takes 40 s, may I raise the timeout?", 3 * MINUTE,
                     "60 s is fine with the balancer, it waits 90.\n", reply_to=question.ref)  # fmt: skip
    await scene.carry("server1", "server2", MINUTE)
    await scene.work()
    await scene.refuse()
    await scene.beats()
    await scene.beat("server2", MINUTE // 2, 12.0)
    await scene.silence()
    scene.clock.now = NOW


def node_config(node: str, folder: Path, keys: dict[str, str]) -> Config:
    """Return the configuration of one node of the scene."""
    data = {
        "nodes": [
            {"id": name, "ip": "127.0.0.1", "gateway_port": 3300 + index}
            | ({"public_key": keys[name]} if name in keys else {})
            for index, name in enumerate(NODES)
        ],
        "instances": [
            {"id": instance, "node_id": name, "callsigns": callsigns}
            for name, instances in NODES.items()
            for instance, callsigns in instances.items()
        ],
        "signatures": {"charlie": "// charlie out", "alpha": "// alpha, over"},
        "mailbox_dir": "mailbox", "db_path": "claudemail.db", "registry_db_path": "registry.db", "ping_dir": "pings",
        "poll_interval_ms": 20_000, "heartbeat_interval_ms": 60_000,
        "allow_unsigned": True,
    }  # fmt: skip
    return configuration.parse(json.dumps(data), str(folder / "config.json"), {configuration.NODE_ENV: node})


@asynccontextmanager
async def seeded(folder: Path) -> AsyncIterator[tuple[Office, Clock]]:
    """Give the office of server1 after a day of the fleet, and its clock; a gateway seems to be running."""
    clock = Clock()
    dice = random.Random(7)  # ids, and so the refs that are seen, come out the same each time
    keys = {}
    for node in NODES:
        (folder / node).mkdir(parents=True)
        if node != "server3":  # the others do not know its key, so its mail is unverified
            keys[node] = NodeKey.load_or_create(folder / node).public
    offices = {}
    try:
        for node in NODES:
            offices[node] = await Office.open(node_config(node, folder / node, keys), wall=clock)
        with mock.patch.object(ids, "os", SimpleNamespace(urandom=dice.randbytes)):
            await seed(Scene(offices, clock))
        office = offices["server1"]
        lock = running.take_lock(office.config.state_dir, running.FOREGROUND)
        assert lock is not None
        running.write_notice(office.config.state_dir, running.Notice(4700, running.FOREGROUND, "127.0.0.1:3300", None))
        try:
            yield office, clock
        finally:
            os.close(lock)
    finally:
        for office in offices.values():
            await office.close()


def text_of(app: ConsoleApp) -> str:
    """Return what is on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def settle(app: ConsoleApp, pilot: Hand, shows: str = "") -> None:
    """Wait until something is shown and the screen has stood still for a while: what was asked for is drawn then."""
    before, still = "", 0
    for _ in range(400):
        await pilot.pause()
        now = text_of(app)
        still = still + 1 if now == before else 0
        before = now
        if still >= _STILL and shows in now and app.query_one(Headline).state is not None:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the console did not settle")


async def draw(office: Office, clock: Clock, shot: Shot) -> str:
    """Return one screenshot as SVG."""
    Path(office.config.state_dir, memory.FILE).unlink(missing_ok=True)  # each is drawn for a newcomer
    shutil.rmtree(Path(office.config.state_dir, "drafts"), ignore_errors=True)
    app = ConsoleApp(office, wall=clock, theme=shot.theme)
    async with app.run_test(size=shot.size):
        pilot = Hand(app)
        await settle(app, pilot)
        for key in shot.keys:
            await pilot.press(key)
        await settle(app, pilot, shot.shows)
        return app.export_screenshot(title="ClaudeMail", simplify=True)


async def all_shots(folder: Path, wanted: Callable[[str], bool] = lambda _: True) -> dict[str, str]:
    """Return the screenshots by name, drawn on a fleet that is seeded in `folder`."""
    zone = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        async with seeded(folder) as (office, clock):
            return {name: await draw(office, clock, shot) for name, shot in SHOTS.items() if wanted(name)}
    finally:
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()


def main() -> None:
    """Write all screenshots."""
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        made = asyncio.run(all_shots(Path(folder)))
    FOLDER.mkdir(exist_ok=True)
    for name, svg in made.items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
        sys.stdout.write(f"screenshots/{name}.svg\n")


if __name__ == "__main__":
    main()
