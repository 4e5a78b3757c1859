"""The entry point: what is loaded, what help says, and what a user sees of errors."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from claudemail import __version__, errors
from claudemail.cli.failures import EXIT_CODES, NotYet, OutputLost, report
from claudemail.cli.group import COMMANDS, claudemail
from claudemail.errors import ClaudeMailError, StoreFull

HEAVY = ("mcp", "textual", "httpx", "starlette", "uvicorn", "cryptography", "yaml", "frontmatter")


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a new process has loaded after running `code`."""
    code += "\nimport sys; print('\\n' + ' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(out.splitlines()[-1].split())


class TestLoading:
    """What a process pays for."""

    def test_entry_point(self) -> None:
        """The entry point alone loads neither click nor pydantic: sessions start by it."""
        assert not loaded_after("import claudemail.__main__") & {"click", "pydantic", "asyncio", "sqlite3"}

    @pytest.mark.parametrize("command", ["check", "inbox", "status", "roster", "digest"])
    @pytest.mark.usefixtures("node")
    def test_commands(self, command: str) -> None:
        """Commands that only read load nothing of the mesh, the console, MCP, keys or YAML."""
        loaded = loaded_after(f"from claudemail.__main__ import run; assert run([{command!r}]) == 0")
        assert "pydantic" in loaded
        assert not loaded & set(HEAVY)

    def test_help(self) -> None:
        """Help loads no command's own needs."""
        assert not loaded_after("from claudemail.__main__ import run; run(['--help'])") & {
            "pydantic",
            "asyncio",
            *HEAVY,
        }


class TestHelp:
    """`--help`."""

    def test_all_commands(self, node: Any) -> None:
        """Every command is listed, and every exit code."""
        ran = node("--help")
        assert ran.code == 0
        for name, sentence in COMMANDS.items():
            assert f"{name} " in ran.out
            assert sentence in ran.out
        for code, meaning in EXIT_CODES:
            assert f"{code}  {meaning}" in ran.out

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_each(self, node: Any, name: str) -> None:
        """Each command's help has a sentence and an example."""
        ran = node(name, "--help")
        assert ran.code == 0
        assert "Examples:\n" in ran.out
        assert f"claudemail {name}" in ran.out.split("Examples:")[1] or name in ("console", "mcp")

    def test_cursor(self, node: Any) -> None:
        """The help for a cursor says where it comes from, and no range of numbers."""
        [line] = [line for line in node("inbox", "--help").out.splitlines() if "--before" in line]
        assert line.endswith("Go on where a list ended.")

    @pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
    def test_sentences(self, name: str) -> None:
        """What the list says of a command is what its own help begins with."""
        command = claudemail.get_command(click.Context(claudemail), name)
        assert command is not None
        assert command.help is not None
        assert command.help.split("\n\n")[0] == COMMANDS[name]

    def test_exit_codes(self) -> None:
        """Every error's exit code is documented."""
        known = {code for code, _ in EXIT_CODES}
        kinds: list[object] = [*vars(errors).values(), NotYet, OutputLost]
        codes = [kind.exit_code for kind in kinds if isinstance(kind, type) and issubclass(kind, ClaudeMailError)]
        assert len(codes) > 10
        assert set(codes) <= known

    def test_version(self, node: Any) -> None:
        """`--version` names the version."""
        assert node("--version").out == f"claudemail {__version__}\n"


class TestErrors:
    """What a user sees when something goes wrong."""

    def test_unknown_command(self, node: Any) -> None:
        """A command that does not exist is refused, with the way to the list."""
        ran = node("chekc")
        assert (ran.code, ran.out) == (2, "")
        assert "chekc" in ran.err
        assert "--help" in ran.err

    def test_gateway_argument(self, node: Any) -> None:
        """A word after `gateway` that it does not know is refused, with the way to those it knows."""
        ran = node("gateway", "stopp")
        assert (ran.code, ran.out) == (2, "")
        assert "stopp" in ran.err
        assert "claudemail gateway --help" in ran.err

    def test_config(self, node: Any) -> None:
        """A config with mistakes ends with code 4 and all of them."""
        Path(node.config.path).write_text('{"nodes": 5, "instances": 6}')
        ran = node("check")
        assert ran.code == 4
        assert "nodes" in ran.err
        assert "instances" in ran.err

    def test_store(self, node: Any) -> None:
        """A database that is none ends with code 5, and --json says it as JSON."""
        Path(node.config.db_path).write_bytes(b"no database " * 1000)
        assert node("check").code == 5
        ran = node("check", "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (5, "", "store_damaged")

    def test_process(self, node: Any) -> None:
        """The process exits with the same code, the reason on stderr, and no traceback."""
        ran = node.process("read", "zzzz")
        assert (ran.code, ran.out) == (3, "")
        assert ran.err.startswith("claudemail: There is no brief 'zzzz' on this node. ")
        assert "Traceback" not in ran.err

    def test_debug(self, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """With CLAUDEMAIL_DEBUG the traceback is there."""
        monkeypatch.setenv("CLAUDEMAIL_DEBUG", "1")
        assert "Traceback" in node("read", "zzzz").err

    @pytest.mark.parametrize(
        ("error", "code", "says"),
        [
            (ValueError("a \x1b[31m\nthing"), 70, "claudemail: ValueError: a [31m thing. This was not expected;"),
            (AssertionError(), 70, "claudemail: AssertionError. This was not expected;"),
            (StoreFull(), 5, "claudemail: The disk is full. Nothing was stored."),
            (KeyboardInterrupt(), 130, ""),
        ],
    )
    def test_report(self, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, says: str) -> None:
        """Any error is one line without control characters, and an exit code."""
        assert report(error, as_json=False) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(says)
        assert err.count("\n") == bool(says)

    def test_report_as_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        """As JSON it has code, message and remedy."""
        assert report(StoreFull("Full."), as_json=True) == 5
        error = json.loads(capsys.readouterr().out)["error"]
        assert error == {"code": "store_full", "message": "Full.", "remedy": StoreFull.remedy}


class TestTerminal:
    """Colour."""

    def output(self, node: Any, **environment: str) -> bytes:
        """Return what a command writes to a terminal."""
        ours, theirs = pty.openpty()
        env = {
            **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
            "TERM": "xterm",
            **environment,
        }
        with node.start("check", "--as", "alpha", stdout=theirs, env=env) as process:
            os.close(theirs)
            process.wait(timeout=30)
            process.stderr.close()
        out = os.read(ours, 4096)
        os.close(ours)
        return out

    def test_colour(self, node: Any) -> None:
        """A terminal gets colour; with NO_COLOR, or a dumb one, it does not."""
        node.send("alpha", "T", priority="urgent")
        assert b"\x1b[31m1 urgent\x1b[0m" in self.output(node)
        assert b"\x1b" not in self.output(node, NO_COLOR="1")
        assert b"\x1b" not in self.output(node, TERM="dumb")

    def test_other_encodings(self, node: Any) -> None:
        """A terminal whose encoding lacks a character is shown another instead."""
        node.send("operator", "Blocker — 移行")
        ran = node.process("inbox", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
        assert (ran.code, ran.err) == (0, "")
        assert "Blocker ? ??" in ran.out
