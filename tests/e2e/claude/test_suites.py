"""Public suites for MCP servers: the Inspector's strict look at the tools, and the conformance scenarios that fit any server."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from claudemail.office import Office
from claudemail.testing import Fleet
from claudemail.tools.server import build

pytestmark = pytest.mark.client
MODULES_ENV = "CLAUDEMAIL_TEST_NODE_MODULES"
SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
Node = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Run a program of an npm package with the Node.js that is beside it."""
    modules = os.environ.get(MODULES_ENV)
    if not modules:
        pytest.skip(f"{MODULES_ENV} does not name a folder of npm packages; .ci/client installs them and sets that")
    program = Path(modules, "node", "bin", "node")

    def ran(name: str, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        inherited = {**os.environ, **(environment or {})}
        return subprocess.run(
            [program, Path(modules, ".bin", name), *arguments],
            env={**inherited, "HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
        )  # fmt: skip

    return ran


def test_the_inspector_has_nothing_to_say(node: Node, fleet: Fleet) -> None:
    """The strict list of tools has no finding."""
    fleet["server1"].start()
    environment = fleet["server1"].environment
    program = ["--", str(Path(sys.executable).with_name("claudemail")), "mcp"]
    more = [
        word
        for name, value in environment.items()
        if name.startswith("CLAUDEMAIL")
        for word in ("-e", f"{name}={value}")
    ]
    done = node(
        "mcp-inspector", "--cli", *more, "--method", "tools/list", "--strict", *program, environment=environment
    )
    assert done.returncode == 0, done.stderr
    assert "claudemail_send" in done.stdout


@asynccontextmanager
async def served(office: Office) -> AsyncIterator[str]:
    """Serve a session's MCP server by HTTP, as the scenarios want it; give its URL."""
    server = build(office, await office.party("alpha"), lambda *_: None, asyncio.Event())
    http = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), port=0, log_level="warning"))
    task = asyncio.create_task(http.serve())
    while not http.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = http.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        http.should_exit = True
        await task


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_conformance(node: Node, office: Office, scenario: str) -> None:
    """The scenario passes."""
    async with served(office) as url:
        done = await asyncio.to_thread(node, "conformance", "server", "--url", url, "--scenario", scenario)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout, done.stdout
