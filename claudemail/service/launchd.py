"""launchd: the gateway as an agent of its user on macOS."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path
from xml.parsers.expat import ExpatError

from claudemail.errors import ServiceUnavailable
from claudemail.service.definition import RESTART_S, STOP_S, ServiceManager, order

_FOLDER = "ClaudeMailFolder"


class Launchd(ServiceManager):
    """The user's launchd."""

    title = "launchd"

    @property
    def label(self) -> str:
        """The agent's name."""
        return self.definition.name

    @property
    def path(self) -> Path:
        """The agent's file."""
        return Path("~/Library/LaunchAgents", f"{self.label}.plist").expanduser()

    def text(self) -> str:
        """Return the agent's property list."""
        one = self.definition
        data = {
            "Label": self.label,
            "ProgramArguments": one.command,
            "EnvironmentVariables": one.environment,
            "RunAtLoad": True,
            "KeepAlive": True,
            "ThrottleInterval": max(RESTART_S, 10),  # launchd's own least
            "ExitTimeOut": STOP_S,
            "Umask": 0o077,
            # What it prints before it has its log; the log itself is that file, and begins anew by its size.
            "StandardOutPath": one.log,
            "StandardErrorPath": one.log,
            _FOLDER: one.folder,
        }
        try:
            return plistlib.dumps(data, sort_keys=False).decode()
        except ValueError as error:
            raise ServiceUnavailable("A path has characters that a property list cannot have.") from error

    def folder_of(self, text: str) -> str | None:
        """Return the node's folder that a property list is for."""
        try:
            data = plistlib.loads(text.encode())
        except (ExpatError, plistlib.InvalidFileException):
            return None
        return data.get(_FOLDER) if isinstance(data, dict) else None

    def check(self) -> None:
        """Raise ServiceUnavailable unless the user has a launchd of its own."""
        try:
            order("launchctl", "print", self._domain)
        except ServiceUnavailable as error:
            raise ServiceUnavailable(
                f"The launchd of this user cannot be reached: {error.message}",
                remedy="Nothing was installed. Log in at the screen as this user once, then try again.",
            ) from error

    def install(self) -> None:
        """Write the property list and load it; loading starts it."""
        order("launchctl", "bootout", self._target, fails=False)
        self.write()
        order("launchctl", "bootstrap", self._domain, str(self.path))

    def uninstall(self) -> None:
        """Unload the agent, which stops it, and remove its file."""
        order("launchctl", "bootout", self._target, fails=False)
        self.path.unlink(missing_ok=True)

    def start(self) -> None:
        """Load the agent, unless it is, and have it run."""
        order("launchctl", "bootstrap", self._domain, str(self.path), fails=False)
        order("launchctl", "kickstart", self._target)

    def stop(self) -> None:
        """Unload the agent: as long as it is loaded, launchd starts it again."""
        order("launchctl", "bootout", self._target, fails=False)

    def restart(self) -> None:
        """Have the agent end and run again."""
        order("launchctl", "bootstrap", self._domain, str(self.path), fails=False)
        order("launchctl", "kickstart", "-k", self._target)

    def hint(self) -> str | None:
        """Say when it runs."""
        return "It runs while you are logged in."

    @property
    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    @property
    def _target(self) -> str:
        return f"{self._domain}/{self.label}"
