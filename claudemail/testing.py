"""A fleet on loopback in one folder: real gateways, real sessions. For tests and for `claudemail demo`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from claudemail import config as configuration
from claudemail import running
from claudemail.config import Config
from claudemail.keys import NodeKey

Layout = Mapping[str, Mapping[str, Sequence[str]]]
"""Nodes, their instances, and the callsigns of each."""
_READY_S = 20.0


class Fleet:
    """Several nodes, each with a folder, a key and a config of its own that names them all.

    Use it as a context: all gateways that it started are killed at the end.
    """

    def __init__(self, root: Path, layout: Layout, *, signed: bool = True, heartbeat_ms: int = 60_000) -> None:
        self.root = root
        self.nodes: dict[str, Member] = {}
        nodes, instances = [], []
        for (node_id, rooms), port in zip(layout.items(), free_ports(len(layout)), strict=True):
            folder = root / node_id
            folder.mkdir(parents=True)
            node: dict[str, object] = {"id": node_id, "ip": "127.0.0.1", "gateway_port": port}
            if signed:
                key = NodeKey.new()
                key.save(folder)
                node["public_key"] = key.public
            nodes.append(node)
            instances += [
                {"id": name, "node_id": node_id, "callsigns": list(callsigns)} for name, callsigns in rooms.items()
            ]
        common = {
            "nodes": nodes,
            "instances": instances,
            "signatures": {
                sign: f"// {sign}, out" for rooms in layout.values() for signs in rooms.values() for sign in signs
            },
            "mailbox_dir": "mailbox",
            "db_path": "claudemail.db",
            "registry_db_path": "registry.db",
            "ping_dir": "pings",
            "heartbeat_interval_ms": heartbeat_ms,
        }
        for node_id in layout:
            path = root / node_id / "config.json"
            path.write_text(json.dumps({"node_id": node_id, **common}, indent=2))
            self.nodes[node_id] = Member(path)

    def __getitem__(self, node_id: str) -> Member:
        return self.nodes[node_id]

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for member in self.nodes.values():
            member.config_path.unlink(missing_ok=True)  # a gateway that a session has just started ends for want of it
        for member in self.nodes.values():
            member.kill()

    def start(self) -> None:
        """Start all gateways and wait until each is ready."""
        for member in self.nodes.values():
            member.start(wait=False)
        for member in self.nodes.values():
            member.wait_ready()


class Process(Protocol):
    """A process that was started: what is used here of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its process id."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal."""


class Member:
    """One node of a fleet."""

    def __init__(self, config_path: Path) -> None:
        self.config_path = config_path
        self.folder = config_path.parent
        self.config: Config = configuration.parse(config_path.read_text(), str(config_path), {})
        self.gateway: Process | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this node's processes."""
        own = running.own_environment({"HOME": str(self.folder)})
        kept = {name: value for name, value in own.items() if not name.startswith("CLAUDE")}
        return {**kept, configuration.CONFIG_ENV: str(self.config_path)}

    def start(self, *, wait: bool = True) -> None:
        """Start the gateway in the foreground of a process of its own."""
        with (self.folder / running.LOG).open("ab") as log:
            self.gateway = self._run_gateway(log)
        if wait:
            self.wait_ready()

    def _run_gateway(self, log: IO[bytes]) -> Process:
        return subprocess.Popen(
            running.own_command("gateway"), env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def wait_ready(self) -> None:
        """Return once the gateway answers at its socket, and has tried to listen for its peers.

        Raises:
            TimeoutError: it does not; the log says why.
        """
        until(self._is_ready, f"the gateway of {self.config.node_id} is ready; see {self.folder / running.LOG}")

    def _is_ready(self) -> bool:
        notice = running.read_notice(self.config.state_dir)
        tried = notice is not None and (notice.listening or notice.listen_error)
        return bool(tried or not self.config.peers or self.config.node.pull) and self._dialled()

    def _dialled(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(running.socket_path(self.config)) == 0

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the gateway, whoever started it, and wait until it is gone."""
        notice = running.read_notice(self.config.state_dir)
        pids = {notice.pid} if notice else set()
        if self.gateway is not None:
            pids.add(self.gateway.pid)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if self.gateway is not None:
            self.gateway.wait()
            self.gateway = None
        until(lambda: not running.is_held(self.config.state_dir), f"the gateway of {self.config.node_id} is gone")


def until(check: Callable[[], object], what: str, timeout_s: float = _READY_S) -> None:
    """Return once `check()` is true.

    Raises:
        TimeoutError: it never was; the message says `what` was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for this in vain: {what}")
        time.sleep(0.01)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
