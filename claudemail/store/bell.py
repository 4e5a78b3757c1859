"""The bell: processes that share a database tell each other of a commit by Unix datagram.

Each listener binds a socket in a folder beside the database; who commits sends an empty datagram to every socket there.
Nothing is lost when a datagram is: listeners look at `PRAGMA data_version` once a second as well.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from claudemail.sockets import socket_folder


class Bell:
    """Rings the other listeners, and hears them once `listen` was called."""

    def __init__(self, database: Path) -> None:
        self._folder = Path(socket_folder(str(database.parent), f"{database.name}.bells"))
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._ear: socket.socket | None = None
        self._own: Path | None = None

    def listen(self) -> socket.socket:
        """Return a non-blocking socket that becomes readable when another process commits."""
        if self._ear is None:
            self._own = self._folder / f"{os.getpid()}-{os.urandom(3).hex()}"
            self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._ear.bind(str(self._own))
        return self._ear

    def drain(self) -> None:
        """Take in all that rang so far."""
        if self._ear is not None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._ear.recv(16)

    def ring(self) -> None:
        """Tell every other listener; sockets that nobody holds any more are removed.

        It never fails: what it tells of has been committed by then.
        """
        with contextlib.suppress(OSError):  # the folder was cleaned away; listeners look for themselves as well
            for entry in os.scandir(self._folder):
                if self._own is None or entry.name != self._own.name:
                    self._ring_one(entry.path)

    def _ring_one(self, path: str) -> None:
        try:
            self._sender.sendto(b"", path)
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                Path(path).unlink()
        except OSError:
            pass  # a full buffer means that it has been told and is busy; a vanished file, that it left

    def close(self) -> None:
        """Stop listening and ringing."""
        self._sender.close()
        if self._ear is not None and self._own is not None:
            self._ear.close()
            self._own.unlink(missing_ok=True)
