"""Files that are replaced whole: who reads one finds what it was before or what it is now, never a part of either."""

from __future__ import annotations

import os


def put(path: str | os.PathLike[str], content: str | bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Put a content in the place of what a file held, or make the file.

    Args:
        path: the file; its folder is there.
        content: what it is to hold; text as UTF-8.
        mode: its permissions.
        durable: whether it outlasts a power cut once this has returned; it takes the disk some time.

    Raises:
        OSError: it could not be written, as on a full disk. The file is as it was, and nothing else is left in the folder.
    """
    folder, name = os.path.split(os.fspath(path))
    # A name that nobody can have put a link under beforehand, nor a writer that was killed have left.
    draft = os.path.join(folder, f".{name}.{os.urandom(6).hex()}~")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the umask is
            file.write(content.encode() if isinstance(content, str) else content)
            if durable:
                file.flush()
                os.fsync(descriptor)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    if durable:
        _sync(folder or ".")


def _sync(folder: str) -> None:
    """Have a folder's names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
