"""Backup while mail flows, restore into the same place, and what keeps a restore from doing harm."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from claudemail import running
from claudemail.config import Config
from claudemail.errors import BackupError, GatewayRunning, InvalidInput, StoreBusy, StoreReplaced
from claudemail.model.brief import Draft
from claudemail.office import Office, keeping
from claudemail.office.actions import NewAction
from claudemail.store import copies
from tests.office.conftest import Carry


async def send(office: Office, title: str, to: str = "bravo") -> str:
    """Send a brief from alpha; return its ref."""
    return (await office.send(await office.party("alpha"), Draft(to=[to], title=title))).ref


async def titles(config: Config) -> list[str]:
    """Return the titles in all mailboxes of a node, oldest first."""
    async with await Office.open(config) as office:
        page = await office.inbox(None, limit=1_000)
        return [row.title for row in reversed(page.rows)]


async def test_a_backup_holds_all_that_was_accepted_before(office: Office, tmp_path: Path) -> None:
    """While others go on sending, a backup has at least what was accepted when it began, and is whole."""
    accepted: list[str] = []
    enough = [asyncio.Event() for _ in range(3)]

    async def flow() -> None:
        while True:
            await send(office, f"{len(accepted)}")
            accepted.append(f"{len(accepted)}")
            for number, event in enumerate(enough, start=1):
                if len(accepted) >= 40 * number:
                    event.set()

    sending = asyncio.create_task(flow())
    made = []
    for number, event in enumerate(enough):
        await event.wait()
        before = len(accepted)
        made.append((before, await keeping.backup(office.config, tmp_path / f"{number}.tar")))
    sending.cancel()
    await asyncio.wait([sending])
    for number, (before, view) in enumerate(made):
        assert before <= view.briefs <= len(accepted) + 1
        assert stat.S_IMODE((tmp_path / f"{number}.tar").stat().st_mode) == 0o600
    await office.close()
    await keeping.restore(office.config, tmp_path / "1.tar")
    assert await titles(office.config) == accepted[: made[1][1].briefs]


async def test_a_restore_keeps_what_was_there_and_starts_new_lanes(office: Office, tmp_path: Path) -> None:
    """The former database stays beside the new one, and no number that was given out is given out again."""
    await send(office, "before", to="charlie")
    backup = await keeping.backup(office.config, tmp_path)
    first = await office.transit.next_batch("server2")
    assert first is not None
    await send(office, "after", to="charlie")
    await office.close()
    done = await keeping.restore(office.config, Path(backup.path))
    assert done.former is not None
    with closing(sqlite3.connect(done.former)) as former:
        assert former.execute("SELECT title FROM briefs ORDER BY number").fetchall() == [("before",), ("after",)]
    async with await Office.open(office.config) as restored:
        batch = await restored.transit.next_batch("server2")
        assert batch is not None
        assert batch.epoch != first.epoch
        assert [parcel.seq for parcel in batch.parcels] == [1]


async def test_a_wiped_node_comes_back_with_its_key(office: Office, tmp_path: Path) -> None:
    """With folder and key gone, a restore brings both back, for this user only."""
    await send(office, "kept")
    public = office.key().public
    backup = await keeping.backup(office.config, tmp_path)
    await office.close()
    state = Path(office.config.state_dir)
    for path in state.iterdir():
        if path.is_file() and path.name != "config.json":
            path.unlink()
    done = await keeping.restore(office.config, Path(backup.path))
    assert (done.key, done.former) == ("restored", None)
    async with await Office.open(office.config) as restored:
        assert restored.key().public == public
    assert await titles(office.config) == ["kept"]
    assert [path.name for path in state.iterdir() if path.is_file() and path.stat().st_mode & 0o077] in (
        [],
        ["config.json"],
    )


async def test_a_key_that_is_there_stays(office: Office, tmp_path: Path) -> None:
    """A node that has another key by now keeps it: its peers know that one."""
    await send(office, "kept")
    backup = await keeping.backup(office.config, tmp_path)
    await office.close()
    key = Path(office.config.state_dir, "node.key")
    assert (await keeping.restore(office.config, Path(backup.path))).key == "same"
    key.write_bytes(os.urandom(32))
    other = key.read_bytes()
    assert (await keeping.restore(office.config, Path(backup.path))).key == "other"
    assert key.read_bytes() == other


async def test_nothing_is_restored_under_a_running_gateway_or_an_open_console(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a gateway runs or a process has the database open, a restore changes nothing and says who is in the way."""
    monkeypatch.setattr(copies, "_WAIT_S", 0.1)
    await send(office, "now")
    backup = await keeping.backup(office.config, tmp_path)
    with pytest.raises(StoreBusy, match="open") as busy:
        await keeping.restore(office.config, Path(backup.path))
    assert "console" in busy.value.remedy
    await send(office, "still working")
    await office.close()
    lock = running.take_lock(office.config.state_dir, running.FOREGROUND)
    assert lock is not None
    with pytest.raises(GatewayRunning, match=str(os.getpid())):
        await keeping.restore(office.config, Path(backup.path))
    os.close(lock)
    assert await titles(office.config) == ["now", "still working"]


def repacked(source: Path, target: Path, **changes: bytes | None) -> Path:
    """Copy a backup with some of its parts changed, or left out (None); `_` in names stands for a dot."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            data = file.read()
            key = member.name.replace(".", "_")
            if key in changes:
                changed = changes[key]
                if changed is None:
                    continue
                data = changed
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return target


def manifest(source: Path, **changes: Any) -> bytes:
    """Return a backup's manifest with changes."""
    with tarfile.open(source) as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        return json.dumps({**json.load(file), **changes}).encode()


def cut_off(source: Path, target: Path) -> Path:
    """Copy the first part of a backup."""
    target.write_bytes(source.read_bytes()[:5000])
    return target


Damage = Callable[[Path, Path], Path]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "other database": (lambda path, out: repacked(path, out, claudemail_db=b"not a database"), "damaged"),
    "no database": (lambda path, out: repacked(path, out, claudemail_db=None), "no backup"),
    "no key": (lambda path, out: repacked(path, out, node_key=None), "no backup"),
    "no manifest": (lambda path, out: repacked(path, out, manifest_json=None), "no backup"),
    "bad manifest": (lambda path, out: repacked(path, out, manifest_json=b"{}"), "no backup"),
    "other node": (lambda path, out: repacked(path, out, manifest_json=manifest(path, node="server2")), "server2"),
    "newer schema": (lambda path, out: repacked(path, out, manifest_json=manifest(path, schema_version=99)), "newer"),
    "newer format": (lambda path, out: repacked(path, out, manifest_json=manifest(path, format=2)), "newer"),
    "cut off": (cut_off, "no backup"),
    "no tar": (lambda path, _: path.with_name("server1") / "config.json", "no backup"),
    "no file": (lambda path, _: path.with_name("not there"), "no file"),
}


@pytest.mark.parametrize("kind", DAMAGES)
async def test_what_is_no_backup_of_this_node_changes_nothing(office: Office, tmp_path: Path, kind: str) -> None:
    """A damaged, foreign or newer backup is refused with the reason, and the mail that is there stays."""
    damage, says = DAMAGES[kind]
    await send(office, "here")
    backup = Path((await keeping.backup(office.config, tmp_path)).path)
    await office.close()
    with pytest.raises((BackupError, InvalidInput), match=says):
        await keeping.restore(office.config, damage(backup, tmp_path / "changed.tar"))
    assert await titles(office.config) == ["here"]
    assert list(Path(office.config.state_dir).glob("*before-restore*")) == []
    assert list(Path(office.config.state_dir).glob(".claudemail-*")) == []


async def test_a_backup_overwrites_nothing(office: Office, tmp_path: Path) -> None:
    """A file that is there already is never replaced by a backup."""
    target = tmp_path / "precious.tar"
    target.write_text("x")
    with pytest.raises(BackupError, match="there already"):
        await keeping.backup(office.config, target)
    assert target.read_text() == "x"


async def test_a_database_that_was_replaced_is_not_written_to(office: Office, tmp_path: Path) -> None:
    """A process that has the former file open says so instead of accepting mail that nobody will find."""
    await send(office, "before")
    path = Path(office.config.db_path)
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(StoreReplaced, match="moved") as caught:
        await send(office, "lost?")
    assert "Start it again" in caught.value.remedy
    with pytest.raises(StoreReplaced):
        await office.inbox(None)


async def test_closing_a_replaced_database_leaves_the_new_one_alone(office: Office) -> None:
    """The log of a new database under the same name outlives the processes that had the old one open."""
    await send(office, "old")
    path = Path(office.config.db_path)
    for part in (*copies.PARTS, ".mark"):
        Path(f"{path}{part}").unlink(missing_ok=True)
    async with await Office.open(office.config) as fresh:
        await send(fresh, "new")
        await office.close()
        await send(fresh, "newer")
    assert await titles(office.config) == ["new", "newer"]


async def test_a_restored_node_and_its_peer_lose_and_double_nothing(
    office: Office, other: Office, carry: Carry, tmp_path: Path
) -> None:
    """After a restore the peer sends again what came since, and what the node sent since is not doubled there."""
    alpha, charlie = await office.party("alpha"), await other.party("charlie")

    async def both(number: int) -> None:
        await office.send(alpha, Draft(to=["charlie"], title=f"out {number}"))
        await other.send(charlie, Draft(to=["alpha"], title=f"in {number}"))
        await other.create_action(charlie, NewAction(text=f"act {number}", assignee="alpha"))
        await carry(office, other)
        await carry(other, office)

    await both(0)
    backup = await keeping.backup(office.config, tmp_path)
    await both(1)
    await office.create_action(alpha, NewAction(text="made after the backup"))
    await carry(office, other)
    await office.close()
    await keeping.restore(office.config, Path(backup.path))
    async with await Office.open(office.config) as restored:
        for _ in range(4):
            await carry(restored, other)
            for src, dst in ((restored, other), (other, restored)):
                beat = await src.transit.own_heartbeat(dst.config.node_id)
                await dst.transit.heard(src.config.node_id, beat, rtt_ms=None)
                if await dst.transit.has_lost(src.config.node_id, beat, dst.now() + 1):
                    await dst.transit.serve_again(src.config.node_id, beat, dst.now() + 1)
            await carry(other, restored)
        await restored.send(alpha, Draft(to=["charlie"], title="out 2"))
        await carry(restored, other)
        incoming = await restored.inbox(["alpha"], limit=100)
        assert [row.title for row in reversed(incoming.rows)] == ["in 0", "in 1"]
        outgoing = await other.inbox(["charlie"], limit=100)
        assert [row.title for row in reversed(outgoing.rows)] == ["out 0", "out 1", "out 2"]
        for which in (restored, other):
            found = await which.my_actions(alpha, limit=100)
            assert [action.text for action in found.mine.rows] == ["act 0", "act 1"]
            totals = (await which.status()).actions
            assert sum(totals.values()) == 3
