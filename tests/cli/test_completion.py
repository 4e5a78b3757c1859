"""What commands offer before they run: completion in the shell, examples in their help, and colour only where it is seen."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import BashComplete

from claudemail.cli.group import COMMANDS, claudemail

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe \U000e0041tag\nsecond"
PROGRAM = Path(sys.executable).with_name("claudemail")
VARIABLE = "_CLAUDEMAIL_COMPLETE"


def offered(line: str) -> list[str]:
    """Return what is offered for the word that a command line ends with."""
    *arguments, incomplete = line.split(" ")
    found = BashComplete(claudemail, {}, "claudemail", VARIABLE).get_completions(arguments[1:], incomplete)
    return [item.value for item in found]


def asked_by_the_shell(line: str, shell: str = "bash", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program as a shell does to complete a command line."""
    *before, last = line.split(" ")
    place = last if shell == "fish" else str(len(before))
    asked = {VARIABLE: f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": place}
    return subprocess.run(
        [PROGRAM], env={**os.environ, **environment, **asked}, capture_output=True, text=True, check=False, timeout=30
    )


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command and subcommand with its name, as `action create`."""
    for name in COMMANDS:
        command = claudemail.get_command(click.Context(claudemail), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for verb, below in command.commands.items():
                yield f"{name} {verb}", below


ALL = dict(all_commands())


class TestOffers:
    """What is offered."""

    def test_commands(self) -> None:
        """All commands are offered, and of those that begin as what was typed, these."""
        assert set(offered("claudemail ")) == set(COMMANDS)
        assert set(offered("claudemail ac")) == {"action", "actions"}
        assert offered("claudemail nothing") == []

    def test_subcommands(self) -> None:
        """The commands of a group are offered."""
        assert set(offered("claudemail action ")) == {
            "block",
            "create",
            "done",
            "drop",
            "list",
            "show",
            "start",
            "update",
        }
        assert set(offered("claudemail rebuild ")) == {"files", "database"}

    def test_options_and_choices(self) -> None:
        """Options are offered, and what they can be given."""
        assert {"--as", "--json", "--limit"} <= set(offered("claudemail thread --"))
        assert offered("claudemail action update 1 --priority u") == ["urgent"]
        assert offered("claudemail completion z") == ["zsh"]

    @pytest.mark.parametrize(
        "line",
        [
            "claudemail star ",
            "claudemail thread ",
            "claudemail waiting --for ",
            "claudemail action create x --brief ",
            "claudemail read ",
            "claudemail send --reply-to ",
            "claudemail search --thread ",
        ],
    )
    def test_briefs(self, node: Any, line: str) -> None:
        """Where a brief is asked for, the refs of the newest are offered, or those that begin as what was typed."""
        refs = [node.send("alpha", f"Brief {number}") for number in range(3)]
        assert offered(line) == refs[::-1]
        assert offered(f"{line}{refs[0][:2]}") == [ref for ref in refs[::-1] if ref.startswith(refs[0][:2])]

    @pytest.mark.parametrize("verb", ["done", "start", "block", "drop", "update", "show"])
    def test_actions(self, node: Any, verb: str) -> None:
        """Where an action is asked for, the refs of the open ones are offered, the most pressing first."""
        for text, priority in (("Later", "low"), ("Now", "urgent"), ("Done", "high")):
            node("action", "create", text, "--priority", priority)
        node("action", "done", "3")
        status = "all" if verb in ("update", "show") else "open"
        refs = [row["ref"] for row in node("action", "list", "--status", status, "--json").json["rows"]]
        assert offered(f"claudemail action {verb} ") == refs
        assert len(refs) == (3 if status == "all" else 2)

    @pytest.mark.parametrize(
        "line",
        [
            "claudemail search --from ",
            "claudemail action create x --assignee ",
            "claudemail action list --asker ",
            "claudemail send --to ",
        ],
    )
    @pytest.mark.usefixtures("node")
    def test_names(self, line: str) -> None:
        """Where a name of the fleet is asked for, those are offered, or those that begin as what was typed."""
        assert {"alpha", "bravo", "charlie", "instance1", "instance2"} <= set(offered(line))
        assert offered(f"{line}ch") == ["charlie"]

    @pytest.mark.usefixtures("node")
    def test_own_names(self) -> None:
        """For --as the names of this node are offered, and none of another's."""
        assert {"alpha", "bravo", "instance1"} <= set(offered("claudemail inbox --as "))
        assert offered("claudemail inbox --as ch") == []

    def test_assignees(self, node: Any) -> None:
        """Whatever is offered for an assignee can be one."""
        for name in offered("claudemail action create x --assignee "):
            assert node("action", "create", "x", "--assignee", name).code == 0, name

    def test_nothing_is_marked(self, node: Any) -> None:
        """Completing marks nothing read."""
        node.send("alpha", "Hello")
        assert offered("claudemail thread --as alpha ") != []
        assert node.unread("alpha") == 1


@pytest.mark.skipif(not PROGRAM.exists(), reason="the program is not installed beside this Python")
class TestShells:
    """Completion as shells ask for it."""

    def test_bash(self, node: Any) -> None:
        """The installed program answers what bash asks: refs, names and commands."""
        ref = node.send("alpha", "Deploy blocker")
        for line, item in (
            ("claudemail star ", ref),
            ("claudemail search --from ", "charlie"),
            ("claudemail check", "checkup"),
        ):
            done = asked_by_the_shell(line)
            assert (done.returncode, done.stderr) == (0, "")
            assert f"plain,{item}" in done.stdout.splitlines()

    def test_zsh_and_fish(self, node: Any) -> None:
        """Both zsh and fish are told the titles too, on one line and without what would act on a terminal."""
        ref = node.send("alpha", HOSTILE)
        for shell in ("zsh", "fish"):
            done = asked_by_the_shell("claudemail star ", shell)
            assert (done.returncode, done.stderr) == (0, "")
            assert ref in done.stdout
            assert "gnp.exe" in done.stdout
            assert not [
                char for char in done.stdout if (ord(char) < 32 and char not in "\n\t") or 0x7F <= ord(char) < 0xA0
            ]
            assert "\u202e" not in done.stdout
            assert len(done.stdout.splitlines()) == (3 if shell == "zsh" else 1)

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_script(self, node: Any, shell: str) -> None:
        """`completion` prints a script that asks the program, for each shell."""
        ran = node("completion", shell)
        assert ran.code == 0
        assert f"{VARIABLE}={shell}_complete" in ran.out
        assert ran.out.isascii()

    @pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
    def test_script_in_bash(self, node: Any, tmp_path: Path) -> None:
        """What bash is told by the script completes the refs of briefs."""
        ref = node.send("alpha", "Deploy blocker")
        script = tmp_path / "completion.sh"
        script.write_text(node("completion", "bash").out)
        line = (
            f'. {script}; COMP_WORDS=(claudemail star ""); COMP_CWORD=2; _claudemail_completion claudemail;'
            ' printf "%s\\n" "${COMPREPLY[@]}"'
        )
        path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.stdout, done.stderr) == (f"{ref}\n", "")

    @pytest.mark.parametrize("line", ["claudemail star ", "claudemail action done ", "claudemail inbox --as "])
    def test_a_broken_config(self, node: Any, line: str) -> None:
        """With a config that is none, nothing is offered, and no error is printed."""
        Path(node.config.path).write_text('{"nodes": 5}')
        done = asked_by_the_shell(line)
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")

    def test_a_broken_database(self, node: Any) -> None:
        """With a database that is none, nothing is offered, and no error is printed."""
        Path(node.config.db_path).write_bytes(b"no database " * 1000)
        done = asked_by_the_shell("claudemail star ")
        assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")

    @pytest.mark.parametrize(
        ("arguments", "says"), [(["csh"], ["'csh'", "bash", "zsh", "fish"]), (["bash", "x"], ["x"])]
    )
    def test_mistakes(self, node: Any, arguments: list[str], says: list[str]) -> None:
        """A shell that is not known is refused with those that are."""
        ran = node("completion", *arguments)
        assert (ran.code, ran.out) == (2, "")
        for words in says:
            assert words in ran.err


def examples_of(command: click.Command) -> list[str]:
    """Return the example lines in a command's help."""
    _, _, lines = (command.epilog or "").partition("Examples:\n")
    return [line.strip() for line in lines.split("\n\n")[0].splitlines()]


def calls_in(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of claudemail in a line for the shell."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split = True
    call: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("|&;<>"):
            if call[:2] == ["claude", "mcp"]:
                call = call[call.index("--") + 1 :]
            if call[:1] == ["claudemail"]:
                yield call[1:]
            call = []
        else:
            call.append(word)


def parse(arguments: list[str]) -> list[str]:
    """Parse the arguments of claudemail and of the commands below it; return the names of those."""
    context = claudemail.make_context("claudemail", list(arguments))
    names: list[str] = []
    while isinstance(context.command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            break
        name, command, rest = context.command.resolve_command(context, rest)
        assert name is not None
        assert command is not None
        names.append(name)
        context = command.make_context(name, rest, parent=context)
    return names


class TestHelp:
    """`--help`, of every command and of those of groups."""

    @pytest.mark.parametrize("name", ALL)
    def test_sentence(self, name: str) -> None:
        """Help begins with a sentence, and what it says does not come twice."""
        [sentence, *rest] = (ALL[name].help or "").split("\n\n")
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence not in rest

    @pytest.mark.parametrize("name", ALL)
    def test_runs(self, node: Any, name: str) -> None:
        """Help is shown for -h and --help, with the sentence and the examples, and no line is wider than a terminal."""
        ran = node(*name.split(), "--help")
        assert ran.code == 0
        assert ran.out == node(*name.split(), "-h").out
        assert ran.out.startswith(f"Usage: claudemail {name} ")
        for line in examples_of(ALL[name]):
            assert f"    {line}\n" in ran.out
        assert max(len(line) for line in ran.out.splitlines() if line[:4] != "    ") <= 100

    @pytest.mark.parametrize("name", ALL)
    def test_examples(self, name: str) -> None:
        """There is an example of every command, and each one has the arguments and options that there are."""
        found = [call for line in examples_of(ALL[name]) for call in calls_in(line)]
        assert found
        parsed = [" ".join(parse(call)) for call in found]
        assert all(one == name or one.startswith(f"{name} ") or (name == "console" and not one) for one in parsed)

    def test_examples_at_the_top(self) -> None:
        """The examples in the help of claudemail itself have the arguments and options that there are."""
        found = [parse(call) for line in examples_of(claudemail) for call in calls_in(line)]
        assert found[0] == []
        assert all(found[1:])

    def test_a_wrong_example_is_seen(self) -> None:
        """An example with an option that there is not, or without an argument, would not parse."""
        for line in (
            "claudemail star",
            "claudemail action done 5 --notes x",
            "claudemail action finish 5",
            "claudemail x",
        ):
            [call] = calls_in(line)
            with pytest.raises(click.UsageError):
                parse(call)


class TestTerminal:
    """Colour."""

    def output(self, node: Any, *arguments: str, **environment: str) -> bytes:
        """Return what a command writes to a terminal."""
        ours, theirs = pty.openpty()
        env = {
            **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
            "TERM": "xterm",
            **environment,
        }
        with node.start(*arguments, stdout=theirs, env=env) as process:
            os.close(theirs)
            process.wait(timeout=30)
            process.stderr.close()
        out = os.read(ours, 4096)
        os.close(ours)
        return out

    def test_colour(self, node: Any) -> None:
        """A terminal gets colour; with NO_COLOR, or a dumb one, it does not."""
        node("action", "create", "Rotate the keys", "--priority", "urgent")
        assert b"\x1b[31murgent\x1b[0m" in self.output(node, "action", "list")
        assert b"\x1b" not in self.output(node, "action", "list", NO_COLOR="1")
        assert b"\x1b" not in self.output(node, "action", "list", TERM="dumb")

    def test_no_colour_elsewhere(self, node: Any) -> None:
        """What goes into a file or another program has no colour."""
        node.send("operator", "Hello", actions=["Do it"])
        for arguments in (["actions"], ["action", "list"], ["action", "show", "1"], ["search", "hello"], ["thread", "1"],
                          ["star", "1"], ["waiting", "--as", "bravo"], ["clean"], ["checkup"], ["doctor"]):  # fmt: skip
            assert "\x1b" not in node(*arguments).out
