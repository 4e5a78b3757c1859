"""Fleets whose nodes meet over links that fail on demand, and whose processes may be given a clock, a shim or a network."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Self

from claudemail import running
from claudemail.testing import Fleet, Layout, Member
from tests import nursery
from tests.faults.proxy import Network

SITE = Path(__file__).with_name("site")


class Node(Member):
    """A node whose processes run with additions to their environment, and behind a command such as `ip netns exec`."""

    def __init__(self, config_path: Path, *, loaded: bool = False) -> None:
        super().__init__(config_path)
        self.gateway: subprocess.Popen[bytes] | nursery.Child | None = None
        self.loaded = loaded
        """Whether its gateway and its commands come from the nursery: for tests that do not look at how they start."""
        self.extra: dict[str, str] = {}
        self.prefix: list[str] = []
        self.tree: Path | None = None
        """Where the code is that its processes run, if not here."""

    @property
    def environment(self) -> dict[str, str]:
        found = {**super().environment, **self.extra}
        paths = [str(path) for path in (self.tree, SITE) if path is not None]
        return {**found, "PYTHONPATH": os.pathsep.join([*paths, found["PYTHONPATH"]])}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        if self.loaded:
            return nursery.run(arguments, self.environment)
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _run_gateway(self, log: IO[bytes]) -> subprocess.Popen[bytes] | nursery.Child:
        if self.loaded:
            return nursery.start(["gateway"], self.environment, log, log)
        return subprocess.Popen(
            self.command("gateway"), env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def strike(self) -> None:
        """Kill the gateway, whoever started it, with SIGKILL. Unlike `kill` it does not wait: a session may start the next."""
        notice = running.read_notice(self.config.state_dir)
        if notice is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(notice.pid, signal.SIGKILL)
        if self.gateway is not None:
            self.gateway.kill()
            self.gateway.wait()
            self.gateway = None

    def command(self, *arguments: str) -> list[str]:
        """Return a command line that runs `claudemail` as this node."""
        return [*self.prefix, *running.own_command(*arguments)]


class FaultFleet(Fleet):
    """A fleet whose nodes reach each other by the links of a network, one for each direction of each pair."""

    def __init__(
        self, root: Path, layout: Layout, *, seed: int = 0, heartbeat_ms: int = 500, loaded: bool = False
    ) -> None:
        super().__init__(root, layout, heartbeat_ms=heartbeat_ms)
        self.network = Network(seed)
        self.layout = layout
        for name, member in list(self.nodes.items()):
            change_config(member.config_path, partial(self._route, name))
            self.nodes[name] = Node(member.config_path, loaded=loaded)

    def _route(self, own: str, data: dict[str, object]) -> None:
        nodes = data["nodes"]
        assert isinstance(nodes, list)
        for node in nodes:
            if node["id"] == own:
                node["bind"] = "127.0.0.1"
            else:
                node["ip"] = self.network.link(own, node["id"], node["gateway_port"]).host

    def __getitem__(self, node_id: str) -> Node:
        node = self.nodes[node_id]
        assert isinstance(node, Node)
        return node

    def members(self) -> list[Node]:
        """Return all nodes."""
        return [self[name] for name in self.nodes]

    def __enter__(self) -> Self:
        self.network.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        try:
            super().__exit__(None, None, None)
        finally:
            self.network.__exit__(None, None, None)


def change_config(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change a config file."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data, indent=2))


class Clock:
    """The wall clock of a node's processes, set from outside: see `site/sitecustomize.py`."""

    def __init__(self, node: Node) -> None:
        path = node.folder / "clock-offset"
        path.write_bytes(struct.pack("<q", 0))
        node.extra["FAULTS_CLOCK"] = str(path)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    def set(self, offset_s: int) -> None:
        """Have all processes of the node believe that it is so many seconds later than it is."""
        self._map[:8] = struct.pack("<q", offset_s * 1_000_000_000)
