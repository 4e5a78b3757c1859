"""Files that are replaced whole."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from claudemail import whole_file


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_made_and_replaced(tmp_path: Path, mode: int, *, durable: bool) -> None:
    """A file holds what was put last and nothing else is left; its permissions are those asked for, whatever the umask."""
    path = tmp_path / "file"
    former = os.umask(0o077)
    try:
        for content in ("first, and long", "ünï", b"\0\xff"):
            whole_file.put(path, content, mode=mode, durable=durable)
            assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    finally:
        os.umask(former)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["file"]


@pytest.fixture
def little_room() -> Iterator[int]:
    """Have the disk take no more than so many bytes of a file, as one that fills up takes the first part of a content."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    yield 4_096
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_what_does_not_fit_changes_nothing(tmp_path: Path, little_room: int) -> None:
    """A content of which only a part found room is not put in the place of the one before, and leaves nothing behind."""
    path = tmp_path / "file"
    whole_file.put(path, "before")
    with pytest.raises(OSError, match="too large"):
        whole_file.put(path, "x" * (little_room + 1))
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_readers_and_writers_at_once(tmp_path: Path) -> None:
    """However many threads and processes write one file, each look at it finds what one of them put."""
    path = tmp_path / "file"
    contents = [letter * 20_000 for letter in "abcd"]
    whole_file.put(path, contents[0])
    code = "import sys; from claudemail import whole_file\nfor _ in range(300): whole_file.put(sys.argv[1], sys.argv[2] * 20_000)"
    others = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "ab"]
    threads = [threading.Thread(target=_put_often, args=(path, content)) for content in contents[2:]]
    for thread in threads:
        thread.start()
    while any(other.poll() is None for other in others):
        assert path.read_text() in contents
    for thread in threads:
        thread.join()
    assert [other.wait() for other in others] == [0, 0]
    assert os.listdir(tmp_path) == ["file"]


def _put_often(path: Path, content: str) -> None:
    for _ in range(300):
        whole_file.put(path, content)
