"""Waking idle sessions: once for a brief, batched, by priority, by inbox or by ping file; and status files that are true."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from claudemail.claude_code.status_files import BY_PID, FOLDER
from claudemail.clients import Clients
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.running import own_command
from claudemail.testing import Fleet, Member
from tests.claude_code.conftest import Inbox

Connect = Callable[..., Any]


async def post(office: Office, to: str, title: str, **fields: object) -> str:
    """Send a brief from the operator; return its id."""
    draft = Draft.model_validate({"to": to, "title": title, **fields})
    return (await office.send(office.operator(), draft)).id


async def state_of(office: Office, id: str) -> str:
    """Return how far a brief has come for its one recipient."""
    [state] = (await office.read(office.operator(), id)).recipients
    return str(state.state)


async def until(true: Callable[[], Any]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not (await true() if asyncio.iscoroutinefunction(true) else true()):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.02)


@pytest.fixture
def served(connect: Connect, inbox: Inbox) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """A session of a member whose Claude Code has an inbox."""

    @asynccontextmanager
    async def opened(member: Member, *, reachable: bool = True, apart: bool = False) -> AsyncIterator[Any]:
        path = str(inbox.path) if reachable else f"{inbox.path}-none"
        more = {"CLAUDE_CODE_MESSAGING_SOCKET": path, "CLAUDE_CODE_MESSAGING_TOKEN": "a token"}
        environment = {**member.environment, **more}
        if not apart:
            async with connect(SimpleNamespace(environment=environment)) as session:
                yield session
            return
        # As of another Claude Code: the shell that stays is its process.
        line = f"{shlex.join(own_command('mcp'))}; true"
        command = StdioServerParameters(command="sh", args=["-c", line], env=environment)
        async with Client(stdio_client(command)) as client:
            yield client

    return opened


def configured(member: Member, **more: object) -> None:
    """Put more into a member's config."""
    path = Path(str(member.config.path))
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))


async def test_mail_wakes_a_session_once(node: Fleet, served: Any, inbox: Inbox) -> None:
    """A brief is told of by the session's inbox, once, with counts and callsigns; the receipt says notified."""
    member = node["server1"]
    async with served(member), await Office.open(member.config) as office:
        first = await post(office, "alpha", "the secret", priority="urgent")
        text = await inbox.until(1)
        assert text.startswith("ClaudeMail: 1 new brief (1 urgent) from operator (server1) for alpha.")
        assert "secret" not in text
        await until(lambda: Clients(member.config.state_dir).told(os.getpid()) > 0)

        async def notified() -> bool:
            return await state_of(office, first) == "notified"

        await until(notified)
        await asyncio.gather(*(post(office, "alpha", f"title {number}") for number in range(5)))
        await inbox.until(2)
        assert "5 new briefs from operator (server1) for alpha; 6 unread in all." in inbox.heard[1]
        # Another session's mail, and what is told already, wake nobody: the next thing heard is the next brief.
        await post(office, "charlie", "not here")
        await post(office, "alpha", "the last")
        assert "1 new brief from" in await inbox.until(3)


async def test_nothing_is_told_again_by_the_next_gateway(node: Fleet, served: Any, inbox: Inbox) -> None:
    """After kill -9 of the gateway the next one wakes nobody for what was told."""
    member = node["server1"]
    async with served(member) as session, await Office.open(member.config) as office:
        await post(office, "alpha", "one")
        await inbox.until(1)
        member.kill(signal.SIGKILL)
        assert "1 unread" in await session("check")
        await post(office, "alpha", "two")
        assert "1 new brief" in await inbox.until(2)


@pytest.mark.parametrize(("wake", "woken"), [("urgent", ["urgent"]), ("high", ["high", "urgent"]), ("never", [])])
async def test_priorities_that_wake(fleet: Fleet, served: Any, inbox: Inbox, wake: str, woken: list[str]) -> None:
    """The config says for which mail a session is woken; the status file follows in any case."""
    member = fleet["server1"]
    configured(member, wake=wake)
    member.start()
    async with served(member), await Office.open(member.config) as office:
        for count, priority in enumerate(("low", "normal", "high", "urgent"), 1):
            await post(office, "alpha", priority, priority=priority)
            await until(lambda count=count: f"{count} unread" in _file(member, "alpha.plain"))  # type: ignore[misc]
            if priority in woken:
                await inbox.until(woken.index(priority) + 1)
    assert len(inbox.heard) == len(woken)


async def test_mail_to_an_instance_wakes_one_of_its_sessions(node: Fleet, served: Any, inbox: Inbox) -> None:
    """Of two sessions that share an instance's mailbox one is woken, and both for mail to all."""
    member = node["server1"]
    async with served(member), served(member, apart=True), await Office.open(member.config) as office:
        await post(office, "instance1", "to one of you")
        assert "for alpha" in await inbox.until(1)
        await post(office, "all", "to all of you")
        await inbox.until(3)
    assert sorted("for alpha" in text for text in inbox.heard[1:]) == [False, True]


def _file(member: Member, name: str) -> str:
    path = Path(member.config.state_dir, FOLDER, name)
    return path.read_text() if path.exists() else ""


async def test_a_session_without_an_inbox_has_its_ping_file_written(node: Fleet, served: Any) -> None:
    """Where the inbox cannot be reached, the ping file says what the inbox would have, up to which brief."""
    member = node["server1"]
    ping = Path(member.config.ping_dir, "alpha")
    async with served(member, reachable=False), await Office.open(member.config) as office:
        await post(office, "alpha", "one")
        await until(ping.exists)
        data = json.loads(ping.read_text())
        assert data["upto"] == 1
        assert data["text"].startswith("ClaudeMail: 1 new brief from operator")
        await post(office, "alpha", "two")
        await until(lambda: json.loads(ping.read_text())["upto"] == 2)


async def test_status_files_are_true_while_a_session_is_there(node: Fleet, served: Any, inbox: Inbox) -> None:
    """A session has its files, by its callsign and by its process, on every change; with it they go."""
    member = node["server1"]
    link = Path(member.config.state_dir, FOLDER, BY_PID, str(os.getpid()))
    async with served(member) as session, await Office.open(member.config) as office:
        await until(lambda: _file(member, "alpha.plain") == "✉ alpha · no mail\n")
        await post(office, "alpha", "one", priority="urgent", action=["do it due:2020-01-01"])
        await session("action_create", text="late", assignee="alpha", due="2020-01-01")
        await until(lambda: _file(member, "alpha.plain") == "✉ alpha · 1 unread · 1 urgent · 1 due\n")
        assert link.resolve() == Path(member.config.state_dir, FOLDER, "alpha").resolve()
        assert "\x1b[31m · 1 urgent\x1b[0m" in link.read_text()
        status = {"callsign": "alpha", "node": "server1", "unread": 1, "urgent": 1, "due": 1, "silent": []}
        await until(lambda: json.loads(_file(member, "alpha.json")) == status)
        await session("digest")
        await until(lambda: _file(member, "alpha.plain") == "✉ alpha · no mail · 1 due\n")
    await until(lambda: not link.is_symlink())
    assert not _file(member, "alpha.plain")
    assert inbox.heard
