"""`claudemail doctor`: what it says of Claude Code's settings and of the peers."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from claudemail import running
from claudemail.config import CONFIG_ENV, NODE_ENV
from claudemail.keys import NodeKey
from claudemail.testing import Fleet, until
from tests.cli.conftest import SETTINGS, Clinic, add_peer


class TestClaudeCode:
    """What Claude Code knows of ClaudeMail."""

    def test_no_server(self, clinic: Clinic) -> None:
        """Without a server in any of the settings there is a warning, with the command that sets one up."""
        clinic.settings({"mcpServers": {"other": {"command": "/nowhere"}}})
        state, what, remedy = clinic.one("claude code")
        assert (state, "no MCP server" in what) == ("warning", True)
        assert "claudemail setup" in remedy
        assert clinic.ask().code == 0

    @pytest.mark.parametrize("name", [".mcp.json", ".claude/settings.json"])
    def test_places(self, clinic: Clinic, name: str) -> None:
        """A server may be set up for the user or for the folder."""
        clinic.settings({})
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(SETTINGS))
        assert clinic.findings("claude code") == []
        path.unlink()
        assert clinic.one("claude code")[0] == "warning"
        clinic.settings(SETTINGS, ".claude/settings.json")
        assert clinic.findings("claude code") == []

    def test_the_plugin(self, clinic: Clinic) -> None:
        """The plugin brings the server; one that is switched off does not."""
        clinic.settings({})
        clinic.settings({"enabledPlugins": {"claudemail@claudemail": True}}, ".claude/settings.json")
        assert clinic.findings("claude code") == []
        clinic.settings({"enabledPlugins": {"claudemail@claudemail": False}}, ".claude/settings.json")
        assert clinic.one("claude code")[0] == "warning"

    def test_a_hook_that_went_wrong(self, clinic: Clinic) -> None:
        """What went wrong with a hook lately is said: nobody else is told of it."""
        clinic.settings(SETTINGS)
        log = clinic.folder / "hooks.log"
        log.write_text("2026-01-01 hook: one\n2026-01-02 hook: DatabaseError: \x1b[2Janother\n")
        state, what, remedy = clinic.one("hooks")
        assert state == "warning"
        assert what.endswith("hook: DatabaseError: [2Janother")
        assert str(log) in remedy
        os.utime(log, (1, 1))
        assert clinic.findings("hooks") == []

    def test_server_of_a_project(self, clinic: Clinic) -> None:
        """A server that is set up for the folder in the user's own settings counts as well."""
        clinic.settings({"projects": {str(Path.cwd()): SETTINGS}})
        assert clinic.findings("claude code") == []

    @pytest.mark.parametrize("command", ["/nowhere/claudemail", "no-such-program", "", 5, None])
    def test_command_that_is_not_there(self, clinic: Clinic, command: object) -> None:
        """A server whose command is not there is a problem."""
        path = clinic.settings({"mcpServers": {"claudemail": {"command": command}}})
        state, what, remedy = clinic.one("claude code")
        assert (state, str(path) in what, "which is not there" in what) == ("problem", True, True)
        assert "path" in remedy
        assert clinic.ask().code == 1

    def test_command_with_a_space(self, clinic: Clinic, tmp_path: Path) -> None:
        """A program in a folder with a space in its name is found."""
        program = tmp_path / "my tools" / "claudemail"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        clinic.settings({"mcpServers": {"claudemail": {"command": str(program)}}})
        assert clinic.findings("claude code") == []

    @pytest.mark.parametrize("data", ["{", "", "\x00", '{"mcpServers": ', "[" * 500])
    def test_no_json(self, clinic: Clinic, data: str) -> None:
        """Settings that are no JSON are a warning, with the file; those of the folder are looked at all the same."""
        path = clinic.settings(data)
        Path(".mcp.json").write_text(json.dumps(SETTINGS))
        state, what, remedy = clinic.one("claude code")
        assert (state, f"{path} cannot be read" in what) == ("warning", True)
        assert remedy

    @pytest.mark.parametrize(
        "data",
        [[], 5, None, '"text"', {"mcpServers": []}, {"mcpServers": {"claudemail": []}}, {"hooks": []}, {"hooks": {"Stop": {}}},
         {"hooks": {"Stop": [[]]}}, {"hooks": {"Stop": [{}]}}, {"hooks": {"Stop": [{"hooks": [5, None]}]}},
         {"statusLine": "claudemail"}, {"statusLine": {"command": ["claudemail"]}}],
    )  # fmt: skip
    def test_json_of_another_form(self, clinic: Clinic, data: object) -> None:
        """JSON that is no settings has no server in it, and does no harm."""
        clinic.settings(data)
        assert clinic.one("claude code")[0] == "warning"
        assert clinic.ask().code == 0

    @pytest.mark.parametrize("hooks", [None, 5])
    def test_hooks_that_are_none(self, clinic: Clinic, hooks: object) -> None:
        """Hooks that are no list do no harm either."""
        clinic.settings({**SETTINGS, "hooks": {"Stop": [{"hooks": hooks}]}})
        assert clinic.ask().code == 0

    def test_hooks(self, clinic: Clinic) -> None:
        """A hook or status line of ClaudeMail's that runs a program that is not there is a problem; others are left alone."""
        there, gone = f"{sys.executable} -m claudemail check", "/nowhere/claudemail check"
        path = clinic.settings(
            {
                **SETTINGS,
                "hooks": {
                    "Stop": [{"hooks": [{"type": "command", "command": line} for line in (there, gone, "/nowhere/x")]}]
                },
                "statusLine": {"type": "command", "command": "~/nowhere/claudemail status"},
            }
        )
        found = clinic.findings("hooks")
        assert [state for state, _, _ in found] == ["problem", "problem"]
        assert all(str(path) in what for _, what, _ in found)
        for program in ("'~/nowhere/claudemail'", "'/nowhere/claudemail'"):
            assert any(program in what for _, what, _ in found)

    @pytest.mark.parametrize(
        "line",
        [
            "CLAUDEMAIL_NODE=server1 {} -m claudemail check",
            '"$CLAUDE_PROJECT_DIR"/.claude/hooks/claudemail.sh',
            "cd / && {} -m claudemail check",
            "'{}' -m claudemail check",
        ],
    )
    def test_hooks_are_lines_for_the_shell(self, clinic: Clinic, tmp_path: Path, line: str) -> None:
        """A hook may set variables, use them, and begin with a word of the shell's."""
        program = tmp_path / "my python"
        program.symlink_to(sys.executable)
        line = line.format(program if "'" in line else sys.executable)
        clinic.settings({**SETTINGS, "hooks": {"Stop": [{"hooks": [{"type": "command", "command": line}]}]}})
        assert clinic.findings("hooks") == []

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_hostile(self, clinic: Clinic, form: list[str]) -> None:
        """What stands in settings cannot act on the terminal."""
        clinic.settings({"mcpServers": {"claudemail": {"command": "\x1b[31mred\x9b2J\u202e"}}})
        ran = clinic.ask(*form)
        assert "red" in ran.out
        assert not [char for char in ran.out if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
        assert "\u202e" not in ran.out


@contextmanager
def answering(port: int, answer: Callable[[], tuple[int, bytes]]) -> Iterator[None]:
    """Answer every request at a port, as some other program or version would."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, body = answer()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class TestPeers:
    """Other nodes."""

    def test_real_ones(self, fleet: Fleet, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A peer that answers is well; one that does not know this node's key refuses; one that is down cannot be reached."""
        monkeypatch.chdir(tmp_path)
        here, there = fleet["server1"], fleet["server2"]
        monkeypatch.setenv(CONFIG_ENV, str(here.config_path))
        monkeypatch.setenv(NODE_ENV, "server1")
        clinic = Clinic(node, json.loads(here.config_path.read_text()))
        here.config_path.write_text(json.dumps({**clinic.seed, "checkup": {"disk_low_mb": 1}}))
        clinic.settings(SETTINGS)
        here.folder.chmod(0o700)
        fleet.start()

        ran = clinic.ask()
        assert ran.code == 0, ran.out
        assert f"answers at {there.config.node.url} in " in ran.out
        assert clinic.findings("peer server2") == []

        own = (here.folder / "node.key").read_bytes()
        (here.folder / "node.key").unlink()
        NodeKey.new().save(here.folder)
        state, what, remedy = clinic.one("peer server2")
        assert (state, "refused" in what, "server2 knows" in what) == ("problem", True, True)
        assert "configs of server1 and server2" in remedy
        assert clinic.one("key")[0] == "problem"
        (here.folder / "node.key").write_bytes(own)

        there.kill()
        state, what, remedy = clinic.one("peer server2")
        assert (state, "connection refused" in what, there.config.node.url in remedy) == ("problem", True, True)
        assert clinic.ask().code == 1

        here.kill()
        ran = clinic.ask("--fix")
        assert "mended" in ran.out
        until(lambda: running.read_notice(here.config.state_dir), "the gateway of server1 runs")
        assert clinic.findings("gateway") == []

    def test_another_version(self, clinic: Clinic) -> None:
        """A peer of another version, and one whose clock goes another way, is told of; neither is a problem."""
        port = add_peer(clinic)
        ahead = 2 * 3_600_000

        def beat() -> tuple[int, bytes]:
            at = time.time_ns() // 1_000_000 + ahead
            return 200, json.dumps({"node": "server2", "version": "9.9", "at": at}).encode()

        with answering(port, beat):
            state, what, remedy = clinic.one("peer server2")
            assert (state, "runs ClaudeMail 9.9" in what, "same version" in remedy) == ("note", True, True)
            state, what, remedy = clinic.one("clock")
            assert (state, "ahead of this node's" in what, "NTP" in remedy) == ("warning", True, True)
            assert clinic.ask().code == 0
            clinic.configure(checkup={"disk_low_mb": 1, "clock_skew_seconds": 2 * 3_600 + 60})
            assert clinic.findings("clock") == []

    @pytest.mark.parametrize(
        ("status", "body", "says"),
        [
            (200, b"<html>hello", "does not understand"),
            (404, b"<html>not found", "not a ClaudeMail gateway"),
            (403, b'{"error": "refused", "message": "No \\u001b[31mentry."}', "refused (403)"),
        ],
    )
    def test_another_program(self, clinic: Clinic, status: int, body: bytes, says: str) -> None:
        """What answers in the place of a peer and is none is a problem, whatever it says."""
        with answering(add_peer(clinic), lambda: (status, body)):
            state, what, remedy = clinic.one("peer server2")
            assert "\x1b" not in clinic.ask().out
        assert (state, says in what) == ("problem", True)
        assert remedy

    def test_no_key(self, with_peer: Clinic) -> None:
        """With a key that is none no peer can be asked, which is noted where they are; the problem is said of the key."""
        with_peer.key.write_bytes(b"x" * 31)
        assert with_peer.one("peers")[0] == "note"
        assert with_peer.one("key")[0] == "problem"
