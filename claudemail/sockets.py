"""Where this node's Unix sockets are. Standard library only: the session process and the hooks use it."""

from __future__ import annotations

import os

from claudemail.errors import ConfigError

MAX_PATH = 100
"""The kernel takes at most 107 bytes (104 on macOS); a few are left for the names of bells."""
GATEWAY_SOCKET = "gateway.sock"
_LONGEST_NAME = 20
_SHORT = "/tmp"  # noqa: S108 - not TMPDIR: all processes of the node must find the same folder; it is checked to be ours


def socket_folder(state_dir: str, name: str) -> str:
    """Return a private folder for sockets, made if need be.

    It is `name` within `state_dir`, or where that path is too long for the kernel, a folder of this user in the temporary
    folder that stands for it.

    Raises:
        ConfigError: that folder belongs to somebody else.
    """
    folder = os.path.join(state_dir, name)
    if len(os.fsencode(folder)) + _LONGEST_NAME > MAX_PATH:
        import hashlib

        base = os.path.join(_SHORT, f"claudemail-{os.getuid()}")
        _private(base)
        folder = os.path.join(base, hashlib.sha256(os.fsencode(folder)).hexdigest()[:16])
    _private(folder)
    return folder


def gateway_socket(state_dir: str) -> str:
    """Return the path of the gateway's socket."""
    return os.path.join(socket_folder(state_dir, "run"), GATEWAY_SOCKET)


def _private(folder: str) -> None:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    status = os.lstat(folder)
    if status.st_uid != os.getuid():
        raise ConfigError(
            f"The folder {folder} belongs to another user.",
            remedy="Have it removed, or give db_path a shorter path.",
        )
    if status.st_mode & 0o077:
        os.chmod(folder, 0o700)
