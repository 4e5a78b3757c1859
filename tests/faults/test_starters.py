"""Many that start the gateway of one node at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from claudemail import running
from claudemail.testing import Fleet

LIGHT = """
import sys, time
from claudemail import config, running
from claudemail.service import lifecycle
settings = config.load()
sys.stdin.readline()
running.start(settings)
lifecycle.ensure(settings, 120)
"""
"""What a session does: it has a gateway started, and goes on when that answers."""


@pytest.mark.parametrize("many", [pytest.param(12, id="12"), pytest.param(50, id="50", marks=pytest.mark.soak)])
def test_one_gateway_comes_of_any_number_of_starters(fleet: Fleet, many: int) -> None:
    """Half of them as sessions do and half by `claudemail gateway start`: one gateway runs, and all of them found it."""
    member = fleet["server1"]
    start = "import sys; sys.stdin.readline(); sys.argv[1:] = ['gateway', 'start']; from claudemail.__main__ import main; main()"
    starters = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", LIGHT if number % 2 else start],
            env=member.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(many)
    ]  # fmt: skip
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    for starter in starters:
        _, err = starter.communicate(timeout=180)
        assert starter.returncode == 0, err
    log = [json.loads(line) for line in (member.folder / running.LOG).read_text().splitlines()]
    started = [entry["pid"] for entry in log if entry["event"] == "started"]
    notice = running.read_notice(member.config.state_dir)
    assert notice is not None
    assert started == [notice.pid]
    assert {entry["level"] for entry in log} <= {"info"}
