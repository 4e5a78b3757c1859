"""What the service manager is told."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from claudemail import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool) -> None:
    """Each state reaches the socket that the manager named, in a file or in the abstract namespace."""
    if abstract and sys.platform != "linux":
        pytest.skip("only Linux has abstract sockets")
    name = f"@claudemail-test-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)
        monkeypatch.setenv(notify.SOCKET_ENV, name)
        notify.ready("server1: 127.0.0.1:3300")
        notify.beginning_anew()
        notify.stopping()
        assert manager.recv(4096) == b"READY=1\nSTATUS=server1: 127.0.0.1:3300"
        assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize("name", [None, "", "relative", "/nowhere/at/all"])
def test_without_a_manager_it_is_silent(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """No manager, or one that is gone, is no error."""
    if name is None:
        monkeypatch.delenv(notify.SOCKET_ENV, raising=False)
    else:
        monkeypatch.setenv(notify.SOCKET_ENV, name)
    notify.ready("x")
    notify.stopping()
