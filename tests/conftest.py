"""What all tests share: the event loop, a node's configuration in a folder of its own, and its office."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from syrupy.extensions.image import SVGImageExtension

from claudemail import config as configuration
from claudemail.config import Config
from claudemail.office import Office

SVGImageExtension.file_extension = "svg"  # pytest-textual-snapshot 1.0 with syrupy 5 and newer


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
