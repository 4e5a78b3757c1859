"""Processes of ClaudeMail that begin as copies of one that has loaded it already.

What a gateway loads takes most of a second of the processor's time, and a run of these tests starts hundreds. A process from
here is as real as any: it has its own arguments, environment and files, serves at the same sockets, and dies by the same signals.
Only that it loads what it needs is not proved by it, but by tests that run the command itself, and by every gateway that a
session or a command starts on demand.

Run as a program, this file is the nursery: it loads, and then forks a process for each connection to its socket.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

from claudemail import running
from claudemail.__main__ import main
from claudemail.testing import Fleet, Member, until

_PRELOADED = ("claudemail.daemon", "claudemail.tools.connection", "claudemail.cli.group")


def raised(fleet: Fleet) -> Fleet:
    """Have the gateways that a fleet starts come from here."""
    fleet.nodes = {name: Nursling(member.config_path) for name, member in fleet.nodes.items()}
    return fleet


class Nursling(Member):
    """A node whose gateway comes from the nursery."""

    def _run_gateway(self, log: IO[bytes]) -> Child:
        return start(["gateway"], self.environment, log, log)


class Child:
    """A process that was started here, with those methods of `subprocess.Popen` that gateways take."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire.makefile("rb")
        wire.close()
        self.pid = int(self._wire.readline())
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended, or minus the signal that killed it.

        Raises:
            subprocess.TimeoutExpired: it has not ended after `timeout` seconds.
        """
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wire, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            self.returncode = int(self._wire.readline())
            self._wire.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit code if it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def start(arguments: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> Child:
    """Start `claudemail` with these arguments and this environment, in the current folder and with an empty stdin."""
    order = {"arguments": list(arguments), "environment": dict(environment), "folder": os.getcwd()}
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    wire.connect(_nursery())
    socket.send_fds(wire, [b"{"], [out.fileno(), err.fileno()])
    wire.sendall(json.dumps(order).encode()[1:])
    wire.shutdown(socket.SHUT_WR)
    return Child(wire)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `claudemail` to its end; return what it printed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = start(arguments, environment, out, err).wait(timeout=60)
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read().decode(), err.read().decode())


@functools.cache
def _nursery() -> str:
    """Start the nursery, which ends when this process does; return the path of its socket."""
    folder = tempfile.mkdtemp(prefix="nursery-")
    path = str(Path(folder, "socket"))
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, path], env=running.own_environment({}), stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    atexit.register(shutil.rmtree, folder)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    until(lambda: process.poll() is not None or Path(path).exists(), "the nursery is ready")
    return path


class _Nursery:
    """What forks the processes, and tells how each has ended."""

    def __init__(self, path: str) -> None:
        self._children: dict[int, socket.socket] = {}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(f"{path}.new")
        self._server.listen()
        os.rename(f"{path}.new", path)
        self._bell, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Fork as asked until stdin is closed."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this decides when it ends
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ringer.fileno())
        for source in (sys.stdin, self._server, self._bell):
            self._selector.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is self._server:
                    self._fork(self._server.accept()[0])
                else:
                    self._bell.recv(4096)
                    self._tell_who_has_ended()

    def _fork(self, wire: socket.socket) -> None:
        head, files, _, _ = socket.recv_fds(wire, 1, 2)
        with wire.makefile("rb") as rest:
            order = json.loads(head + rest.read())
        pid = os.fork()
        if pid == 0:
            wire.close()
            self._leave()
            _become(order, files)
        for file in files:
            os.close(file)
        self._children[pid] = wire
        wire.sendall(b"%d\n" % pid)

    def _leave(self) -> None:
        """In a new process: let go of what is the nursery's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._selector.close()
        for one in (self._server, self._bell, self._ringer, *self._children.values()):
            one.close()

    def _tell_who_has_ended(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._children.pop(pid) as wire, contextlib.suppress(OSError):
                wire.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(order: dict[str, object], files: list[int]) -> NoReturn:
    """Run `claudemail` in this new process."""
    arguments, environment, folder = order["arguments"], order["environment"], order["folder"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    assert isinstance(folder, str)
    for target, source in enumerate([os.open(os.devnull, os.O_RDONLY), *files]):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["claudemail", *arguments]
    try:
        main()
    finally:
        os._exit(70)


if __name__ == "__main__":
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    for module in _PRELOADED:
        import_module(module)
    gc.freeze()
    _Nursery(sys.argv[1]).serve()
