"""What Claude Code's settings say of ClaudeMail: its MCP server, hooks and status line, and whether what they run is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from claudemail.claude_code.hook import LOG
from claudemail.config import Config
from claudemail.doctor.finding import Examined, ok, problem, warning
from claudemail.text import scrub_line

_WORD = "claudemail"
_LATELY_S = 7 * 86_400
_HOW = "Run `claudemail setup`, or install the plugin."
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
_SHELL = re.compile(r"[$`;&|<>(){}*?\n]")
"""What only a shell can tell the meaning of."""


def settings(config: Config) -> Iterator[Examined]:
    """Look at the user's settings, and at those of the folder that the doctor was called in; and whether hooks went wrong."""
    home = Path(os.path.expanduser("~"))
    files = [
        home / ".claude.json",
        home / ".claude" / "settings.json",
        Path(".mcp.json"),
        Path(".claude", "settings.json"),
    ]
    found: list[tuple[Path, Any]] = []
    for path in files:
        if not path.exists():
            continue
        try:
            found.append((path, json.loads(path.read_text("utf-8"))))
        except (OSError, ValueError, RecursionError) as error:
            yield warning("claude code", f"{path} cannot be read: {error}", "Mend it: Claude Code reads it, too.")
    servers = [(where, server) for path, data in found for where, server in _servers(path, data)]
    plugin = any(_has_plugin(data) for _, data in found)
    if plugin:
        yield ok("claude code", "the plugin is installed")
    if not servers and not plugin:
        yield warning("claude code", "no MCP server `claudemail` is set up for this user or folder", _HOW)
    for where, server in servers:
        yield _program("claude code", f"the MCP server in {where}", str(server.get("command", "")))
    for path, data in found:
        for line in dict.fromkeys(_commands(data)):
            yield from _line(f"a hook or status line in {path}", line)
    yield from _hooks_log(Path(config.state_dir, LOG))


def _hooks_log(path: Path) -> Iterator[Examined]:
    """Say what went wrong with a hook lately: it never tells the session."""
    try:
        if time.time() - path.stat().st_mtime > _LATELY_S:
            return
        last = path.read_text("utf-8", "replace").splitlines()[-1]
    except (OSError, IndexError):
        return
    yield warning("hooks", f"the last hook that went wrong: {scrub_line(last)}", f"All of them are in {path}.")


def _has_plugin(data: object) -> bool:
    return any(
        name.partition("@")[0] == _WORD and enabled is True for name, enabled in _members(data, "enabledPlugins")
    )


def _servers(path: Path, data: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where a server of ours is set up, and how: for everywhere, or for a project."""
    places = [(str(path), data), *((f"{path} for {name}", project) for name, project in _members(data, "projects"))]
    for where, place in places:
        for name, server in _members(place, "mcpServers"):
            if name == _WORD and isinstance(server, dict):
                yield where, server


def _members(data: object, key: str) -> list[tuple[str, Any]]:
    members = data.get(key) if isinstance(data, dict) else None
    return list(members.items()) if isinstance(members, dict) else []


def _commands(data: object) -> Iterator[str]:
    """Yield the command lines of hooks and the status line that have to do with ClaudeMail."""
    places: list[object] = [data.get("statusLine")] if isinstance(data, dict) else []
    for _, entries in _members(data, "hooks"):
        for entry in entries if isinstance(entries, list) else ():
            hooks = entry.get("hooks") if isinstance(entry, dict) else None
            places += hooks if isinstance(hooks, list) else []
    for place in places:
        line = place.get("command") if isinstance(place, dict) else None
        if isinstance(line, str) and _WORD in line:
            yield line


def _line(what: str, line: str) -> Iterator[Examined]:
    """Say whether the program of a command line is there, as far as that can be told without running a shell."""
    try:
        words = [word for word in shlex.split(line) if not _ASSIGNMENT.fullmatch(word)]
    except ValueError:
        yield problem("hooks", f"{what} is no command line: {line!r}", "Correct its quotes.")
        return
    if words and not _SHELL.search(line):
        yield _program("hooks", what, words[0])


def _program(name: str, what: str, program: str) -> Examined:
    if shutil.which(os.path.expanduser(program)):
        return ok(name, f"{what} runs {program}")
    return problem(
        name, f"{what} runs {program!r}, which is not there", "Correct its path, or install ClaudeMail there."
    )
