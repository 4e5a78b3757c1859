"""The gateway's lock and the notice it puts up."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from claudemail import running
from claudemail.running import FOREGROUND, ON_DEMAND, Notice, is_held, read_notice, take_lock, write_notice

HOLD = """
import os, sys
from claudemail.running import Notice, take_lock, write_notice
if take_lock(sys.argv[1], sys.argv[2]) is None:
    sys.exit(3)
write_notice(sys.argv[1], Notice(os.getpid(), sys.argv[2], "127.0.0.1:3300", None))
print("held", flush=True)
sys.stdin.read()
"""


def holder(folder: Path, mode: str) -> subprocess.Popen[str]:
    """Start a process that takes the lock and keeps it until its input ends."""
    command = [sys.executable, "-c", HOLD, str(folder), mode]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_nobody_holds_a_new_node(tmp_path: Path) -> None:
    """Without a gateway the lock is free and there is no notice, whether or not the folder is there."""
    assert not is_held(str(tmp_path / "nowhere"))
    assert read_notice(str(tmp_path)) is None


def test_one_holds_the_lock_until_it_is_killed(tmp_path: Path) -> None:
    """While one process holds the lock another is refused it; when it is killed, the lock is free and its notice void."""
    folder = str(tmp_path)
    with holder(tmp_path, ON_DEMAND) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        notice = read_notice(folder)
        assert notice is not None
        assert (notice.pid, notice.mode, notice.listening) == (first.pid, ON_DEMAND, "127.0.0.1:3300")
        assert take_lock(folder, ON_DEMAND) is None
        first.kill()
    assert not is_held(folder)
    assert read_notice(folder) is None


def test_of_many_that_start_one_holds(tmp_path: Path) -> None:
    """Of several gateways started at the same moment, exactly one gets the lock."""
    many = [holder(tmp_path, ON_DEMAND) for _ in range(5)]
    words = []
    for one in many:
        assert one.stdout is not None
        words.append(one.stdout.readline())
    for one in many:
        one.communicate()
    assert sorted(words) == [""] * 4 + ["held\n"]
    assert sorted(one.returncode for one in many) == [0, 3, 3, 3, 3]


def test_the_foreground_takes_over_from_one_on_demand(tmp_path: Path) -> None:
    """A gateway that a person starts ends the one that was started on demand; the other way round it is refused."""
    with holder(tmp_path, ON_DEMAND) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with holder(tmp_path, FOREGROUND) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "held\n"
            assert first.wait() != 0
            assert take_lock(str(tmp_path), ON_DEMAND) is None
            assert take_lock(str(tmp_path), FOREGROUND) is None


def test_a_broken_notice_is_none(tmp_path: Path) -> None:
    """A notice that cannot be read does not break those who look for it."""
    lock = take_lock(str(tmp_path), FOREGROUND)
    assert lock is not None
    for content in ("", "[]", '{"pid": "x"}', '{"pid": 1}'):
        (tmp_path / running._NOTICE).write_text(content)
        assert read_notice(str(tmp_path)) is None
    write_notice(str(tmp_path), Notice(1, FOREGROUND, None, "port taken"))
    notice = read_notice(str(tmp_path))
    assert notice is not None
    assert notice.listen_error == "port taken"
    os.close(lock)


def test_a_notice_that_cannot_be_written_leaves_no_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the lock is taken all the same; the notice of the gateway before does not stand for this one."""
    write_notice(str(tmp_path), Notice(1, ON_DEMAND, "127.0.0.1:3300", None))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("claudemail.running.os.replace", full)
    lock = take_lock(str(tmp_path), FOREGROUND)
    assert lock is not None
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.lock"]
    os.close(lock)
