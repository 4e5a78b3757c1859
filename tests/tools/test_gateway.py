"""The gateway process: one a node, started by whoever needs it, and stopped without harm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from claudemail import config as configuration
from claudemail import running
from claudemail.config import Config
from claudemail.office import Office
from claudemail.testing import Fleet, Member, until

Connect = Callable[..., Any]


def notice(config: Config) -> running.Notice:
    """Return what the gateway says of itself."""
    found = running.read_notice(config.state_dir)
    assert found is not None
    return found


async def test_a_session_starts_the_gateway_and_a_person_takes_over_from_it(fleet: Fleet, connect: Connect) -> None:
    """With no gateway, a session's first call brings one up; one run in the foreground replaces it, and the session goes on."""
    member = fleet["server1"]
    async with connect(member) as alpha:
        assert "You are alpha" in await alpha("roster")
        on_demand = notice(member.config)
        assert on_demand.mode == running.ON_DEMAND
        member.start(wait=False)

        def taken_over() -> bool:
            found = running.read_notice(member.config.state_dir)
            return found is not None and found.mode == running.FOREGROUND

        until(taken_over, "the foreground gateway has taken over")
        assert notice(member.config).pid != on_demand.pid
        assert "You are alpha" in await alpha("roster")


def test_a_second_gateway_of_a_node_says_which_is_running(fleet: Fleet) -> None:
    """A node's second gateway ends with an error that names the first, which runs on."""
    member = fleet["server1"]
    member.start()
    second = subprocess.run(
        running.own_command("gateway"), env=member.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 1
    assert member.gateway is not None
    assert f"PID {member.gateway.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    assert notice(member.config).pid == member.gateway.pid


async def test_a_gateway_that_is_asked_to_stop_ends_well(fleet: Fleet, connect: Connect) -> None:
    """SIGTERM ends a gateway that serves a session and a silent peer, with exit code 0; the session starts the next."""
    member = fleet["server1"]
    member.start()
    async with connect(member) as alpha:
        await alpha("send", to="charlie", title="on its way")
        assert member.gateway is not None
        member.gateway.send_signal(signal.SIGTERM)
        assert member.gateway.wait(timeout=30) == 0
        assert "1 sent from here" in await alpha("status")


@pytest.mark.parametrize("gone", ["folder", "database"])
def test_a_gateway_ends_when_its_mail_is_elsewhere(fleet: Fleet, gone: str) -> None:
    """A gateway whose folder or database is no longer in its place does not stay behind and hold the port."""
    member = fleet["server1"]
    member.start()
    gateway = member.gateway
    assert gateway is not None
    path = member.folder if gone == "folder" else member.folder / "claudemail.db"
    path.rename(path.with_name("elsewhere"))
    assert gateway.wait(timeout=30) == 0
    member.gateway = None


async def test_a_gateway_keeps_the_mailbox_files_and_the_full_text(fleet: Fleet, connect: Connect) -> None:
    """Mail and what becomes of it is in the mailbox files soon, and can be searched, without anybody asking for it."""
    member = fleet["server1"]
    member.start()
    async with connect(member) as alpha:
        ref = (await alpha("send", to="bravo", title="In a file", action="Look at it")).split()[1]
        mailbox = member.folder / "mailbox"

        def written() -> bool:
            changes = mailbox / "actions" / "changes.jsonl"
            return bool(list(mailbox.rglob(f"*-{ref}.md"))) and changes.exists() and "Look at it" in changes.read_text()

        until(written, "the files are written")
        assert "title: In a file" in next((mailbox / "inbox" / "bravo").rglob(f"*-{ref}.md")).read_text()
        async with await Office.open(member.config) as office:
            assert not await office.index_some()


@pytest.mark.parametrize("foreground", [False, True])
async def test_a_changed_configuration_takes_effect_by_itself(
    fleet: Fleet, connect: Connect, *, foreground: bool
) -> None:
    """A gateway begins anew, as the same process, when the config is changed; the session goes on as the new one says."""
    member = fleet["server1"]
    if foreground:
        member.start()
    async with connect(member) as alpha:
        assert "You are alpha" in await alpha("roster")
        first = notice(member.config)
        data = json.loads(member.config_path.read_text())
        if foreground:  # with mistakes in it, it is left aside
            member.config_path.write_text(json.dumps({**data, "nodes": []}))
            until(lambda: "cannot be used" in (member.folder / running.LOG).read_text(), "the mistakes are noticed")
            assert "You are alpha" in await alpha("roster")
        data["instances"].append({"id": "instance4", "node_id": "server2", "callsigns": ["hotel"]})
        member.config_path.write_text(json.dumps(data))
        roster = ""
        for _ in range(200):
            roster, _failed = await alpha.outcome("roster")  # one that is on its way at that moment fails
            if "hotel" in roster:
                break
            await asyncio.sleep(0.05)
        assert "You are alpha" in roster
        assert "hotel" in roster
        assert (notice(member.config).pid, notice(member.config).mode) == (first.pid, first.mode)


async def test_a_gateway_that_was_started_on_demand_ends_with_its_configuration(fleet: Fleet, connect: Connect) -> None:
    """Without a config that can be used it ends, since whoever starts the next is told why."""
    member = fleet["server1"]
    async with connect(member) as alpha:
        assert "You are alpha" in await alpha("roster")
    member.config_path.write_text("{")
    until(lambda: running.read_notice(member.config.state_dir) is None, "the gateway has ended")


async def test_a_session_that_finds_no_callsign_after_a_change_tries_again(fleet: Fleet, connect: Connect) -> None:
    """While a changed config has no place for it, a session's calls say so; once it has again, they work."""

    class Chosen(Member):
        @property
        def environment(self) -> dict[str, str]:
            return {**super().environment, "CLAUDEMAIL_INSTANCE": "instance1"}

    member = Chosen(fleet["server1"].config_path)
    text = member.config_path.read_text()
    async with connect(member) as alpha:
        assert "You are alpha" in await alpha("roster")
        member.config_path.write_text(text.replace('"instance1"', '"renamed"'))
        member.kill()
        for _ in range(2):
            assert "no instance 'instance1'" in await alpha.refused("roster")
        member.config_path.write_text(text)
        assert "You are alpha" in await alpha("roster")


async def test_a_session_outlives_its_project_folder(fleet: Fleet, connect: Connect, tmp_path: Path) -> None:
    """A session whose folder was removed still finds the next gateway."""
    place = tmp_path / "worktree"
    place.mkdir()
    with contextlib.chdir(place):
        async with connect(fleet["server1"]) as alpha:
            assert "in worktree" in await alpha("roster")
            place.rmdir()
            fleet["server1"].kill()
            assert "in worktree" in await alpha("roster")


async def test_without_any_configuration_a_node_stands_alone(tmp_path: Path, connect: Connect) -> None:
    """With an empty HOME two sessions of the machine exchange mail, and no port is opened."""

    class Alone(Member):
        def __init__(self, home: Path) -> None:
            self.folder = home
            self.config = configuration.standalone()
            self.config.db_path = str(home / ".claudemail" / "claudemail.db")
            self.gateway = None

        @property
        def environment(self) -> dict[str, str]:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("CLAUDE")}
            return {**kept, "HOME": str(self.folder)}

    member = Alone(tmp_path)
    try:
        async with connect(member) as alpha, connect(member) as bravo:
            assert f"You are alpha on {member.config.node_id}" in await alpha("roster")
            await alpha("send", to="bravo", title="hello")
            assert "hello" in await bravo("digest")
            assert "without a port" in await alpha("status")
            assert "1 unread" not in await bravo("check")
        assert notice(member.config).listening is None
    finally:
        member.kill()


async def test_a_configuration_with_mistakes_ends_a_session_with_their_names(fleet: Fleet) -> None:
    """`claudemail mcp` with a broken config ends with exit code 4 and says what to mend, not with a traceback."""
    member = fleet["server1"]
    member.config_path.write_text('{"nodes": [{"id": "a b", "ip": "10.0.0.1"}]}')
    done = subprocess.run(
        running.own_command("mcp"),
        env=member.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "nodes[0].id" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_request_of_any_shape_in_flight_does_not_end_a_session(fleet: Fleet) -> None:
    """A gateway that is killed over a request that makes no sense leaves the session to its next gateway."""
    lines: list[dict[str, Any]] = [
        {"id": 1, "method": "tools/call", "params": [1]},
        {"id": 1, "method": "tools/call", "params": "x"},
        {"id": 1, "method": "tools/call", "params": {"_meta": 5}},
        {"method": "initialize", "params": {}},
    ]
    member = fleet["server1"]
    member.start()
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    with subprocess.Popen(
        running.own_command("mcp"), env=member.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def say(message: dict[str, Any]) -> None:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            process.stdin.flush()

        say({"id": 7, "method": "initialize", "params": params})
        assert json.loads(process.stdout.readline())["id"] == 7
        say({"method": "notifications/initialized"})
        for number, line in enumerate(lines, 8):
            assert member.gateway is not None
            member.gateway.send_signal(signal.SIGSTOP)
            say(line)
            time.sleep(0.5)  # nothing tells when the bytes have reached a process that is stopped
            member.kill()
            member.start()
            say({"id": number, "method": "tools/list"})
            answers = iter(process.stdout.readline, b"")
            answer = next(message for message in map(json.loads, answers) if message.get("id") == number)
            assert answer["result"]["tools"], line
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1, 2]",
        b"[" * 100_000,
        b'"' + b"x" * (5 * 1024 * 1024) + b'"',
        b'{"method": 1, "id": {}}',
        b"\xff\x00",
    ],
)
def test_a_line_that_is_none_of_the_protocols_does_not_end_a_session(fleet: Fleet, line: bytes) -> None:
    """After a line that is no message, however long or deep, the session answers the next request."""
    fleet["server1"].start()
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    hello = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params}).encode()
    with subprocess.Popen(
        running.own_command("mcp"), env=fleet["server1"].environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + b"\n" + hello + b"\n")
        process.stdin.flush()
        answers = iter(process.stdout.readline, b"")
        answer = next(message for message in map(json.loads, answers) if message.get("id") == 7)
        assert answer["result"]["serverInfo"]["name"] == "claudemail"
        process.stdin.close()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("call", [b'{"jsonrpc":"2.0","id":"a-1",%s}', b'{%s,"jsonrpc":"2.0","id":"a-1"}'])
def test_a_call_that_is_too_long_is_answered(fleet: Fleet, call: bytes) -> None:
    """A call of many MiB, with its id at either end, gets an answer by which its caller knows that it was not done."""
    fleet["server1"].start()
    params = b'"method":"tools/call","params":{"name":"claudemail_check","arguments":{"x":"%s"}}' % (
        b"x" * 5 * 1024 * 1024
    )
    with subprocess.Popen(
        running.own_command("mcp"), env=fleet["server1"].environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        out, _ = process.communicate(call % params + b"\n", timeout=30)
    [answer] = map(json.loads, out.splitlines())
    assert answer["id"] == "a-1"
    assert "bytes" in answer["error"]["message"]
