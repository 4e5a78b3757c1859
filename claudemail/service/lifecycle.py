"""Starting a gateway and waiting until it answers, asking it how it is, and asking it to end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from claudemail import running
from claudemail.errors import GatewayRunning, GatewayUnavailable

if TYPE_CHECKING:
    from claudemail.config import Config

START_S = 30.0
_LOOK_EVERY_S = 0.05
_ASK_S = 3.0


def answers(config: Config) -> bool:
    """Return whether this node's gateway takes connections."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(running.socket_path(config)) == 0


def ensure(config: Config, within_s: float = START_S) -> bool:
    """Return once this node's gateway answers, started if need be; and whether that was needed.

    Any number of processes may do so at once: one gateway comes of it, and all of them find it.

    Raises:
        GatewayUnavailable: it does not start, or does not answer in time.
    """
    deadline = time.monotonic() + within_s
    child: int | None = None
    needed = False
    while not answers(config):
        if time.monotonic() > deadline:
            raise GatewayUnavailable(_why(config, within_s))
        if not running.is_held(config.state_dir):
            code = 0 if child is None else _exit_code(child)
            if code:
                raise GatewayUnavailable("The gateway does not start.")
            if code is not None:  # there was none; or another won and has ended since
                child = running.start(config)
                needed = True
        time.sleep(_LOOK_EVERY_S)
    return needed


def health(config: Config) -> dict[str, Any] | None:
    """Return what the gateway says of itself, or None when it does not answer."""
    connection = _Local(running.socket_path(config))
    try:
        connection.request("GET", "/healthz")
        found = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found if isinstance(found, dict) else None


def stop(config: Config, within_s: float) -> int | None:
    """Have this node's gateway end, and return once it is gone: its PID, or None when none ran.

    Raises:
        GatewayRunning: it does not end in time, or it is no gateway but a restore that keeps any from running.
    """
    deadline = time.monotonic() + within_s
    notice = running.read_notice(config.state_dir)
    while notice is None:
        if not running.is_held(config.state_dir):
            return None
        if time.monotonic() > deadline:
            raise GatewayRunning("A gateway is running and does not say which process it is.", remedy="Try again.")
        time.sleep(_LOOK_EVERY_S)
        notice = running.read_notice(config.state_dir)
    if notice.mode == running.KEPT_DOWN:
        raise GatewayRunning(
            f"No gateway runs: a restore or a rebuild is at work (PID {notice.pid}).", remedy="Wait for its end."
        )
    try:
        os.kill(notice.pid, signal.SIGTERM)
    except ProcessLookupError:
        return notice.pid
    while _is_still(config, notice.pid):
        if time.monotonic() > deadline:
            raise GatewayRunning(
                f"The gateway (PID {notice.pid}) has been asked to end, and has not within {within_s:g} s.",
                remedy=f"Give it longer with --timeout, or run `kill -9 {notice.pid}`: no mail is lost by that.",
            )
        time.sleep(_LOOK_EVERY_S)
    return notice.pid


def _is_still(config: Config, pid: int) -> bool:
    if not running.is_held(config.state_dir):
        return False
    notice = running.read_notice(config.state_dir)
    return notice is None or notice.pid == pid


def _why(config: Config, within_s: float) -> str:
    notice = running.read_notice(config.state_dir)
    if notice is not None and notice.mode == running.KEPT_DOWN:
        return f"A restore or a rebuild is at work (PID {notice.pid}), and no gateway may run meanwhile."
    return f"The gateway does not answer within {within_s:g} s."


def _exit_code(child: int) -> int | None:
    """Return the exit code of a process that we started, None while it runs."""
    try:
        pid, status = os.waitpid(child, os.WNOHANG)
    except ChildProcessError:
        return 0  # somebody has asked before
    return os.waitstatus_to_exitcode(status) if pid else None


class _Local(http.client.HTTPConnection):
    """HTTP at a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_ASK_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
