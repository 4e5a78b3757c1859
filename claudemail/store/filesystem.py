"""Which filesystem a folder is on: SQLite's log needs shared memory, which network filesystems do not have."""

from __future__ import annotations

import os
from pathlib import Path

from claudemail.errors import StoreError, StoreFull

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}
_MOUNTS = Path("/proc/self/mountinfo")
_RESERVE_BYTES, _RESERVE_PART = 32 * 1024 * 1024, 50
"""The last so many bytes, or the fiftieth part of a smaller disk, are left to this node's own."""


def refuse_nearly_full(folder: Path) -> None:
    """Raise StoreFull if there is hardly room: what peers bring waits at theirs, and people here can still work."""
    room = os.statvfs(folder)
    if room.f_bavail * room.f_frsize < min(_RESERVE_BYTES, room.f_blocks * room.f_frsize // _RESERVE_PART):
        raise StoreFull(f"The disk that holds {folder} is nearly full.")


def refuse_network_filesystem(folder: Path) -> None:
    """Raise StoreError if `folder` is on a network filesystem, as far as Linux tells (https://sqlite.org/wal.html)."""
    kind = filesystem_of(folder)
    if kind in _NETWORK:
        raise StoreError(
            f"{folder} is on a network filesystem ({kind}), where a database is not safe.",
            remedy="Set db_path and registry_db_path to a local disk.",
        )


def filesystem_of(folder: Path) -> str | None:
    """Return the type of the filesystem that holds `folder`, or None where the system does not say."""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    place = os.path.realpath(folder) + "/"
    best, kind = "", None
    for line in lines:
        fields, _, rest = line.partition(" - ")
        mount = fields.split()[4].rstrip("/") + "/"
        if place.startswith(mount) and len(mount) >= len(best):
            best, kind = mount, rest.split()[0]
    return kind
