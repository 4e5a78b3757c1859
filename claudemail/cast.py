"""The cast of the demo: sessions that write to each other as people's would, each through a real `claudemail mcp`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

from claudemail.running import own_command
from claudemail.testing import Member

LAYOUT = {
    "server1": {"web": ["alpha", "bravo"]},
    "server2": {"api": ["charlie", "delta"]},
    "server3": {"ops": ["echo"], "ci": ["foxtrot"]},
}
_PAUSE_S = (1.5, 5.0)
_LINE = 4 * 1024 * 1024
_MAIL = re.compile(r"^(\w{4,12}) \(\d+\) \"(.*)\" from ", re.MULTILINE)


class Scene(NamedTuple):
    """A brief that the demo opens with."""

    sender: str
    to: str
    title: str
    body: str
    priority: str = "normal"
    actions: tuple[str, ...] = ()


OPENING = (
    Scene(
        "echo", "all", "Staging is green again", "The disk alarm was a log file that nobody rotated. It is rotated now."
    ),
    Scene(
        "alpha",
        "bravo",
        "Handoff: auth refactor",
        "Sessions move from cookies to tokens.\n\n- `auth/session.py` is done\n- the **logout** path still sets the old cookie\n"
        "- tests for expiry are missing",
        actions=("Finish the logout path", "Write tests for token expiry"),
    ),
    Scene(
        "charlie",
        "alpha, operator@server1",
        "Deploy blocker: database migration",
        "The migration adds a `NOT NULL` column without a default value.\n\nExisting rows will fail. Either add a default or"
        " backfill first:\n\n```sql\nUPDATE users SET locale = 'en' WHERE locale IS NULL;\n```",
        priority="urgent",
        actions=("Review migration script before deploying",),
    ),
    Scene(
        "foxtrot",
        "api, web",
        "Build 1841 is slow",
        "The image layer cache misses since Monday: 11 minutes instead of 4.",
    ),
    Scene(
        "delta",
        "charlie",
        "Cache warm-up numbers",
        "Cold: 840 ms p99. Warm: 95 ms. The warm-up itself takes 40 s.",
        "high",
    ),
    Scene(
        "bravo",
        "operator@server1",
        "May I drop Node 18?",
        "Nothing of ours runs on it any more. I would do it tonight.",
    ),
)
TOPICS = (
    ("Flaky test in checkout", "`test_cart_total` fails one run in twenty. It compares floats."),
    (
        "Rate limit for the search endpoint",
        "I propose 20 requests a second for each key, 429 with `Retry-After` beyond.",
    ),
    ("Nightly report", "312 tests, 0 failures, coverage 91.4 %. Slowest: `test_import_large` with 38 s."),
    ("Rotating the staging keys", "New keys are in the vault. The old ones end on Friday."),
    ("Which branch is live?", "Staging says 4f2a, the release notes say 9c1d. Which is right?"),
    ("Index on orders.created_at", "The report query does a full scan. An index brings it from 2.1 s to 30 ms."),
)
ANSWERS = (
    "Done. Please look whether it holds on your side.",
    "Looks right to me. One question: what happens on a retry?",
    "I have it on my list for this afternoon.",
    "Not yet: I wait for the build. I write again when it is through.",
)


class Actor:
    """One session of the cast."""

    def __init__(self, callsign: str, member: Member, instance: str) -> None:
        self.callsign = callsign
        self._member = member
        self._instance = instance
        self._process: asyncio.subprocess.Process | None = None
        self._last_id = 0

    async def enter(self) -> None:
        """Start the session and shake hands. Sessions of an instance enter in the order of its callsigns."""
        self._process = await asyncio.create_subprocess_exec(
            *own_command("mcp"),
            env={
                **self._member.environment,
                "CLAUDEMAIL_INSTANCE": self._instance,
                "CLAUDE_PROJECT_DIR": f"/{self._instance}",
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LINE,
        )
        client = {"name": "demo", "version": "1"}
        await self._request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        await self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def leave(self) -> None:
        """End the session."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def call(self, tool: str, **arguments: Any) -> str:  # noqa: ANN401 - JSON
        """Call a tool and return what the model would see."""
        result = await self._request("tools/call", {"name": f"claudemail_{tool}", "arguments": arguments})
        text: str = result["content"][0]["text"]
        return text

    async def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        await self._write({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            if message.get("id") == self._last_id:
                result: dict[str, Any] = message["result"]
                return result
        raise EOFError(f"the session of {self.callsign} ended")

    async def _write(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()


async def play(members: dict[str, Member]) -> None:
    """Play until cancelled: the opening, then chatter. Closing the process's stdin ends it too."""
    actors: dict[str, Actor] = {}
    try:
        for node_id, rooms in LAYOUT.items():
            for instance, callsigns in rooms.items():
                for callsign in callsigns:
                    actors[callsign] = Actor(callsign, members[node_id], instance)
                    await actors[callsign].enter()
        for scene in OPENING:
            await actors[scene.sender].call(
                "send",
                to=scene.to,
                title=scene.title,
                body=scene.body,
                priority=scene.priority,
                action=list(scene.actions),
            )
        await _chatter(list(actors.values()))
    finally:
        for actor in actors.values():
            await actor.leave()


def unread_in(digest: str) -> list[tuple[str, str]]:
    """Return ref and title of each brief that a digest shows."""
    return _MAIL.findall(digest)


def answer_title(title: str) -> str:
    """Return the title of a reply to a brief, or to a reply."""
    return f"Re: {title.removeprefix('Re: ')}"


async def _chatter(actors: list[Actor]) -> None:
    dice = random.Random(7)  # noqa: S311 - a play
    while True:
        await asyncio.sleep(dice.uniform(*_PAUSE_S))
        actor = dice.choice(actors)
        mail = await actor.call("digest", max_chars=1_500)
        unread = unread_in(mail)
        if unread and dice.random() < 0.7:
            ref, title = unread[0]
            await actor.call("send", reply_to=ref, title=answer_title(title), body=dice.choice(ANSWERS))
        else:
            other = dice.choice([one for one in actors if one is not actor])
            title, body = dice.choice(TOPICS)
            await actor.call(
                "send", to=other.callsign, title=title, body=body, priority=dice.choice(("low", "normal", "high"))
            )


def main(paths: list[Path]) -> None:
    """Play with the nodes whose config files are given, until stdin is closed; then stop them and remove their folders.

    Whoever started us holds the other end of stdin. However they end, by kill -9 too, nothing of the demo stays behind.
    """
    members = {member.config.node_id: member for member in map(Member, paths)}

    async def until_closed() -> None:
        playing = asyncio.create_task(play(members))
        closed = asyncio.create_task(asyncio.to_thread(os.read, 0, 1))
        await asyncio.wait([playing, closed], return_when=asyncio.FIRST_COMPLETED)
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing

    asyncio.run(until_closed())
    for member in members.values():
        member.kill(signal.SIGTERM)
    for member in members.values():
        shutil.rmtree(member.folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        paths[0].parent.parent.rmdir()
