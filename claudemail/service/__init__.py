"""The gateway as a service: starting and stopping it, and having systemd or launchd do so."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from claudemail.service.definition import Definition, ServiceManager

if TYPE_CHECKING:
    from claudemail.config import Config


def manager_for(config: Config) -> ServiceManager:
    """Return this machine's service manager, for this node's gateway."""
    definition = Definition(config)
    if sys.platform == "darwin":
        from claudemail.service.launchd import Launchd

        return Launchd(definition)
    from claudemail.service.systemd import Systemd

    return Systemd(definition)


def installed(config: Config) -> ServiceManager | None:
    """Return the service manager that has been told to run this node's gateway, or None."""
    manager = manager_for(config)
    return manager if manager.is_installed() else None
