"""A real pseudo-terminal with a command on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator

from claudemail.running import own_command
from claudemail.testing import Member


class Terminal:
    """A command on a pseudo-terminal of 130x40, and all that it wrote."""

    def __init__(self, member: Member, *arguments: str, **environment: str) -> None:
        self.written = b""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 130, 0, 0))
        whole = {**member.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            whole.pop(name, None)
        self.process = subprocess.Popen(
            own_command(*arguments), env=whole, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)

    def until(self, needle: bytes, timeout_s: float = 30) -> None:
        """Read until the output since the last call holds `needle`; at the end of the output for an empty one."""
        start = len(self.written)
        deadline = time.monotonic() + timeout_s
        while not needle or needle not in self.written[start:]:
            ready, _, _ = select.select([self._master], [], [], max(deadline - time.monotonic(), 0))
            assert ready, (needle, self.written[start:][-2_000:])
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                assert not needle, (needle, self.written[start:][-2_000:])
                return
            self.written += data

    def read_for(self, seconds: float) -> None:
        """Read what is written within some time."""
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(deadline - time.monotonic(), 0))[0]:
            self.written += os.read(self._master, 65_536)

    def until_still(self, seconds: float = 1.0, timeout_s: float = 30) -> None:
        """Read until nothing has been written for some time."""
        deadline = time.monotonic() + timeout_s
        before = -1
        while before != len(self.written):
            assert time.monotonic() < deadline, self.written[-2_000:]
            before = len(self.written)
            self.read_for(seconds)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def timed(self, keys: bytes, still_s: float = 0.3) -> tuple[float, float]:
        """Press keys; return how many seconds after them the first and the last of what they lead to came.

        The last is what nothing follows for `still_s` seconds.
        """
        began = time.perf_counter()
        self.type(keys)
        assert select.select([self._master], [], [], 30)[0], keys
        first = last = time.perf_counter()
        while select.select([self._master], [], [], still_s)[0]:
            self.written += os.read(self._master, 65_536)
            last = time.perf_counter()
        return first - began, last - began

    def hang_up(self) -> None:
        """Close the terminal under the command."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        """End the command."""
        self.process.kill()
        self.process.wait()
        if self._master >= 0:
            os.close(self._master)


@contextlib.contextmanager
def terminal(member: Member, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """Run a command on a terminal, with more in its environment."""
    shown = Terminal(member, *arguments, **environment)
    try:
        yield shown
    finally:
        shown.close()
