"""The print door and columns."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail import running
from claudemail.cli.columns import Column, cells, fit, table
from claudemail.cli.printing import bold, say, show_json, warn
from claudemail.text import scrub_line

EVIL = "a\x1b[2J\x9b31m\x07\u202eb\rc"


class TestDoor:
    """What is printed."""

    def test_scrubbed(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing passes the door that a terminal would obey, styled or not, to stdout or stderr."""
        say(EVIL, bold(EVIL))
        warn(EVIL)
        out, err = capsys.readouterr()
        assert out == "a[2J31mb\nca[2J31mb\nc\n"
        assert err == "claudemail: warning: a[2J31mb\nc\n"

    def test_json_is_ascii(self, capsys: pytest.CaptureFixture[str]) -> None:
        """JSON is ASCII, and says the same."""
        show_json({"title": EVIL + "移行"})
        out = capsys.readouterr().out
        assert out.isascii()
        assert "\x1b" not in out
        assert json.loads(out) == {"title": EVIL + "移行"}


class TestColumns:
    """Columns."""

    def test_aligned(self) -> None:
        """Cells are padded to their column, to the side it keeps to; empty columns are left out."""
        rows = [["移行", "", "1"], ["a", "", "20"]]
        lines = ["".join(map(str, line)) for line in table(rows, [Column(), Column(), Column(right=True)], 80)]
        assert lines == ["移行   1", "a     20"]

    def test_shrinks_the_widest(self) -> None:
        """The widest column that may shrink does, down to its least."""
        [line] = table([["x" * 20, "y" * 30]], [Column(), Column(5)], 40)
        assert line == ["x" * 20, "  ", "y" * 17 + "…"]

    @given(st.text(max_size=30), st.integers(0, 20))
    def test_fit(self, text: str, limit: int) -> None:
        """A text that fits is left alone, and a cut one takes no more room than there is."""
        line = scrub_line(text)
        fitted = fit(text, limit)
        assert cells(fitted) <= limit
        assert (fitted == line) == (cells(line) <= limit)


def test_a_closed_output_is_said_and_marks_nothing_read(node: Any) -> None:
    """A command whose stdout is closed fails in words, and what it could not show stays unread."""
    node.send("operator", "T")
    line = ["bash", "-c", 'exec "$@" >&-', "bash", *running.own_command("digest")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Nothing was marked read." in done.stderr
    assert node.unread("operator") == 1
