"""What the tests of hooks, status line and waking share: hooks that run as Claude Code runs them, and an inbox of a session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from claudemail.claude_code import run_hook
from claudemail.config import CONFIG_ENV, NODE_ENV, Config
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.testing import Fleet


class Ended(NamedTuple):
    """How a hook ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """What it printed, as JSON; nothing where it printed nothing."""
        found: dict[str, Any] = json.loads(self.out or "{}")
        return found

    @property
    def context(self) -> str:
        """What it adds to the model's context."""
        return str(self.data.get("hookSpecificOutput", {}).get("additionalContext", ""))


Hook = Callable[..., Ended]


@pytest.fixture
def hook(config: Config) -> Hook:
    """Run the hook of an event of a Claude Code process, by default this one, on `server1`."""
    own = config

    def ran(
        event: str, *, pid: int | None = None, text: str | None = None, config: Config = own, **fields: object
    ) -> Ended:
        told = {"session_id": "one", "cwd": "/", "transcript_path": "", "hook_event_name": event, **fields}
        done = subprocess.run(
            [sys.executable, "-I", "-S", run_hook.__file__],
            input=json.dumps(told) if text is None else text,
            env={
                CONFIG_ENV: str(config.path), NODE_ENV: config.node_id, "HOME": os.environ["HOME"], "PATH": os.environ["PATH"],
                "CLAUDE_PID": str(os.getpid() if pid is None else pid),
            },
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    return ran


@pytest.fixture
def node(fleet: Fleet) -> Fleet:
    """A fleet of which only server1 runs."""
    fleet["server1"].start()
    return fleet


@pytest.fixture
def send(office: Office) -> Callable[..., Any]:
    """Send a brief from the operator of `server1`, given recipient, title and more; return its number."""

    async def sent(to: str, title: str = "a title", **fields: object) -> int:
        draft = Draft.model_validate({"to": to, "title": title, "body": "text", **fields})
        return (await office.send(office.operator(), draft)).number

    return sent


class Inbox:
    """A session's inbox, as Claude Code has one: it keeps what is said there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take lines: first the token, then messages."""
        auth = json.loads(await reader.readline())
        assert auth == {"type": "auth", "token": "a token"}
        while line := await reader.readline():
            message = json.loads(line)
            assert message["type"] == "user"
            assert message["from"] == f"uds:{self.path}"
            self.heard.append(message["message"]["content"])
            self._changed.set()
        writer.close()

    async def until(self, count: int) -> str:
        """Return what was said last, once so much was said."""
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.heard[-1]


@pytest.fixture
async def inbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Inbox]:
    """An inbox that listens."""
    inbox = Inbox(tmp_path_factory.mktemp("in") / "s")
    server = await asyncio.start_unix_server(inbox.serve, inbox.path)
    yield inbox
    server.close()
    with contextlib.suppress(FileNotFoundError):
        inbox.path.unlink()
