"""The Claude Code processes of this node: which callsign each has, and how much mail it has been told of.

Claude Code's PID is what its hooks, its status line and its MCP server have in common: it outlives `/clear`, while session ids
do not. Each process has a record, a small file named by its PID; whoever of the three comes first chooses the callsign.
Standard library only.
"""

from __future__ import annotations

import fcntl
import json
import os

from claudemail import whole_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_FOLDER = ("callsigns", "clients")
_MOST_BYTES = 4_096


class Record:
    """What is known of one Claude Code process."""

    __slots__ = ("callsign", "claimed", "instance", "pid", "session_id", "started")

    def __init__(
        self,
        pid: int,
        callsign: str,
        instance: str,
        session_id: str | None,
        started: str | None = None,
        *,
        claimed: bool = False,
    ) -> None:
        self.pid = pid
        self.callsign = callsign
        self.instance = instance
        self.session_id = session_id
        """Claude Code's id of the session that it last was in; `/clear` begins another."""
        self.claimed = claimed
        """Whether its session has locked the callsign: from then on the lock decides whose it is."""
        self.started = started or _started(pid)
        """When the process began, as the kernel counts it: another may get its PID later. None where that cannot be known."""


class Clients:
    """The records of a node."""

    def __init__(self, state_dir: str) -> None:
        self._folder = os.path.join(state_dir, *_FOLDER)

    def choosing(self) -> Choosing:
        """Return a context in which nobody else chooses a callsign."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        return Choosing(os.path.join(self._folder, ".choosing"))

    def find(self, pid: int) -> Record | None:
        """Return the record of a process that is running, or None."""
        record = self._read(pid)
        return record if record is not None and _runs(record) else None

    def running(self) -> Iterator[Record]:
        """Yield the records of all processes that are running; those of others are removed."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in names:
            if name.isdecimal():
                record = self._read(int(name))
                if record is not None and _runs(record):
                    yield record
                else:
                    self.forget(int(name))

    def keep(self, record: Record) -> None:
        """Write a record, in place of the one that there was.

        Raises:
            OSError: it could not be written.
        """
        self._write(str(record.pid), json.dumps({key: getattr(record, key) for key in Record.__slots__}))

    def forget(self, pid: int) -> None:
        """Remove all that is known of a process."""
        for name in (str(pid), f"{pid}.told", f"{pid}.held"):
            try:
                os.unlink(os.path.join(self._folder, name))
            except OSError:
                continue

    def told(self, pid: int) -> int:
        """Return the number of the latest brief that a process has been told of; 0 for none."""
        return self._number(f"{pid}.told")

    def tell(self, pid: int, number: int) -> None:
        """Note that a process has been told of all briefs up to this number."""
        if number > self.told(pid):
            self._write(f"{pid}.told", str(number))

    def held(self, pid: int) -> int:
        """Return the number of the latest urgent brief for which a process was kept from ending its turn."""
        return self._number(f"{pid}.held")

    def hold(self, pid: int, number: int) -> None:
        """Note that a process was kept from ending its turn for an urgent brief."""
        self._write(f"{pid}.held", str(number))

    def _number(self, name: str) -> int:
        try:
            with open(os.path.join(self._folder, name), "rb") as file:
                return int(file.read(20) or b"0")
        except (OSError, ValueError):
            return 0

    def _read(self, pid: int) -> Record | None:
        try:
            with open(os.path.join(self._folder, str(pid)), "rb") as file:
                data: dict[str, Any] = json.loads(file.read(_MOST_BYTES))
            started = data["started"]
            return Record(
                pid,
                data["callsign"],
                data["instance"],
                data["session_id"],
                started and str(started),
                claimed=bool(data["claimed"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, name: str, text: str) -> None:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        whole_file.put(os.path.join(self._folder, name), text)


class Choosing:
    """Keeps others from choosing a callsign meanwhile."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _started(pid: int) -> str | None:
    """Return when a process began, by /proc (proc(5), field 22 of stat); None where there is no /proc, or no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return None


def _runs(record: Record) -> bool:
    now = _started(record.pid)
    if now is not None:
        return record.started is None or record.started == now
    if os.path.exists("/proc/self/stat"):
        return False
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
