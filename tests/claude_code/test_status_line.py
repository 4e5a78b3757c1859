"""`claudemail statusline`: the line, at any width, with and without colours, whatever is not there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from claudemail import callsigns
from claudemail.claude_code.status_files import Status
from claudemail.config import CONFIG_ENV, NODE_ENV, Config
from claudemail.running import own_command

_SGR = re.compile(r"\x1b\[\d+m")
_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
_statuses = st.builds(
    Status,
    _names,
    _names,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.lists(_names, max_size=5),
)


@given(status=_statuses, width=st.integers(1, 200))
def test_any_line_fits_any_width(status: Status, width: int) -> None:
    """The line takes no more cells than there are, says the same with colours and without, and ends what it colours."""
    plain = status.line(width, colour=False)
    coloured = status.line(width, colour=True)
    assert cell_len(plain) <= width
    assert _SGR.sub("", coloured) == plain
    assert coloured.count("\x1b[0m") * 2 == len(_SGR.findall(coloured))
    whole = status.line(colour=False)
    assert whole.startswith(plain.removesuffix("…"))


@pytest.fixture
def line(config: Config) -> Callable[..., str]:
    """Run `claudemail statusline` as Claude Code does."""

    def ran(*arguments: str, **environment: str) -> str:
        done = subprocess.run(
            own_command("statusline", *arguments),
            input=json.dumps({"session_id": "one", "cwd": "/"}),
            env={
                **os.environ, CONFIG_ENV: str(config.path), NODE_ENV: config.node_id, "CLAUDE_PID": str(os.getpid()),
                **environment,
            },
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return ran


async def test_the_line_without_a_gateway(line: Callable[..., str], config: Config, send: Callable[..., Any]) -> None:
    """With no gateway the line comes from the database; NO_COLOR and COLUMNS are heeded."""
    assert line() == "✉ ClaudeMail · no session here yet\n"
    callsigns.choose(config, os.getpid(), "one")
    await send("alpha", priority="urgent")
    assert line(NO_COLOR="1") == "✉ alpha · 1 unread · 1 urgent\n"
    assert line("--plain", COLUMNS="20") == "✉ alpha · 1 unread\n"
    assert "\x1b[31m" in line()


def test_what_cannot_be_read_is_offline(line: Callable[..., str], config: Config) -> None:
    """With a database that is none, or a config with mistakes, the line says offline."""
    callsigns.choose(config, os.getpid(), "one")
    Path(config.db_path).write_bytes(b"no database at all" * 1_000)
    assert line() == "✉ ClaudeMail · offline\n"
    Path(str(config.path)).write_text("{")
    assert line() == "✉ ClaudeMail · offline\n"


async def test_the_snippet_is_a_file_read(line: Callable[..., str], config: Config) -> None:
    """What is to be pasted is JSON with a command that reads the file of its process, or runs the fallback."""
    setting = json.loads(line("--snippet"))["statusLine"]
    assert setting["refreshInterval"] == 1
    folder = Path(config.state_dir, "status", "by-pid")
    folder.mkdir(parents=True)

    def shown() -> str:
        environment = {**os.environ, CONFIG_ENV: str(config.path), NODE_ENV: config.node_id, "CLAUDE_PID": "4711"}
        return subprocess.run(
            ["sh", "-c", setting["command"]], env=environment, input="{}", capture_output=True, text=True, check=True
        ).stdout

    assert shown() == "✉ ClaudeMail · no session here yet\n"
    (folder / "4711").write_text("the line\n")
    assert shown() == "the line\n"
