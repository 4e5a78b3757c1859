"""systemd: the gateway as a unit of its user's own manager."""

from __future__ import annotations

import os
import re
from pathlib import Path

from claudemail.errors import ServiceUnavailable
from claudemail.service.definition import RESTART_S, STOP_S, ServiceManager, order

_START_S = 60
_FOLDER = "X-ClaudeMail-Folder="


class Systemd(ServiceManager):
    """The user's systemd."""

    title = "systemd"

    @property
    def unit(self) -> str:
        """The unit's name."""
        return f"{self.definition.name}.service"

    @property
    def path(self) -> Path:
        """The unit's file."""
        base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return Path(base, "systemd", "user", self.unit).expanduser()

    def text(self) -> str:
        """Return the unit.

        It has no private /tmp: sockets whose path would be too long are there, and sessions look for them there. The file
        system is not made read-only either: mail may be kept anywhere.
        """
        one = self.definition
        if set(one.command[0]) & set("\"'\\"):
            raise ServiceUnavailable(
                f"systemd takes no program whose path has quotes or backslashes in it: {one.command[0]}.",
                remedy="Install ClaudeMail in another folder.",
            )
        environment = " ".join(_quoted(f"{name}={value}") for name, value in one.environment.items())
        # The colon: nothing in the command line is a variable.
        command = " ".join(_quoted(word) for word in (f":{one.command[0]}", *one.command[1:]))
        return "\n".join(
            [
                "# Written by `claudemail gateway install`; `claudemail gateway uninstall` removes it.",
                "[Unit]",
                f"Description=ClaudeMail gateway of {one.node}",
                "# A gateway that is in the way now may be gone later: never give up.",
                "StartLimitIntervalSec=0",
                f"{_FOLDER}{one.folder}",
                "",
                "[Service]",
                "Type=notify",
                "NotifyAccess=main",
                f"ExecStart={command}",
                f"Environment={environment}",
                "Restart=always",
                f"RestartSec={RESTART_S}",
                "KillMode=mixed",
                "KillSignal=SIGTERM",
                f"TimeoutStartSec={_START_S}",
                f"TimeoutStopSec={STOP_S}",
                "UMask=0077",
                "NoNewPrivileges=yes",
                "LockPersonality=yes",
                "RestrictRealtime=yes",
                "RestrictSUIDSGID=yes",
                "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
                "SystemCallArchitectures=native",
                "",
                "[Install]",
                "WantedBy=default.target",
                "",
            ]
        )

    def folder_of(self, text: str) -> str | None:
        """Return the node's folder that a unit is for."""
        found = re.search(rf"^{_FOLDER}(.*)$", text, re.MULTILINE)
        return found[1] if found else None

    def check(self) -> None:
        """Raise ServiceUnavailable unless the user's manager answers."""
        try:
            order("systemctl", "--user", "show-environment")
        except ServiceUnavailable as error:
            raise ServiceUnavailable(
                f"The systemd of this user cannot be reached: {error.message}",
                remedy="Nothing was installed. Log in as this user itself (not by su or sudo), or have"
                " `loginctl enable-linger` run for it; where there is no systemd, have what starts programs on this machine"
                " run `claudemail gateway`. Without either, the first session starts it.",
            ) from error

    def install(self) -> None:
        """Write the unit, enable it and start it anew."""
        self.write()
        self._order("daemon-reload")
        self._order("enable", self.unit)
        self._order("restart", self.unit)

    def uninstall(self) -> None:
        """Disable and stop the unit, and remove it."""
        self._order("disable", "--now", self.unit)
        self.path.unlink(missing_ok=True)
        self._order("daemon-reload")

    def start(self) -> None:
        """Start the unit; systemd answers when it is ready."""
        self._order("start", self.unit)

    def stop(self) -> None:
        """Stop the unit."""
        self._order("stop", self.unit)

    def restart(self) -> None:
        """Stop and start the unit."""
        self._order("restart", self.unit)

    def hint(self) -> str | None:
        """Say how it outlives the login, unless it does."""
        try:
            if order("loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value").strip() == "yes":
                return None
        except ServiceUnavailable:
            pass  # then we do not know, and say it
        return "It ends when you log out, and does not start with the machine, until you run: loginctl enable-linger"

    def _order(self, *words: str) -> None:
        order("systemctl", "--user", *words)


def _quoted(word: str) -> str:
    """Return a word as systemd's command lines and assignments take it: one word, in which nothing has a meaning."""
    if not word.isprintable():
        raise ServiceUnavailable(f"A unit cannot have {word!r} in it.", remedy="Use paths without control characters.")
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
