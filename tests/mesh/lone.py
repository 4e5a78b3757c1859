"""Nodes that stand alone, each with a home of its own in which nobody has set up anything, and the real command line there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from claudemail import config as configuration
from claudemail import running
from claudemail.config import Config
from claudemail.testing import Member, free_ports, until
from tests import nursery


class Lone:
    """A node without a config file."""

    def __init__(self, home: Path, name: str) -> None:
        home.mkdir(parents=True)
        self.home = home
        self.name = name
        self.state = home / ".claudemail"
        self.config_path = self.state / "config.json"
        [self.port] = free_ports(1)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        own = running.own_environment({"HOME": str(self.home)})
        kept = {name: value for name, value in own.items() if not name.startswith("CLAUDE")}
        return {**kept, configuration.NODE_ENV: self.name}

    @property
    def address(self) -> str:
        """Where it is reached once it has a config file."""
        return f"127.0.0.1:{self.port}"

    @property
    def config(self) -> Config:
        """What its config file says now."""
        return configuration.parse(self.config_path.read_text(), str(self.config_path), {})

    @property
    def nodes(self) -> list[str]:
        """The nodes in its config file now."""
        return sorted(node.id for node in self.config.nodes) if self.config_path.exists() else []

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        return command(self.environment, *arguments)

    def json(self, *arguments: str) -> Any:
        """Run a command with --json; return what it printed."""
        return printed(self.run(*arguments, "--json"))

    def invite(self) -> str:
        """Make a token."""
        token: str = self.json("invite", "--address", self.address, "--no-wait")["token"]
        return token

    def join(self, token: str, *arguments: str) -> Any:
        """Join by a token; return what was printed."""
        return self.json("join", token, "--address", self.address, *arguments)

    def kill(self) -> None:
        """Kill the gateway, whoever started it, and wait until it is gone."""
        state = str(self.state)
        notice = running.read_notice(state)
        if notice is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(notice.pid, signal.SIGKILL)
        until(lambda: not running.is_held(state), f"the gateway of {self.name} is gone")

    def end(self) -> None:
        """Leave no process behind."""
        self.config_path.unlink(missing_ok=True)
        self.kill()


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `claudemail` as a process of its own."""
    return nursery.run(arguments, environment)


def printed(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the JSON that a command printed; raise AssertionError if it failed."""
    assert done.returncode == 0, (done.args, done.stdout, done.stderr)
    return json.loads(done.stdout)


def on(member: Member, *arguments: str) -> Any:
    """Run a command with --json on a node of a fleet; return what it printed."""
    return printed(command(member.environment, *arguments, "--json"))


def titles(inbox: Any) -> list[tuple[str, bool]]:
    """Return the titles in a list of mail, oldest first, and whether each brief is verified."""
    return [(row["title"], row["verified"]) for row in reversed(inbox["rows"])]


@contextlib.contextmanager
def between(port: int, answer: Callable[[bytes, bytes], bytes | None]) -> Iterator[tuple[int, list[bytes]]]:
    """Stand between somebody and a port of this machine.

    Args:
        port: where requests are handed on to.
        answer: is given each request and its answer, and returns what goes back; None: the connection is cut.

    Yields:
        the port to call instead, and the requests so far.
    """
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:
                    return
                with caller, contextlib.suppress(OSError):  # nobody listens there now: the caller sees that, too
                    request = _message(caller)
                    seen.append(request)
                    with socket.create_connection(("127.0.0.1", port)) as called:
                        called.sendall(request)
                        back = answer(request, _message(called))
                    if back is not None:
                        caller.sendall(back)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield door.getsockname()[1], seen
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join()


def _message(connection: socket.socket) -> bytes:
    """Return one HTTP message, whole."""
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        if found:
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            if len(body) >= length:
                return data
        chunk = connection.recv(65_536)
        if not chunk:
            return data
        data += chunk
