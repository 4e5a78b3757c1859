"""Fifty sessions on one node at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from claudemail.running import own_command
from claudemail.testing import Fleet

_SESSIONS = 50
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


def test_fifty_sessions(node: Fleet) -> None:
    """Each of fifty processes that start at once has a callsign of its own and answers; the memory that each takes is small."""
    member = node["server1"]
    began = time.monotonic()
    processes = [
        subprocess.Popen(own_command("mcp"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=member.environment)
        for _ in range(_SESSIONS)
    ]
    try:
        names, times = set(), []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps(_INITIALIZE).encode() + b"\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            answer = json.loads(process.stdout.readline())
            names.add(re.search(r"You are (\S+) on", answer["result"]["instructions"])[1])  # type: ignore[index]
            times.append(time.monotonic() - began)
        sizes = [_resident_kib(process.pid) for process in processes]
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()
    sys.stderr.write(
        f"50 sessions: {sum(sizes) / 1024:.0f} MiB in all, {median(sizes) / 1024:.1f} MiB each;"
        f" all answered within {times[-1]:.2f} s\n"
    )
    assert len(names) == _SESSIONS
    assert median(sizes) < 16 * 1024  # the budget is 12 MB over what Python takes by itself on some machines


def _resident_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])
