"""Worlds for the real client. They run where CLAUDEMAIL_TEST_CLIENT names it, in a network namespace that nothing can leave."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.claude.client import Home
from tests.e2e.claude.model import Model

CLIENT_ENV = "CLAUDEMAIL_TEST_CLIENT"


@pytest.fixture(scope="session")
def claude() -> str:
    """The path of the real client."""
    path = os.environ.get(CLIENT_ENV)
    if not path:
        pytest.skip(f"{CLIENT_ENV} does not name Claude Code's program; .ci/run installs it and sets that")
    return path


@pytest.fixture
def model() -> Iterator[Model]:
    """The model that all clients of a test speak to."""
    with Model() as model:
        yield model


@pytest.fixture
def home(claude: str, model: Model, tmp_path: Path) -> Iterator[Home]:
    """A user's HOME on a node without peers, in which `claudemail setup` was run."""
    home = Home(claude, tmp_path / "one", model)
    home.mail("setup")
    yield home
    home.end()


@pytest.fixture
def bare(claude: str, model: Model, tmp_path: Path) -> Iterator[Home]:
    """A user's HOME in which nothing was set up."""
    home = Home(claude, tmp_path / "bare", model)
    yield home
    home.end()


@pytest.fixture
def pair(claude: str, model: Model, tmp_path: Path) -> Iterator[Callable[[], tuple[Home, Home]]]:
    """Two users' HOMEs, each a node of one fleet, both set up."""
    homes: list[Home] = []

    def made() -> tuple[Home, Home]:
        ports = [_free_port(), _free_port()]
        data = {
            "nodes": [
                {"id": f"server{number}", "ip": "127.0.0.1", "gateway_port": port}
                for number, port in enumerate(ports, 1)
            ],
            "instances": [
                {"id": "one", "node_id": "server1", "callsigns": ["alpha"]},
                {"id": "two", "node_id": "server2", "callsigns": ["bravo"]},
            ],
        }
        for node in ("server1", "server2"):
            home = Home(claude, tmp_path / node, model)
            folder = home.folder / ".claudemail"
            folder.mkdir()
            (folder / "config.json").write_text(json.dumps({**data, "node_id": node}))
            home.mail("setup")
            homes.append(home)
        return homes[0], homes[1]

    yield made
    for home in homes:
        home.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
