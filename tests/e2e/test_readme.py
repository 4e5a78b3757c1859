"""What the README says works, word for word."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from claudemail import config as configuration
from claudemail.cli.failures import EXIT_CODES
from claudemail.model.document import parse
from claudemail.testing import Fleet, until
from claudemail.tools.server import TOOLS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(heading: str) -> str:
    """Return the commands of the README's shell block that begins with the comment `# heading`."""
    found = re.search(rf"```sh\n# {heading}\n(.*?)```", README, re.DOTALL)
    assert found, heading
    return found[1].strip()


def fenced(language: str) -> list[str]:
    """Return the README's blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def shell(fleet: Fleet, tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a line in a shell on server1, where this very `claudemail` is on the PATH."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "brief.md").write_text(fenced("markdown")[0])
    tools = str(Path(sys.executable).parent)
    environment = {**fleet["server1"].environment, "PATH": f"{tools}:{os.environ['PATH']}"}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line], cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_every_command_line_of_the_readme_works(
    fleet: Fleet, shell: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    """Each line of the command-line section, in its order, ends well and prints something."""
    fleet.start()
    lines = block("cli").splitlines()
    assert len(lines) >= 10
    for line in lines:
        done = shell(line)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        assert done.stdout.strip(), line


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A terminal of 130x40 in tmux, in a folder of its own: call it with tmux's words, or with none for what it shows."""
    tmux = shutil.which("tmux")
    assert tmux, "tmux is needed to see the console"
    prefix = [tmux, "-u", "-f", "/dev/null", "-S", str(tmp_path / "tmux")]
    # Without the size of the tester's own terminal, which readline puts there.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}

    def call(*words: str) -> str:
        done = subprocess.run(
            [*prefix, *(words or ("capture-pane", "-p"))], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    yield call
    call("kill-server")


@pytest.mark.fresh
def test_the_first_command_ends_in_a_console_on_a_working_fleet(tmp_path: Path, screen: Callable[..., str]) -> None:
    """Pasted in a clone, on a machine that has only Python, it installs, and shows three nodes that exchange mail."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    folder = tmp_path / "t"
    folder.mkdir()
    screen("new-session", "-d", "-x", "130", "-y", "40", "-c", str(clone), "-e", f"TMPDIR={folder}", "bash")
    screen("send-keys", "-l", block("demo"))
    screen("send-keys", "Enter")
    until(lambda: "3 live" in screen(), "three live nodes on the screen", 240)
    until(lambda: "Deploy blocker" in screen(), "mail from another node on the screen")
    screen("send-keys", "q")
    until(lambda: not list(folder.glob("claudemail-demo-*")), "nothing is left behind")


@pytest.mark.parametrize("end", ["by its key", "by force"])
def test_the_demo_shows_three_nodes_that_exchange_mail(tmp_path: Path, screen: Callable[..., str], end: str) -> None:
    """`claudemail demo` opens the console on three live nodes with mail from each other, and leaves nothing behind."""
    command = Path(sys.executable).with_name("claudemail")
    folder = tmp_path / "t"
    folder.mkdir()
    screen("new-session", "-d", "-x", "130", "-y", "40", "-e", f"TMPDIR={folder}", f"{command} demo")
    until(lambda: "3 live" in screen(), "three live nodes on the screen", 60)
    until(lambda: "Deploy blocker" in screen() and "Staging is green again" in screen(), "mail from other nodes")
    assert list(folder.glob("claudemail-demo-*"))
    if end == "by force":
        (pid,) = screen("list-panes", "-F", "#{pane_pid}").split()
        os.kill(int(pid), signal.SIGKILL)
    else:
        screen("send-keys", "q")
    until(lambda: not list(folder.glob("claudemail-demo-*")), "nothing is left behind")


def test_the_configurations_of_the_readme_load(tmp_path: Path) -> None:
    """The fleet's example is a valid configuration once its keys are filled in; the other JSON is JSON."""
    blocks = fenced("json")
    for text in blocks:
        assert json.loads(text)
    example = next(text for text in blocks if "gateway_port" in text)
    key = "ed25519:" + "A" * 43 + "="
    environment = {configuration.NODE_ENV: "server2"}
    config = configuration.parse(example.replace("ed25519:…", key), str(tmp_path / "config.json"), environment)
    assert [peer.id for peer in config.peers] == ["server1"]
    assert not config.allow_unsigned


def test_the_brief_of_the_readme_is_one() -> None:
    """The example of a brief as a file is understood."""
    assert parse(fenced("markdown")[0])


def test_the_readme_names_every_tool_and_every_exit_code() -> None:
    """The table of tools is the server's own list; the exit codes are those of the command line, all of them."""
    assert re.findall(r"^\| `(claudemail_\w+)`", README, re.MULTILINE) == [tool.name for tool in TOOLS]
    said = re.search(r"Exit codes: (.*?)\. `claudemail COMMAND", README, re.DOTALL)
    assert said
    assert [int(one.split()[0]) for one in said[1].split(", ")] == [code for code, _ in EXIT_CODES]
