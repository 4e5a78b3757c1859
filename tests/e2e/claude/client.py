"""The real Claude Code client in a world of its own: a HOME, projects, a node of ClaudeMail, and a model that follows rules."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.claude.model import Model

_KEY = "sk-ant-none-of-anybodys-000000000000"
_BIN = Path(sys.executable).parent


class Home:
    """One user on one machine: a HOME with Claude Code and ClaudeMail in it."""

    def __init__(self, claude: str, root: Path, model: Model, **environment: str) -> None:
        self.claude = claude
        self.root = root
        self.model = model
        self.folder = root / "home"
        self.project = root / "project"
        for folder in (self.folder / ".claude", self.project, root / "tmp"):
            folder.mkdir(parents=True)
        self.environment = {
            "PATH": f"{_BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": _KEY,
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
            "CLAUDE_CODE_TMPDIR": str(root / "tmp"),
            "ENABLE_TOOL_SEARCH": "false",
            **environment,
        }
        self.trust(self.project)

    def trust(self, *projects: Path) -> None:
        """Answer what the client would ask a new user."""
        done = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        state = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "customApiKeyResponses": {"approved": [_KEY[-20:]], "rejected": []},
            "projects": {str(project): done for project in projects},
        }
        (self.folder / ".claude.json").write_text(json.dumps(state, indent=2))

    @property
    def settings(self) -> Path:
        """The user's settings file."""
        return self.folder / ".claude" / "settings.json"

    def mail(self, *arguments: str, **more: str) -> str:
        """Run ClaudeMail's command line; return what it printed."""
        done = subprocess.run(
            [_BIN / "claudemail", *arguments],
            cwd=self.project, env={**self.environment, **more}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mail_json(self, *arguments: str) -> Any:
        """Run ClaudeMail's command line with --json; return what it printed."""
        return json.loads(self.mail(*arguments, "--json"))

    def run(self, *arguments: str, seconds: float = 90) -> subprocess.CompletedProcess[str]:
        """Run the client to its end."""
        return subprocess.run(
            [self.claude, *arguments],
            cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, prompt: str, *arguments: str) -> str:
        """Have one turn without a screen; return what was printed."""
        done = self.run("-p", prompt, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def end(self) -> None:
        """Stop the node's gateway."""
        subprocess.run(
            [_BIN / "claudemail", "gateway", "stop"], env=self.environment, capture_output=True, timeout=60, check=False
        )


class Terminal:
    """The client on the screen of a tmux of its own."""

    def __init__(
        self, home: Home, *arguments: str, width: int = 150, height: int = 45, project: Path | None = None
    ) -> None:
        self._socket = home.root / f"tmux{time.monotonic_ns()}"
        words = [f"{name}={value}" for name, value in home.environment.items()]
        command = ["env", "-i", *words, home.claude, *arguments]
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
            "-c", str(project or home.project), f"exec {shlex.join(command)}",
        )  # fmt: skip
        self.pid = int(self._tmux("display-message", "-p", "#{pane_pid}"))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server", check=False)

    def _tmux(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            capture_output=True, text=True, check=False, timeout=20,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    @property
    def screen(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p")

    def until(self, what: str | Callable[[str], bool], seconds: float = 30.0) -> str:
        """Return the screen once a text is on it, or something is so."""
        fits = what if callable(what) else lambda screen: what in screen
        deadline = time.monotonic() + seconds
        while True:
            screen = self.screen
            if fits(screen):
                return screen
            assert time.monotonic() < deadline, f"it never came to be so: {what}\n{screen}"
            time.sleep(0.05)  # a screen tells nobody that it has changed

    def type(self, text: str) -> None:
        """Type a line, and enter it once it is on the screen."""
        self._tmux("send-keys", "-l", text)
        self.until(text[-20:])
        self._tmux("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        """Press keys."""
        self._tmux("send-keys", *keys)
