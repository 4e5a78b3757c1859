"""Folders for sockets: private, and short enough for the kernel."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from claudemail.errors import ConfigError
from claudemail.sockets import MAX_PATH, gateway_socket, socket_folder


def test_a_socket_folder_is_private(tmp_path: Path) -> None:
    """The folder is made for its owner alone, and a loose one is tightened."""
    folder = Path(socket_folder(str(tmp_path), "run"))
    assert folder == tmp_path / "run"
    folder.chmod(0o755)
    assert socket_folder(str(tmp_path), "run") == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_long_path_is_stood_for_by_a_short_one(tmp_path: Path) -> None:
    """However deep the state folder, its socket can be bound, at the same place each time, apart from others'."""
    deep = str(tmp_path / ("x" * MAX_PATH))
    path, other = gateway_socket(deep), gateway_socket(deep + "y")
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
        assert path == gateway_socket(deep) != other
        assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(os.path.dirname(path))
        shutil.rmtree(os.path.dirname(other))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A socket folder that another user made is an error, not a place to put sockets into."""
    folder = Path(socket_folder(str(tmp_path), "run"))
    os.chown(folder, 12_345, 12_345)
    with pytest.raises(ConfigError, match="another user"):
        socket_folder(str(tmp_path), "run")
