"""The mirror: what is in the database is in files, and a database made from the files is the same."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.errors import BackupError, MirrorError
from claudemail.model import document
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Draft
from claudemail.model.query import parse
from claudemail.office import Office, keeping
from claudemail.office.actions import ActionUpdate, NewAction, Wanted
from claudemail.store import action_changes, recipients, unmirrored
from tests.office.conftest import Carry

DAY_MS = 86_400_000


async def mirrored(office: Office) -> Path:
    """Write all files that are to be written; return their folder."""
    while await office.mirror_some():
        pass
    return Path(office.config.mailbox_dir)


def files(folder: Path) -> list[str]:
    """Return the names of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_each_mailbox_and_the_sent_mail_have_a_file_of_a_brief(office: Office) -> None:
    """A brief stands in the folder of each mailbox that holds it and among the sent ones, as people write briefs."""
    alpha = await office.party("alpha")
    sent = await office.send(
        alpha, Draft(to=["bravo", "charlie", "operator"], title="Deploy: now", body="Text.", actions=["Go"])
    )
    folder = await mirrored(office)
    names = files(folder)
    kinds = [name.split("/")[0:2] for name in names]
    assert [kind[0] for kind in kinds] == ["actions", "inbox", "inbox", "sent"]
    assert {kind[1] for kind in kinds if kind[0] == "inbox"} == {"bravo", "operator"}
    for name in names[1:]:
        found = document.parse((folder / name).read_text())
        assert name.endswith(f"-1-{sent.ref}.md")
        assert found.draft["title"] == "Deploy: now"
        assert found.draft["body"] == "Text.\n\n// alpha, over"
        assert found.draft["actions"] == [{"text": "Go"}]
        assert found.origin["from"] == "alpha (server1)"
    assert "recipients: bravo@server1, operator@server1, charlie@server2" in (folder / names[-1]).read_text()


async def test_files_follow_what_becomes_of_a_brief(office: Office) -> None:
    """Reading, starring and archiving a brief are in its file soon after, and so is taking a star away."""
    alpha, bravo = await office.party("alpha"), await office.party("bravo")
    await office.send(alpha, Draft(to=["bravo"], title="t"))
    [path] = (await mirrored(office)).glob("inbox/bravo/*/*.md")
    assert not document.parse(path.read_text()).origin.keys() & {"read", "starred", "archived"}
    await office.shown(bravo, [1])
    await mirrored(office)
    assert document.parse(path.read_text()).origin["read"].endswith("Z by bravo")
    await office.star(bravo, "1")
    await mirrored(office)
    assert document.parse(path.read_text()).origin["starred"] == "bravo"
    await office.star(bravo, "1")
    await office.clean(bravo, ["bravo"], days=0, apply=True)
    await mirrored(office)
    origin = document.parse(path.read_text()).origin
    assert "archived" in origin
    assert "starred" not in origin
    assert await office.mirror_some() == 0


async def test_a_change_made_while_a_file_is_written_is_not_forgotten(office: Office) -> None:
    """What changes between the look at a brief and the note that it is written stays on the list."""
    alpha, bravo = await office.party("alpha"), await office.party("bravo")
    await office.send(alpha, Draft(to=["bravo"], title="t"))
    mail = office._desk.mail
    due = await mail.read(lambda connection: unmirrored.some(connection, 10))
    await office.shown(bravo, [1])
    await mail.write(lambda connection: unmirrored.done(connection, due))
    assert [one.brief for one in await mail.read(lambda connection: unmirrored.some(connection, 10))] == [1]


async def test_a_folder_that_cannot_be_written_to_loses_nothing(office: Office) -> None:
    """While files cannot be written mail goes on, the error says where, and they are written later."""
    alpha = await office.party("alpha")
    folder = Path(office.config.mailbox_dir)
    folder.write_text("in the way")
    await office.send(alpha, Draft(to=["bravo"], title="t"))
    with pytest.raises(MirrorError, match=str(folder)) as caught:
        await office.mirror_some()
    assert "mailbox_dir" in caught.value.remedy
    assert (await office.check(await office.party("bravo"))).unread == 1
    folder.unlink()
    assert len(files(await mirrored(office))) == 2


async def test_files_are_for_this_user_only(office: Office) -> None:
    """Nobody else on the machine may read what is in the mailbox folder."""
    await office.send(await office.party("alpha"), Draft(to=["bravo"], title="t", actions=["a"]))
    folder = await mirrored(office)
    assert folder.stat().st_mode & 0o077 == 0
    assert [name for name in files(folder) if (folder / name).stat().st_mode & 0o077] == []


async def test_files_that_were_removed_come_back(office: Office) -> None:
    """When they are asked for anew, all files are written again, and others in the folder are left alone."""
    await office.send(await office.party("alpha"), Draft(to=["bravo"], title="t", actions=["a"]))
    folder = await mirrored(office)
    before = {name: (folder / name).read_text() for name in files(folder)}
    for name in before:
        (folder / name).unlink()
    (folder / "notes.txt").write_text("mine")
    await office.mirror_anew()
    await mirrored(office)
    assert {name: (folder / name).read_text() for name in files(folder)} == before | {"notes.txt": "mine"}


class Everything:
    """All that a node has, in a form that can be compared."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def of(self) -> dict[str, Any]:
        office = self._office
        operator = office.operator()
        page = await office.search(operator, parse("before:2999-01-01", office_day()), limit=1_000)
        rows = [hit.row.model_dump(exclude={"number"}) for hit in page.hits]
        briefs = [await office.read(operator, row["id"]) for row in rows]
        actions = await office.list_actions(operator, Wanted(statuses=tuple(ActionStatus)), limit=1_000)
        unread = {
            name: (await office.check(await office.party(name))).unread for name in ("alpha", "bravo", "operator")
        }
        found = await office.search(operator, parse("word", office_day()), limit=1_000)
        return {
            "rows": rows,
            "bodies": [(view.brief, view.verified, view.mailboxes, view.archived) for view in briefs],
            "threads": [[row.id for row in view.thread] for view in briefs],
            "actions": sorted(repr(action.model_dump(exclude={"number"})) for action in actions.rows),
            "unread": unread,
            "found": [hit.row.id for hit in found.hits],
            "digests": await office._desk.mail.read(action_changes.digests),
            "here": await office._desk.mail.read(_read_here),
        }


def office_day() -> Any:
    """Return a day; only filters that name days need it."""
    from datetime import date

    return date(2026, 11, 25)


def _read_here(connection: sqlite3.Connection) -> list[Any]:
    numbers = [row[0] for row in connection.execute("SELECT number FROM briefs ORDER BY number")]
    states = [state for number in numbers for state in recipients.states(connection, number)]
    return [(state.name, state.state, state.read_by) for state in states if state.node == "server1"]


TEXTS = st.text(min_size=0, max_size=40)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from(["bravo", "charlie", "all", "operator", "instance1"]), TEXTS, TEXTS),
        st.tuples(st.just("reply"), st.integers(1, 6), TEXTS, TEXTS),
        st.tuples(st.just("read"), st.integers(1, 6), TEXTS, TEXTS),
        st.tuples(st.just("star"), st.integers(1, 6), TEXTS, TEXTS),
        st.tuples(st.just("clean"), st.integers(1, 6), TEXTS, TEXTS),
        st.tuples(st.just("act"), st.integers(1, 6), TEXTS, TEXTS),
        st.tuples(st.just("mirror"), st.integers(1, 6), TEXTS, TEXTS),
    ),
    max_size=25,
)


class Life:
    """A node that things happen to."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_795_000_000_000
        data = {
            "nodes": [
                {"id": "server1", "ip": "127.0.0.1", "gateway_port": 3300},
                {"id": "server2", "ip": "127.0.0.1", "gateway_port": 3301},
            ],
            "instances": [
                {"id": "instance1", "node_id": "server1", "callsigns": ["alpha", "bravo"]},
                {"id": "instance2", "node_id": "server2", "callsigns": ["charlie"]},
            ],
            "mailbox_dir": "mailbox", "db_path": "mail.db", "registry_db_path": "registry.db",
        }  # fmt: skip
        environment = {configuration.NODE_ENV: "server1"}
        self.config: Config = configuration.parse(json.dumps(data), str(folder / "config.json"), environment)

    def wall(self) -> int:
        self.now += 500
        return self.now

    async def open(self) -> Office:
        return await Office.open(self.config, wall=self.wall)

    async def step(self, office: Office, kind: str, what: Any, title: str, text: str) -> None:
        alpha, bravo = await office.party("alpha"), await office.party("bravo")
        total = (await office.status()).briefs
        match kind:
            case "send":
                body = f"{text}\n- [ ] word {title[:9]} @bravo\n" if len(text) % 2 else text
                await office.send(
                    alpha, Draft(to=[what], title=title.strip() or "t", body=body, actions=["q: z"] * (len(title) % 2))
                )
            case "reply" if what <= total:
                await office.send(office.operator(), Draft(to=["bravo"], reply_to=str(what), title="Re", body=text))
            case "read" if what <= total:
                await office.shown(bravo, [what])
            case "star" if what <= total:
                await office.star(office.operator(), str(what))
            case "clean":
                await office.clean(bravo, None, days=0, apply=True)
            case "act":
                page = await office.list_actions(alpha, Wanted(), limit=5)
                if page.rows:
                    await office.update_action(
                        bravo, page.rows[0].id, ActionUpdate(status=ActionStatus.WIP, note=text or "n")
                    )
                else:
                    await office.create_action(alpha, NewAction(text="do", assignee="bravo"))
            case "mirror":
                await office.mirror_some()


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_database_made_from_the_files_is_the_same(steps: Sequence[tuple[str, Any, str, str]]) -> None:
    """Whatever was sent, read, starred, archived and done, a rebuilt node has all of it, and queues what it sent again."""

    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            life = Life(Path(folder))
            async with await life.open() as office:
                for kind, what, title, text in steps:
                    try:
                        await life.step(office, kind, what, title, text)
                    except ValueError:  # a title that is nothing once it is scrubbed
                        continue
                await mirrored(office)
                before = await Everything(office).of()
                away = sum(await office._desk.mail.read(_sent_away))
            if not before["rows"]:
                return
            made = await keeping.rebuild_database(life.config, wall=life.wall)
            assert (made.skipped, made.unverified, made.queued) == ([], 0, away)
            async with await life.open() as office:
                assert await Everything(office).of() == before

    asyncio.run(play())


def _sent_away(connection: sqlite3.Connection) -> list[int]:
    rows = connection.execute("SELECT count(DISTINCT brief) FROM recipients WHERE node <> 'server1'")
    return [row[0] for row in rows]


async def test_a_rebuilt_node_and_its_peer_lose_and_double_nothing(office: Office, other: Office, carry: Carry) -> None:
    """What a node had not written to files yet its peer sends again, and what it sends again the peer has once."""
    alpha, charlie = await office.party("alpha"), await other.party("charlie")
    for number in range(3):
        await office.send(alpha, Draft(to=["charlie"], title=f"out {number}"))
        await other.send(charlie, Draft(to=["alpha"], title=f"in {number}", actions=[f"act {number}"]))
    await carry(office, other)
    await carry(other, office)
    await mirrored(office)
    await other.send(charlie, Draft(to=["alpha"], title="in 3, not in a file"))
    await carry(other, office)
    await office.close()
    made = await keeping.rebuild_database(office.config)
    assert (made.briefs, made.queued) == (6, 3)
    async with await Office.open(office.config) as rebuilt:
        for _ in range(3):
            await carry(rebuilt, other)
            beat = await rebuilt.transit.own_heartbeat("server2")
            await other.transit.heard("server1", beat, rtt_ms=None)
            if await other.transit.has_lost("server1", beat, other.now() + 1):
                await other.transit.serve_again("server1", beat, other.now() + 1)
            await carry(other, rebuilt)
        incoming = await rebuilt.inbox(["alpha"], limit=100)
        assert sorted(row.title for row in incoming.rows) == ["in 0", "in 1", "in 2", "in 3, not in a file"]
        outgoing = await other.inbox(["charlie"], limit=100)
        assert sorted(row.title for row in outgoing.rows) == ["out 0", "out 1", "out 2"]
        for which in (rebuilt, other):
            found = await which.list_actions(which.operator(), Wanted(), limit=100)
            assert sorted(action.text for action in found.rows) == ["act 0", "act 1", "act 2"]


async def test_files_that_are_no_briefs_are_named_and_passed_over(office: Office) -> None:
    """A damaged file, a foreign one and half a line of changes do not keep the rest from being taken."""
    await office.send(await office.party("alpha"), Draft(to=["bravo"], title="whole", actions=["a"]))
    await office.send(await office.party("alpha"), Draft(to=["bravo"], title="cut off"))
    folder = await mirrored(office)
    await office.close()
    [cut] = folder.glob("sent/*/*-2-*.md")
    cut.write_text(cut.read_text()[:60])
    [cut] = folder.glob("inbox/bravo/*/*-2-*.md")
    cut.write_text(cut.read_text()[:60])
    (folder / "inbox" / "bravo" / "readme.md").write_text("# Not a brief\n")
    changes = folder / "actions" / "changes.jsonl"
    changes.write_text(changes.read_text() + '{"change": {"act')
    made = await keeping.rebuild_database(office.config)
    assert (made.briefs, made.changes) == (1, 1)
    assert len(made.skipped) == 4
    assert sum("changes.jsonl" in line for line in made.skipped) == 1
    async with await Office.open(office.config) as rebuilt:
        assert [row.title for row in (await rebuilt.inbox(None)).rows] == ["whole"]
        assert not await rebuilt.index_some()


async def test_a_changed_file_is_taken_and_called_unverified(office: Office) -> None:
    """Who edits a file of the mirror does not thereby write in somebody's name."""
    await office.send(await office.party("alpha"), Draft(to=["bravo"], title="Pay 10"))
    folder = await mirrored(office)
    await office.close()
    for path in folder.rglob("*.md"):
        path.write_text(path.read_text().replace("Pay 10", "Pay 99"))
    assert (await keeping.rebuild_database(office.config)).unverified == 1
    async with await Office.open(office.config) as rebuilt:
        assert not (await rebuilt.inbox(None)).rows[0].verified


async def test_an_empty_folder_replaces_no_database(office: Office) -> None:
    """Without any file to make it from, the database that is there stays."""
    await office.send(await office.party("alpha"), Draft(to=["bravo"], title="t"))
    await office.close()
    with pytest.raises(BackupError, match="no brief"):
        await keeping.rebuild_database(office.config)
    with closing(sqlite3.connect(office.config.db_path)) as database:
        assert database.execute("SELECT title FROM briefs").fetchall() == [("t",)]
