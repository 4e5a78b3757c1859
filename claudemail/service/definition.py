"""What a service manager is told of a node's gateway, and what it is asked to do."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from claudemail import running, whole_file
from claudemail.config import CONFIG_ENV, NODE_ENV
from claudemail.errors import ServiceUnavailable
from claudemail.text import scrub, shorten

if TYPE_CHECKING:
    from claudemail.config import Config

STOP_S = 20
"""How long the gateway may take to end; it takes five seconds and what the disk needs."""
RESTART_S = 2
_COMMAND_S = 120.0


class Definition:
    """The service of one node."""

    def __init__(self, config: Config) -> None:
        self.node = config.node_id
        self.name = f"claudemail-{config.node_id}"
        self.command = running.own_command("gateway", "run")
        self.folder = os.path.abspath(config.state_dir)
        """The node's folder: by it the service is known to be this node's."""
        self.log = os.path.join(self.folder, running.LOG)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make the gateway this node's, however it is started."""
        named = os.environ.get(CONFIG_ENV)
        python_path = running.own_environment({}).get("PYTHONPATH")
        return {
            **({CONFIG_ENV: os.path.abspath(os.path.expanduser(named))} if named else {}),
            NODE_ENV: self.node,
            **({"PYTHONPATH": python_path} if python_path else {}),
            running.SERVICE_ENV: self.name,
        }


class ServiceManager(ABC):
    """Starts the gateway when the machine or its user's session starts, and again whenever it ends."""

    title: str
    """What people call it."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition

    @property
    @abstractmethod
    def path(self) -> Path:
        """The file that tells it of the service."""

    @abstractmethod
    def text(self) -> str:
        """Return what is in that file."""

    @abstractmethod
    def folder_of(self, text: str) -> str | None:
        """Return the node's folder that such a file is for."""

    @abstractmethod
    def check(self) -> None:
        """Raise ServiceUnavailable unless it is here and takes orders of this user."""

    @abstractmethod
    def install(self) -> None:
        """Write the file, and have the service run from now on."""

    @abstractmethod
    def uninstall(self) -> None:
        """Stop the service and remove the file."""

    @abstractmethod
    def start(self) -> None:
        """Have the service run, if it does not."""

    @abstractmethod
    def stop(self) -> None:
        """Have the service end, and not be started again until it is asked for."""

    @abstractmethod
    def restart(self) -> None:
        """Have the service end and run again."""

    @abstractmethod
    def hint(self) -> str | None:
        """Return what is still to be done by hand, or None."""

    def is_installed(self) -> bool:
        """Return whether the service of this very node is installed; there may be others of that name."""
        try:
            return self.folder_of(self.path.read_text("utf-8")) == self.definition.folder
        except (OSError, ValueError):
            return False

    def write(self) -> None:
        """Write the file, for this user only."""
        os.makedirs(self.definition.folder, mode=0o700, exist_ok=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole_file.put(self.path, self.text())
        except OSError as error:
            raise ServiceUnavailable(f"{self.path} cannot be written: {error.strerror}.") from error


def order(*command: str, fails: bool = True) -> str:
    """Run a command of the service manager; return what it printed.

    Args:
        command: the program and its arguments.
        fails: whether a failure is one; else what it printed is returned all the same.

    Raises:
        ServiceUnavailable: there is no such program, it takes too long, or it fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    except FileNotFoundError as error:
        raise ServiceUnavailable(f"There is no {command[0]} here.") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceUnavailable(f"`{' '.join(command)}` did not work: {error}.") from error
    if done.returncode and fails:
        said = shorten(scrub(done.stderr or done.stdout), 500) or f"exit code {done.returncode}"
        raise ServiceUnavailable(f"`{' '.join(command)}` failed: {said.rstrip('.')}.")
    return done.stdout
