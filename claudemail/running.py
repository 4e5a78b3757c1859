"""The running gateway: its lock, the notice it puts up, and starting one on demand. Standard library only."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time

from claudemail import whole_file
from claudemail.errors import GatewayUnavailable
from claudemail.sockets import gateway_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from claudemail.config import Config

ON_DEMAND = "on-demand"
FOREGROUND = "run"
KEPT_DOWN = "kept down"
"""No gateway at all: a restore or a rebuild, which keeps any from running meanwhile."""
SERVICE_ENV = "CLAUDEMAIL_SERVICE"
"""Set by the service manager's files that we write: the name of the service."""
LOG = "gateway.log"
_LOCK = "gateway.lock"
_NOTICE = "gateway.json"
_HAND_OVER_S = 15.0


class Notice:
    """What a running gateway says of itself to the processes of its node."""

    __slots__ = ("listen_error", "listening", "mode", "pid", "service", "since", "version")

    def __init__(
        self,
        pid: int,
        mode: str,
        listening: str | None,
        listen_error: str | None,
        *,
        since: int | None = None,
        version: str | None = None,
        service: str | None = None,
    ) -> None:
        self.pid = pid
        self.mode = mode
        self.listening = listening
        self.listen_error = listen_error
        self.since = since
        """When it began, Unix milliseconds."""
        self.version = version
        self.service = service
        """The name of the service that a service manager runs it as."""


def read_notice(state_dir: str) -> Notice | None:
    """Return the notice of the gateway that is running on this node, or None when none is."""
    if not is_held(state_dir):
        return None
    try:
        with open(os.path.join(state_dir, _NOTICE), encoding="utf-8") as file:
            data = json.load(file)
        more = {key: data.get(key) for key in ("since", "version", "service")}  # an older one does not say
        return Notice(int(data["pid"]), str(data["mode"]), data["listening"], data["listen_error"], **more)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_notice(state_dir: str, notice: Notice) -> None:
    """Put up the notice, replaced whole."""
    whole_file.put(
        os.path.join(state_dir, _NOTICE), json.dumps({key: getattr(notice, key) for key in Notice.__slots__})
    )


def remove_notice(state_dir: str) -> None:
    """Take the notice down: a later reader must not take somebody else's process for the gateway."""
    try:
        os.unlink(os.path.join(state_dir, _NOTICE))
    except FileNotFoundError:
        return


def is_held(state_dir: str) -> bool:
    """Return whether a gateway holds this node's lock."""
    try:
        file = os.open(os.path.join(state_dir, _LOCK), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _try_lock(file, fcntl.LOCK_SH)  # shared, so that two who look do not take each other for a gateway
    finally:
        os.close(file)


def is_ours(state_dir: str, lock: int) -> bool:
    """Return whether the lock file of a node is still the one that is open as `lock`."""
    try:
        return os.path.samestat(os.stat(os.path.join(state_dir, _LOCK)), os.fstat(lock))
    except FileNotFoundError:
        return False


def take_lock(state_dir: str, mode: str, held: int | None = None) -> int | None:
    """Return this node's gateway lock, held until the process ends; None when another gateway holds it.

    One that a person or a service manager runs in the foreground takes over from one that was started on demand.

    Args:
        state_dir: the node's folder.
        mode: how this gateway is run.
        held: a lock that this process has already, from before it began anew; it is kept if it is this node's.
    """
    os.makedirs(state_dir, mode=0o700, exist_ok=True)
    if held is not None:
        os.set_inheritable(held, False)
        if is_ours(state_dir, held):
            _begin_notice(state_dir, mode)
            return held
        os.close(held)
    file = os.open(os.path.join(state_dir, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _HAND_OVER_S
    asked = False
    tries = 0
    while not _try_lock(file):
        if _try_lock(file, fcntl.LOCK_SH):  # nobody has it: somebody was just looking
            fcntl.flock(file, fcntl.LOCK_UN)
        else:
            tries += 1
        other = read_notice(state_dir)
        if mode == FOREGROUND and other is not None and other.mode == ON_DEMAND and time.monotonic() < deadline:
            if not asked:
                asked = True
                _ask_to_stop(other.pid)
        elif tries > 4:
            os.close(file)
            return None
        time.sleep(0.05)
    _begin_notice(state_dir, mode)
    return file


def _begin_notice(state_dir: str, mode: str) -> None:
    """Put up the notice of this process, or none at all, on a full disk say: an old one would name somebody else's."""
    try:
        write_notice(state_dir, Notice(os.getpid(), mode, None, None))
    except OSError:
        remove_notice(state_dir)


def _ask_to_stop(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return  # gone of itself; its lock is free now


def _try_lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def start(config: Config) -> int | None:
    """Start a gateway that outlives this process, unless one is running. It does not wait for it to be ready.

    Returns:
        the process id of the gateway that was started; None if there was one.
    """
    if is_held(config.state_dir):
        return None
    os.makedirs(config.state_dir, mode=0o700, exist_ok=True)
    log = os.open(os.path.join(config.state_dir, LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.posix_spawn(
            sys.executable,
            own_command("gateway", "--on-demand"),
            own_environment({"CLAUDEMAIL_NODE": config.node_id}),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGCHLD],  # sessions ignore it, and what is ignored would stay so in the gateway
        )
    except OSError as error:
        raise GatewayUnavailable(f"The gateway could not be started: {error}.") from error
    finally:
        os.close(log)
        os.close(nothing)


def own_command(*arguments: str) -> list[str]:
    """Return the command line that runs `claudemail` with these arguments, as this process does.

    Without -P Python would look for modules in the current folder first, which is a project of somebody's: an `mcp.py` in
    it must not become part of the gateway.
    """
    return [sys.executable, "-P", "-m", "claudemail", *arguments]


def own_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with changes, in which `own_command` finds this very package."""
    environment = {**os.environ, **changes}
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if os.path.basename(home) not in ("site-packages", "dist-packages"):  # run from a checkout, perhaps not installed
        paths = [home, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return environment


def socket_path(config: Config) -> str:
    """Return where the gateway's socket is."""
    return gateway_socket(config.state_dir)
