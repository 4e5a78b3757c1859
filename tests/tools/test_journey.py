"""One brief carried across two nodes, by real sessions, gateways and sockets."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from claudemail.testing import Fleet

Connect = Callable[..., Any]
HOSTILE = "[/foo] \x1b]52;c;aGk=\x07"
ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def ref_of(answer: str) -> str:
    """Return the ref in the answer to a send."""
    match = re.match(r"Accepted: (\w+) \(\d+\)", answer)
    assert match, answer
    return match[1]


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_brief_goes_to_the_other_node_and_its_receipt_comes_back(
    fleet: Fleet, connect: Connect, mode: str
) -> None:
    """A brief to another node is counted, digested and read there, and its sender sees when and by whom, in both eras."""
    fleet.start()
    async with connect(fleet["server1"], mode) as alpha, connect(fleet["server2"], mode) as charlie:
        sent = await alpha("send", to="charlie", title="Deploy blocker", body="NOT NULL", action="Review the script")
        ref = ref_of(sent)
        assert "1 unread brief for charlie" in await charlie.until("check", "unread brief for")
        digest = await charlie("digest")
        assert "Deploy blocker" in digest
        assert "NOT NULL" in digest
        assert re.search(r'- action: \w{4,} \(1\) "Review the script": pending, for charlie', digest)
        assert "No unread mail" in await charlie("check")
        full = await charlie("read", ref=ref)
        assert "From alpha (server1), verified, to charlie" in full
        assert "// alpha, out" in full
        seen = await alpha.until("read", "ago by charlie", ref=ref)
        assert "charlie (server2): read" in seen


async def test_a_brief_waits_for_a_gateway_that_starts_later(fleet: Fleet, connect: Connect) -> None:
    """Mail to a node that is down is accepted, said to wait, and delivered when the node comes."""
    fleet["server1"].start()
    async with connect(fleet["server1"]) as alpha:
        ref = ref_of(await alpha("send", to="charlie", title="Are you there?"))
        waiting = await alpha.until("status", "cannot be reached")
        assert "1 parcel waiting" in waiting
        assert "connection refused" in waiting
        fleet["server2"].start()
        async with connect(fleet["server2"]) as charlie:
            await charlie.until("check", "1 unread brief")
            assert "Are you there?" in await charlie("digest")
        await alpha.until("read", "by charlie", ref=ref)
        assert "waiting" not in await alpha("status")


async def test_a_brief_outlives_the_gateway_that_accepted_it(fleet: Fleet, connect: Connect) -> None:
    """A gateway killed right after its answer has lost nothing, and the session it served goes on by itself."""
    fleet["server1"].start()
    async with connect(fleet["server1"]) as alpha:
        ref = ref_of(await alpha("send", to="charlie", title="Before the kill"))
        fleet["server1"].kill()
        fleet["server1"].start()
        fleet["server2"].start()
        async with connect(fleet["server2"]) as charlie:
            await charlie.until("check", "1 unread brief")
            assert "Before the kill" in await charlie("read", ref=ref)
        await alpha.until("read", "by charlie", ref=ref)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_session_outlives_a_killed_gateway_and_brings_a_new_one_up(
    fleet: Fleet, connect: Connect, mode: str
) -> None:
    """After kill -9 of the gateway the session's next call works, under the same callsign, with nobody's help."""
    fleet["server1"].start()
    async with connect(fleet["server1"], mode) as alpha:
        assert "You are alpha" in await alpha("roster")
        fleet["server1"].kill()
        assert "You are alpha" in await alpha("roster")
        assert await alpha.client.list_tools()


async def test_a_call_that_was_in_flight_is_answered_with_what_to_do(fleet: Fleet, connect: Connect) -> None:
    """A call that a gateway took and could not answer before it was killed is an error that says to call again."""
    fleet["server1"].start()
    async with connect(fleet["server1"]) as alpha:
        await alpha("check")
        gateway = fleet["server1"].gateway
        assert gateway is not None
        gateway.send_signal(signal.SIGSTOP)
        call = asyncio.create_task(alpha.refused("send", to="bravo", title="x"))
        await asyncio.sleep(0.5)  # nothing tells when the bytes have reached a process that is stopped
        fleet["server1"].kill()
        error = await call
        assert "Call again" in error
        assert "key" in error
        assert "No unread mail" in await alpha("check")


async def test_an_unknown_name_is_refused_with_the_nearest_and_nothing_is_stored(
    fleet: Fleet, connect: Connect
) -> None:
    """A name that does not exist is an error that offers the nearest ones; the brief is not stored."""
    fleet["server1"].start()
    async with connect(fleet["server1"]) as alpha:
        error = await alpha.refused("send", to="charly", title="x")
        assert "'charly'" in error
        assert "charlie" in error
        error = await alpha.refused("send", to="bravo, @server3", title="x")
        assert "server3" in error
        assert "server1" in error
    with sqlite3.connect(fleet["server1"].config.db_path) as database:
        assert database.execute("SELECT count(*) FROM briefs").fetchone() == (0,)
    database.close()


async def test_hostile_and_large_text_passes_every_layer(fleet: Fleet, connect: Connect) -> None:
    """A title of markup and escapes over a body of 200 KB arrives whole, with no control byte in any answer."""
    fleet.start()
    body = "\x1b[2J\u202e" + "word & <tag> [b] " * 12_000
    async with connect(fleet["server1"]) as alpha, connect(fleet["server2"]) as charlie:
        sent = await alpha("send", to="charlie", title=HOSTILE, body=body)
        await charlie.until("check", "1 unread brief")
        digest = await charlie("digest", max_chars=1_000)
        full = await charlie("read", ref=ref_of(sent))
    assert "[/foo] ]52;c;aGk=" in digest
    assert body[5:].rstrip() in full
    for answer in (sent, digest, full):
        assert not ESCAPES.search(answer)


async def test_a_brief_over_the_limit_is_refused_with_the_limit_named(fleet: Fleet, connect: Connect) -> None:
    """300 KB are refused with the limit and what to do instead; nothing is cut."""
    fleet["server1"].start()
    async with connect(fleet["server1"]) as alpha:
        error = await alpha.refused("send", to="bravo", title="big", body="x" * 300_000)
        assert "256 KiB" in error
        assert "Accepted" in await alpha("send", to="bravo", title="just fits", body="x" * (256 * 1024 - 40))
