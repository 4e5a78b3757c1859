"""Which process loads what, and what the repository consists of."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("textual", "mcp", "httpx", "starlette", "uvicorn", "rich", "hypothesis", "pytest")
TOP_LEVEL = {
    ".ci", ".gitignore", "LICENSE", "README.md", "claudemail", "pyproject.toml", "screenshots", "tests", "themes", "tui",
}  # fmt: skip
CONFIG = {"nodes": [{"id": "solo", "ip": "127.0.0.1", "public_key": "ed25519:" + "A" * 43 + "="}], "db_path": "x.db"}


def loaded(statements: str, *options: str) -> set[str]:
    """Return the modules that a fresh interpreter has after these statements, beyond those it starts with."""
    script = f"import sys\nbefore = set(sys.modules)\n{statements}\nprint(*sorted(set(sys.modules) - before))"
    run = subprocess.run(
        [sys.executable, *options, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return set(run.stdout.split())


def packages(modules: set[str]) -> set[str]:
    """Return the top-level packages of modules."""
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "module", ["claudemail.office", "claudemail.cli", "claudemail.session", "claudemail.callsigns"]
)
def test_the_core_and_the_light_faces_load_nothing_heavy(module: str) -> None:
    """The office, the command line's base and the session process load neither console nor SDK nor HTTP."""
    modules = loaded(f"import {module}")
    assert module in modules
    assert not packages(modules) & set(HEAVY)


def test_the_gateway_loads_no_metrics_until_somebody_asks() -> None:
    """What puts metrics into words costs memory, and most gateways are never asked for them."""
    modules = loaded("import claudemail.daemon")
    assert "claudemail.watching" in modules
    assert not packages(modules) & {"prometheus_client", "textual"}


def test_the_gateway_loads_nothing_that_waits_for_a_session_or_a_terminal() -> None:
    """The MCP SDK is for sessions, and httpx's command line, with Rich and Pygments, for nobody here."""
    modules = loaded("import claudemail.daemon")
    assert "httpx" in modules
    assert not packages(modules) & {"mcp", "rich", "pygments"}


def test_the_session_process_is_standard_library_only() -> None:
    """`claudemail mcp` runs on Python alone: nothing that was installed, and none of the larger standard modules."""
    modules = loaded("import claudemail.session", "-S")
    assert packages(modules) - set(sys.stdlib_module_names) == {"claudemail"}
    assert not modules & {"asyncio", "dataclasses", "pathlib", "pydantic", "sqlite3", "subprocess", "typing", "inspect"}


def test_the_config_costs_next_to_nothing(tmp_path: Path) -> None:
    """Loading a config, in an interpreter without site packages, leaves the modules that cost memory alone."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    modules = loaded(f"from claudemail import config\nconfig.load({{{'CLAUDEMAIL_CONFIG'!r}: {str(path)!r}}})", "-S")
    assert "claudemail.config_check" in modules
    assert packages(modules) - set(sys.stdlib_module_names) == {"claudemail"}
    assert not modules & {"dataclasses", "pathlib", "typing", "inspect", "asyncio", "socket", "hashlib", "urllib"}


def test_starting_a_session_does_not_load_the_command_line() -> None:
    """The entry point has nothing of the command line in it until a command is run."""
    modules = loaded("import claudemail.__main__")
    assert packages(modules) - set(sys.stdlib_module_names) == {"claudemail"}
    assert "claudemail.cli" not in modules


def test_the_repository_has_these_entries_and_no_others() -> None:
    """The top level holds what it should, and what git ignores."""
    entries = {path.name for path in ROOT.iterdir() if not _ignored(path.name)} - {".git"}
    if (ROOT / ".git").exists():
        assert entries == TOP_LEVEL
    else:
        assert entries <= TOP_LEVEL | {"PKG-INFO"}  # an unpacked source distribution has less


def test_packages_at_the_top_are_reached_by_links() -> None:
    """`claudemail/tui` and `claudemail/themes` are relative links in a checkout, so that neither is a bare package."""
    if (ROOT / ".git").exists():
        assert [os.readlink(ROOT / "claudemail" / name) for name in ("tui", "themes")] == ["../tui", "../themes"]


def test_files_name_no_machine_and_no_registry() -> None:
    """No file of the repository has the path of somebody's machine or the host of a package registry in it."""
    private = re.compile(
        rb"/(?:root|work|Users/\w+|home/(?!you\b|me\b)\w+)/|(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com))\b"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in _files(ROOT)
        if path != Path(__file__) and (match := private.search(path.read_bytes()))
    ]
    assert found == []


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or _ignored(path.name) or path.name == ".git":
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _ignored(name: str) -> bool:
    patterns = (ROOT / ".gitignore").read_text().split()
    return any(fnmatch.fnmatch(name, pattern.rstrip("/")) for pattern in patterns)
