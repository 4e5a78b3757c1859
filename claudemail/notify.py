"""Telling the service manager how this process is (sd_notify(3)). Without one it is silent."""

from __future__ import annotations

import os
import socket
import time

SOCKET_ENV = "NOTIFY_SOCKET"


def ready(status: str) -> None:
    """The service does its work now; `status` is a line for people."""
    _tell("READY=1", f"STATUS={status}")


def beginning_anew() -> None:
    """The process replaces itself and is ready again soon: that is no end."""
    _tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    """The process ends."""
    _tell("STOPPING=1")


def _tell(*lines: str) -> None:
    address = os.environ.get(SOCKET_ENV, "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # a name in the abstract namespace of Linux
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto("\n".join(lines).encode(), address)
    except OSError:
        return  # the manager's loss; mail is carried all the same
