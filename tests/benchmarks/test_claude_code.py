"""What Claude Code waits for: hooks and the status line, beside what this machine takes for a Python that does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

import pytest

from claudemail import callsigns
from claudemail.claude_code import run_hook, status_line
from claudemail.claude_code.status_files import Status, StatusFiles
from claudemail.clients import Clients
from claudemail.config import CONFIG_ENV, NODE_ENV, Config
from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.running import own_command

pytestmark = pytest.mark.benchmark
_RUNS = 40
_SETTING = {"session_id": "one", "cwd": "/", "transcript_path": ""}


def _median_ms(command: Sequence[str], environment: dict[str, str], text: str, before: Callable[[], object]) -> float:
    times = []
    for _ in range(_RUNS):
        before()
        began = time.perf_counter()
        subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=True)
        times.append((time.perf_counter() - began) * 1_000)
    return median(times)


async def test_hooks_and_status_line(config: Config, office: Office) -> None:
    """Each hook with mail to tell of, the status line as a file and from the database, and bare Python beside them."""
    environment = {
        **os.environ, CONFIG_ENV: str(config.path), NODE_ENV: config.node_id, "CLAUDE_PID": str(os.getpid()), "COLUMNS": "120",
    }  # fmt: skip
    for number in range(20):
        draft = Draft(to=["alpha"], title=f"title {number}", priority="urgent" if number % 4 == 0 else "normal")
        await office.send(office.operator(), draft)
    clients = Clients(config.state_dir)
    hook = [sys.executable, "-I", "-S", run_hook.__file__]
    callsigns.choose(config, os.getpid(), "one")

    def nothing_told() -> None:
        for ending in ("told", "held"):
            path = os.path.join(config.state_dir, "callsigns", "clients", f"{os.getpid()}.{ending}")
            if os.path.exists(path):
                os.unlink(path)

    StatusFiles(config.state_dir).write(Status("alpha", "server1", 20, 5, 0, []), os.getpid())
    rows = [("python -I -S -c pass", [sys.executable, "-I", "-S", "-c", "pass"], "")]
    rows += [
        (f"hook {event}", hook, json.dumps({**_SETTING, "hook_event_name": event, **more}))
        for event, more in (
            ("SessionStart", {"source": "startup"}),
            ("UserPromptSubmit", {"prompt": "hi"}),
            ("Stop", {"stop_hook_active": False}),
            ("FileChanged", {"file_path": "/none"}),
            ("SessionEnd", {"reason": "clear"}),
        )
    ]
    rows += [
        ("status line, the file", ["sh", "-c", status_line.command(config)], "{}"),
        ("status line, from the database", own_command("statusline"), "{}"),
        ("claudemail hook, as the plugin runs it", own_command("hook"), rows[1][2]),
    ]
    assert clients.find(os.getpid()) is not None
    for name, command, text in rows:
        sys.stderr.write(f"\n{name}: {_median_ms(command, environment, text, nothing_told):.1f} ms")
    sys.stderr.write("\n")
