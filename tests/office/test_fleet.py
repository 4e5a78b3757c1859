"""Roster and status: who is there, and how this node does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claudemail.config import Config
from claudemail.model.brief import Draft
from claudemail.model.roster import Heartbeat, Liveness, Presence
from claudemail.office import Office

if TYPE_CHECKING:
    from tests.office.conftest import Carry

NOW = 1_790_000_000_000
HELD: dict[str, Any] = {
    "holder": "h",
    "pid": os.getpid(),
    "client_pid": os.getppid(),
    "session_id": "s",
    "project": "shop",
}


class Wall:
    """A wall clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


async def presence(office: Office, name: str) -> Presence:
    """Return someone on this node."""
    return next(one for node in (await office.roster()).nodes for one in node.presences if one.name == name)


async def test_a_session_is_live_while_it_runs(office: Office) -> None:
    """A claimed callsign is live with its session's PID and project; released, it is away since then."""
    assert not (await presence(office, "alpha")).live
    party = await office.claim("alpha", "instance1", **HELD)
    alpha = await presence(office, "alpha")
    assert (alpha.live, alpha.pid, alpha.project) == (True, os.getppid(), "shop")
    await office.release(party)
    alpha = await presence(office, "alpha")
    assert (alpha.live, alpha.pid, alpha.project) == (False, None, None)
    assert alpha.since is not None


async def test_a_session_whose_process_is_gone_is_away(office: Office) -> None:
    """A session that was killed is away at once, without anybody releasing its callsign."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    await office.claim("alpha", "instance1", **{**HELD, "pid": gone.pid})
    assert not (await presence(office, "alpha")).live


async def test_last_activity_is_that_of_the_session(config: Config) -> None:
    """A session is shown with when it last did something, on its own node and on others; an old lease does not count."""
    wall = Wall()
    async with await Office.open(config, wall=wall) as office:
        before = await office.claim("alpha", "instance1", **HELD)
        alpha = await office.claim("alpha", "instance1", **{**HELD, "holder": "next"})
        wall.now += 60_000
        await office.active(alpha)
        wall.now += 60_000
        await office.active(before)
        assert (await presence(office, "alpha")).active_at == NOW + 60_000
        told = (await office.transit.own_heartbeat("server2")).roster
        assert [one.active_at for one in told if one.name == "alpha"] == [NOW + 60_000]


async def test_a_callsign_beyond_the_pool_is_a_name(office: Office) -> None:
    """A session that took a name the config does not have can be written to, and stays a name after it left."""
    party = await office.claim("delta", "instance1", **HELD)
    assert party.mailboxes == ("delta", "instance1")
    await office.send(office.operator(), Draft(to=["delta"], title="t"))
    assert (await presence(office, "delta")).unread == 1
    await office.release(party)
    await office.send(office.operator(), Draft(to=["delta"], title="t"))
    reached = (await office.send(office.operator(), Draft(to=["all"], title="t"))).recipients
    assert "delta" not in {one.name for one in reached}


async def test_read_coverage_counts_what_was_read(office: Office) -> None:
    """Of two briefs one read, the coverage is a half; an empty mailbox is covered in full."""
    alpha = await office.party("alpha")
    assert (await presence(office, "alpha")).read_coverage == 1.0
    first = await office.send(office.operator(), Draft(to=["alpha"], title="t"))
    await office.send(office.operator(), Draft(to=["alpha"], title="t"))
    await office.shown(alpha, [first.number])
    assert (await presence(office, "alpha")).read_coverage == 0.5


async def test_peers_grow_late_and_stale(config: Config) -> None:
    """A peer is live within two heartbeats, late within five, then stale; one never heard of is stale with its config's names."""
    wall = Wall()
    async with await Office.open(config, wall=wall) as office:
        there = (await office.roster()).nodes[1]
        assert (there.liveness, [one.name for one in there.presences]) == (Liveness.STALE, ["charlie"])
        beat = Heartbeat(
            version="9", at=NOW + 5_000, roster=[Presence(instance="instance2", callsign="charlie", live=True)]
        )
        await office.transit.heard("server2", beat, rtt_ms=1.5)
        seen = []
        for minutes in (2, 3, 5, 6):
            wall.now = NOW + minutes * 60_000
            seen.append((await office.roster()).nodes[1].liveness)
        assert seen == [Liveness.LIVE, Liveness.LATE, Liveness.LATE, Liveness.STALE]
        lane = (await office.status()).lanes[0]
        assert (lane.version, lane.skew_ms, lane.rtt_ms) == ("9", 5_000, 1.5)


async def test_a_failure_is_shown_until_the_next_contact(office: Office) -> None:
    """Why a peer cannot be reached and when it is tried again is in the status, and gone once it was in contact."""
    await office.transit.unreachable("server2", "connection refused", NOW)
    lane = (await office.status()).lanes[0]
    assert (lane.error, lane.retry_at) == ("connection refused", NOW)
    await office.transit.contact("server2")
    lane = (await office.status()).lanes[0]
    assert (lane.error, lane.retry_at) == (None, None)


async def test_the_status_counts(office: Office, other: Office, carry: Carry) -> None:
    """Briefs, unread, sent and waiting are counted, and the size on disk is that of the files."""
    for to in ("alpha", "charlie", "charlie"):
        await office.send(office.operator(), Draft(to=[to], title="t"))
    await other.send(other.operator(), Draft(to=["bravo"], title="t"))
    await carry(other, office)
    status = await office.status()
    assert (status.node, status.briefs, status.unread, status.sent) == ("server1", 4, 2, 3)
    (lane,) = status.lanes
    assert (lane.node, lane.waiting, lane.dead) == ("server2", 2, 0)
    assert status.gateway_pid is None
    files = [Path(office.config.db_path), Path(office.config.db_path + "-wal")]
    assert status.database_bytes == sum(file.stat().st_size for file in files)
    assert status.disk_free > 0


async def test_the_own_heartbeat_tells_who_is_here(office: Office) -> None:
    """What goes to peers names everyone on this node with their unread mail and whether they are there."""
    await office.claim("bravo", "instance1", **HELD)
    await office.send(office.operator(), Draft(to=["alpha"], title="t"))
    beat = await office.transit.own_heartbeat("server2")
    assert {(one.name, one.live, one.unread) for one in beat.roster} == {
        ("bravo", True, 0),
        ("instance1", True, 0),
        ("alpha", False, 1),
    }


async def test_a_damaged_registry_is_made_anew(config: Config) -> None:
    """A registry that SQLite cannot read stops nothing: it is put aside, and the mail is there."""
    async with await Office.open(config) as office:
        await office.send(office.operator(), Draft(to=["alpha"], title="kept"))
    registry = Path(config.registry_db_path)
    registry.write_bytes(b"no database " * 1_000)
    async with await Office.open(config) as office:
        assert [row.title for row in (await office.inbox(None)).rows] == ["kept"]
        assert (await office.status()).lanes[0].heard_at is None
    assert registry.with_name("registry.db.damaged").exists()


async def test_the_next_try_is_the_first_of_lane_and_heartbeat(office: Office) -> None:
    """When both wait out a failure, status shows the try that comes first, until that time has gone by."""
    now = office.now()
    for retry_at, shown in ((now + 90_000, now + 90_000), (now + 30_000, now + 30_000), (now + 60_000, now + 30_000)):
        await office.transit.unreachable("server2", "server2 cannot be reached.", retry_at)
        assert (await office.status()).lanes[0].retry_at == shown
