"""What all tests share: the event loop, a node's configuration in a folder of its own, and its office."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from pytest_textual_snapshot import SVGImageExtension

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.office import Office
from claudemail.running import own_command
from claudemail.testing import Fleet, Member
from tests.nursery import raised

if TYPE_CHECKING:
    from mcp import Client

SVGImageExtension.file_extension = "svg"  # pytest-textual-snapshot 1.0 with syrupy 5 and newer
settings.register_profile("patient", deadline=None)  # a machine may be busy
settings.load_profile("patient")
# Where nothing is kept of what Python compiles, each of hundreds of processes would compile all of it anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
gc.set_threshold(50_000)  # looking for garbage among thousands of collected tests is a quarter of a console test's time


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Run one worker more than there are processors: many tests wait for a clock or for another process."""
    return (yield) + 1


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: what the tests start would ignore the interrupt as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the configuration or the mail of the person who runs it."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in (configuration.CONFIG_ENV, configuration.NODE_ENV):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def seed() -> dict[str, Any]:
    """The two-server example configuration, with all state below the folder of the config file."""
    return {
        "nodes": [
            {"id": "server1", "ip": "127.0.0.1", "gateway_port": 3300},
            {"id": "server2", "ip": "127.0.0.1", "gateway_port": 3301},
        ],
        "instances": [
            {"id": "instance1", "node_id": "server1", "callsigns": ["alpha", "bravo"]},
            {"id": "instance2", "node_id": "server2", "callsigns": ["charlie"]},
        ],
        "signatures": {"alpha": "// alpha, over", "bravo": "// bravo, clear", "charlie": "// charlie out"},
        "mailbox_dir": "mailbox",
        "db_path": "claudemail.db",
        "registry_db_path": "registry.db",
        "ping_dir": "pings",
        "poll_interval_ms": 20000,
        "heartbeat_interval_ms": 60000,
    }


@pytest.fixture
def config(seed: dict[str, Any], tmp_path: Path) -> Config:
    """The configuration of `server1`."""
    return node_config(seed, tmp_path / "server1", "server1")


@pytest.fixture
async def office(config: Config) -> AsyncIterator[Office]:
    """The office of `server1`."""
    async with await Office.open(config) as office:
        yield office


def node_config(data: dict[str, Any], folder: Path, node_id: str) -> Config:
    """Write `data` as the config file in `folder` and load it as that node."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.json"
    path.write_text(json.dumps(data))
    return configuration.parse(path.read_text(), str(path), {configuration.NODE_ENV: node_id})


@pytest.fixture
def configure() -> Callable[[dict[str, Any], Path, str], Config]:
    """A function that writes a config file into a folder and loads it as a node."""
    return node_config


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two nodes with keys, three instances and four callsigns; no gateway runs yet."""
    layout = {
        "server1": {"instance1": ["alpha", "bravo"], "instance3": ["delta"]},
        "server2": {"instance2": ["charlie"]},
    }
    with raised(Fleet(tmp_path / "fleet", layout)) as fleet:
        yield fleet


class Session:
    """A Claude Code session's stand-in: an MCP client at the other end of a real `claudemail mcp`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> str:
        """Call a tool and return its answer; raise AssertionError if it is an error."""
        text, failed = await self.outcome(tool, **arguments)
        assert not failed, text
        return text

    async def refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool and return its error; raise AssertionError if it is none."""
        text, failed = await self.outcome(tool, **arguments)
        assert failed, text
        return text

    async def outcome(self, tool: str, **arguments: Any) -> tuple[str, bool]:
        """Call a tool and return its text and whether it is an error."""
        result = await self.client.call_tool(f"claudemail_{tool}", arguments)
        assert result.structured_content is None, "structured content hides the text from the model"
        [block] = result.content
        assert block.type == "text"
        return block.text, bool(result.is_error)

    async def until(self, tool: str, needle: str, **arguments: Any) -> str:
        """Call a tool until its answer contains `needle`, and return that answer."""
        text = ""
        for _ in range(1_000):
            text = await self(tool, **arguments)
            if needle in text:
                return text
            await asyncio.sleep(0.01)
        raise AssertionError(f"{needle!r} never came; last answer: {text}")


@contextlib.asynccontextmanager
async def session(member: Member, mode: str = "auto") -> AsyncIterator[Session]:
    """Start `claudemail mcp` on a node as Claude Code would, and connect to it."""
    from mcp import Client, StdioServerParameters, stdio_client  # half a second that most tests can do without

    program, *arguments = own_command("mcp")
    command = StdioServerParameters(command=program, args=arguments, env=member.environment)
    async with Client(stdio_client(command), mode=mode) as client:
        yield Session(client)


@pytest.fixture
def connect() -> Callable[..., contextlib.AbstractAsyncContextManager[Session]]:
    """What starts a session on a node, as Claude Code would, for as long as a context lasts."""
    return session
