"""`claudemail gateway` and what is below it: running gateways as processes, and service managers that are played."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from claudemail import config as configuration
from claudemail import running
from claudemail.cli import log_lines
from claudemail.config import Config
from claudemail.errors import ServiceUnavailable
from claudemail.service.definition import Definition
from claudemail.service.launchd import Launchd
from claudemail.service.systemd import Systemd
from claudemail.testing import Fleet, Member, until

Run = Callable[..., subprocess.CompletedProcess[str]]

STAND_IN = """#!/bin/sh
printf '%s\\n' "$(basename "$0") $*" >> "$CALLS"
case "$*" in *"$FAIL_ON"*) [ -n "$FAIL_ON" ] && { echo "no such luck" >&2; exit 1; };; esac
case "$*" in
  "--user start "*|"--user restart "*) exec "$PYTHON" -P -m claudemail gateway --on-demand > /dev/null 2>&1 < /dev/null & ;;
  *Linger*) echo "$LINGER" ;;
esac
exit 0
"""
"""Plays a service manager: writes down what it was asked, fails where it is told to, and starts what it should."""


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Member]:
    """A node without peers, in a folder with a space and a per cent sign in its name."""
    with Fleet(tmp_path / "a 100% folder", {"solo": {"main": ["alpha"]}}) as fleet:
        yield fleet["solo"]


class Service:
    """A node where a service manager is played."""

    def __init__(self, member: Member, folder: Path) -> None:
        self.member = member
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.calls_file = folder / "calls"
        self.extra: dict[str, str] = {}
        for name in ("systemctl", "loginctl", "launchctl"):
            tool = self.tools / name
            tool.write_text(STAND_IN)
            tool.chmod(0o755)

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `claudemail gateway` with these words."""
        environment = {
            **self.member.environment,
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "CALLS": str(self.calls_file),
            "PYTHON": sys.executable,
            "FAIL_ON": "",
            "LINGER": "no",
            **self.extra,
        }
        environment.pop("XDG_CONFIG_HOME", None)
        return subprocess.run(
            running.own_command("gateway", *words),
            env=environment, capture_output=True, text=True, timeout=60, check=False, **options,
        )  # fmt: skip

    def calls(self) -> list[str]:
        """Return what the service manager was asked since the last look."""
        found = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return found

    @property
    def unit(self) -> Path:
        """The unit's file."""
        return self.member.folder / ".config" / "systemd" / "user" / "claudemail-solo.service"


@pytest.fixture
def gateway(member: Member, tmp_path: Path) -> Service:
    """A function that runs `claudemail gateway` with some words on a node where systemd is played."""
    return Service(member, tmp_path)


class TestStartAndStop:
    """`start`, `stop`, `restart` and `status`."""

    def test_from_start_to_stop(self, gateway: Service, member: Member) -> None:
        """It is started once however often it is asked for, says how it is, is replaced, and is gone when `stop` returns."""
        assert gateway("status").returncode == 6
        first = gateway("start")
        assert first.returncode == 0, first.stderr
        notice = running.read_notice(member.config.state_dir)
        assert notice is not None
        assert f"PID {notice.pid}" in first.stdout
        again = gateway("start")
        assert (again.returncode, again.stdout) == (0, f"It runs already: the gateway of solo (PID {notice.pid}).\n")
        state = gateway("status", "--json")
        found = json.loads(state.stdout)
        assert state.returncode == 0
        assert (found["pid"], found["mode"], found["running"], found["answers"]) == (
            notice.pid,
            "on-demand",
            True,
            True,
        )
        assert (found["sessions"], found["service"]) == (0, None)
        assert found["log"] == str(member.folder / "gateway.log")
        restarted = gateway("restart")
        assert restarted.returncode == 0
        second = running.read_notice(member.config.state_dir)
        assert second is not None
        assert second.pid != notice.pid
        assert f"PID {second.pid}" in gateway("status").stdout
        stopped = gateway("stop")
        assert (stopped.returncode, stopped.stdout) == (0, f"Stopped the gateway of solo (PID {second.pid}).\n")
        assert not running.is_held(member.config.state_dir)
        nothing = gateway("stop")
        assert (nothing.returncode, nothing.stdout) == (0, "No gateway of solo runs.\n")
        assert gateway("status").returncode == 6
        assert gateway.calls() == []

    def test_the_foreground_is_stopped_as_well(self, gateway: Service, member: Member) -> None:
        """One that a person runs in a terminal ends well when `stop` is asked for elsewhere."""
        member.start()
        assert member.gateway is not None
        assert json.loads(gateway("status", "--json").stdout)["mode"] == "run"
        assert gateway("stop").returncode == 0
        assert member.gateway.wait(timeout=20) == 0
        member.gateway = None

    def test_one_that_does_not_end(self, gateway: Service, member: Member) -> None:
        """One that is stuck is said to be, with what helps."""
        member.start()
        assert member.gateway is not None
        member.gateway.send_signal(signal.SIGSTOP)
        stuck = gateway("stop", "--timeout", "0.2")
        assert stuck.returncode == 6
        assert f"kill -9 {member.gateway.pid}" in stuck.stderr

    def test_one_that_does_not_start(self, gateway: Service, member: Member) -> None:
        """A failed start ends with what the log says, in words."""
        Path(member.config.db_path).write_text("no database")
        failed = gateway("start")
        assert failed.returncode == 6
        assert "does not start" in failed.stderr
        assert "cannot go on" in failed.stderr
        assert "claudemail.db" in failed.stderr
        assert "Traceback" not in failed.stderr

    def test_a_restore_is_no_gateway(self, gateway: Service, member: Member) -> None:
        """While a restore keeps gateways down, `stop` leaves it alone, and `status` does not call it one."""
        lock = running.take_lock(member.config.state_dir, running.FOREGROUND)
        assert lock is not None
        running.write_notice(member.config.state_dir, running.Notice(os.getpid(), running.KEPT_DOWN, None, None))
        assert gateway("status").returncode == 6
        refused = gateway("stop")
        assert refused.returncode == 6
        assert "restore" in refused.stderr
        os.close(lock)

    @pytest.mark.parametrize("words", [("--on-demand",), ("run", "--on-demand")])
    def test_how_others_start_it(self, gateway: Service, member: Member, words: tuple[str, ...]) -> None:
        """Where one runs, those that are started on demand end quietly and well."""
        member.start()
        ran = gateway(*words)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


class TestLogs:
    """`logs`."""

    def test_last_lines(self, gateway: Service, member: Member) -> None:
        """It shows the last lines in words, or as they are; what is no entry as well, and nothing that a terminal obeys."""
        assert "nothing in" in gateway("logs").stdout
        gateway("start")
        gateway("stop")
        path = member.folder / running.LOG
        with path.open("a") as file:
            file.write("Fatal Python error: \x1b[31mred\n")
        shown = gateway("logs", "-n", "2").stdout.splitlines()
        assert shown[0].endswith("info     stopped")
        assert shown[1] == "Fatal Python error: [31mred"
        raw = gateway("logs", "--raw").stdout.splitlines()
        assert [json.loads(line)["event"] for line in raw[:-1]] == ["started", "stopping", "stopped"]

    def test_earlier_files(self, tmp_path: Path) -> None:
        """Lines that are in earlier files by now are shown as well, in their order."""
        path = tmp_path / "gateway.log"
        Path(f"{path}.2").write_text("1\n2\n")
        Path(f"{path}.1").write_text("3\n4\n")
        path.write_text("5\n6\n")
        assert log_lines.last(path, 3) == ["4", "5", "6"]
        assert log_lines.last(path, 100) == ["1", "2", "3", "4", "5", "6"]
        path.write_text("x" * 200_000 + "\nlast\n")
        assert log_lines.last(path, 1) == ["last"]

    def test_follow(self, tmp_path: Path) -> None:
        """Lines that come are shown, in whatever pieces they are written, also after the log has begun anew."""
        path = tmp_path / "gateway.log"
        path.write_text("before\n")
        lines = cast("Generator[str]", log_lines.follow(path))
        with path.open("a") as file:

            def write(text: str) -> None:
                file.write(text)
                file.flush()

            # The first look is at the end of the file, so it must have been taken before anything is written.
            found: list[str] = []
            thread = threading.Thread(target=lambda: found.extend(islice(lines, 4)), daemon=True)
            thread.start()
            until(lambda: _is_open(path), "the log is being read")
            write("one\ntw")
            write("o\nthree\n")
            path.rename(f"{path}.1")
            path.write_text("four\n")
            thread.join(timeout=20)
        lines.close()
        assert found == ["one", "two", "three", "four"]

    def test_rotation_of_a_running_gateway(self, gateway: Service, member: Member) -> None:
        """A gateway that was started on demand begins its log anew by its size, and what it prints goes to the new one."""
        path = member.folder / running.LOG
        filler = json.dumps({"ts": "", "level": "info", "event": "filler", "message": "x" * 1000}) + "\n"
        most = 5 * 1024 * 1024
        path.write_text((filler * (most // len(filler) + 1))[len(filler) - most % len(filler) + 50 :])
        assert gateway("start").returncode == 0
        until(lambda: Path(f"{path}.1").exists() and path.exists(), "the log has begun anew")
        until(lambda: "serves solo" in path.read_text(), "the new one is written to")
        assert path.stat().st_size < 10_000
        notice = running.read_notice(member.config.state_dir)
        if sys.platform == "linux":
            assert notice is not None
            assert os.readlink(f"/proc/{notice.pid}/fd/2") == str(path)
        gateway("stop")
        assert [json.loads(line)["event"] for line in path.read_text().splitlines()][-1] == "stopped"

    def test_in_a_terminal(self, member: Member) -> None:
        """In a terminal the gateway prints lines for people, in colour; the file has JSON all the same."""
        script = shutil.which("script")
        if script is None or sys.platform != "linux":
            pytest.skip("there is no script(1) of util-linux here")
        line = " ".join(f"'{word}'" for word in running.own_command("gateway"))
        environment = {**member.environment, "TERM": "xterm"}
        environment.pop("NO_COLOR", None)
        with subprocess.Popen(
            [script, "-qec", line, "/dev/null"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            member.wait_ready()
            member.kill(signal.SIGTERM)
            out, _ = process.communicate(timeout=30)
        assert b"ClaudeMail" in out
        assert b"\x1b[2m" in out
        assert b'{"ts"' not in out
        entries = [json.loads(text) for text in (member.folder / running.LOG).read_text().splitlines()]
        assert [entry["event"] for entry in entries] == ["started", "stopping", "stopped"]


def _is_open(path: Path) -> bool:
    """Whether this process has a file open."""
    if not os.path.isdir("/proc/self/fd"):
        return True
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return links.count(str(path)) > 1


@pytest.mark.skipif(sys.platform == "darwin", reason="here the service manager is launchd")
class TestInstall:
    """`install` and `uninstall`, with systemd played."""

    def test_from_install_to_uninstall(self, gateway: Service) -> None:
        """The unit is written, enabled and started; start, stop and restart go by it; it is removed without a trace."""
        done = gateway("install")
        assert done.returncode == 0, done.stderr
        assert "loginctl enable-linger" in done.stdout
        unit = "claudemail-solo.service"
        assert gateway.calls() == [
            "systemctl --user show-environment",
            "systemctl --user daemon-reload",
            f"systemctl --user enable {unit}",
            f"systemctl --user restart {unit}",
            f"loginctl show-user {os.getuid()} --property=Linger --value",
        ]
        assert gateway.unit.stat().st_mode & 0o077 == 0
        assert json.loads(gateway("status", "--json").stdout)["service"] == "claudemail-solo"
        for word in ("stop", "start", "restart"):
            assert gateway(word).returncode == 0
            assert gateway.calls() == [f"systemctl --user {word} {unit}"]
        assert gateway("uninstall").returncode == 0
        assert gateway.calls() == [f"systemctl --user disable --now {unit}", "systemctl --user daemon-reload"]
        assert not gateway.unit.exists()
        assert "No service" in gateway("uninstall").stdout
        assert gateway.calls() == []
        gateway("stop")

    def test_one_in_the_foreground_is_not_fought_with(self, gateway: Service, member: Member) -> None:
        """What a person runs in a terminal is not replaced by an install or a start; a restart replaces it."""
        member.start()
        refused = gateway("install")
        assert refused.returncode == 6
        assert "claudemail gateway stop" in refused.stderr
        gateway.unit.parent.mkdir(parents=True)
        gateway.unit.write_text(f"X-ClaudeMail-Folder={member.folder}\n")
        gateway.calls()
        assert "runs already" in gateway("start").stdout
        assert gateway.calls() == []
        assert gateway("restart").returncode == 0
        assert gateway.calls() == [f"systemctl --user {word} claudemail-solo.service" for word in ("stop", "restart")]
        assert member.gateway is not None
        assert member.gateway.wait(timeout=20) == 0
        member.gateway = None

    def test_no_hint_where_it_lingers(self, gateway: Service) -> None:
        """Who has enabled lingering is not told to."""
        gateway.extra["LINGER"] = "yes"
        assert "enable-linger" not in gateway("install").stdout

    def test_print(self, gateway: Service) -> None:
        """`--print` prints the unit, and does nothing."""
        ran = gateway("install", "--print")
        assert ran.returncode == 0
        assert "Type=notify" in ran.stdout
        assert gateway.calls() == []
        assert not gateway.unit.exists()

    def test_without_a_manager(self, gateway: Service) -> None:
        """Where no systemd answers, nothing is written; the unit is shown, with what to do."""
        gateway.extra["FAIL_ON"] = "show-environment"
        ran = gateway("install")
        assert ran.returncode == 6
        assert "Type=notify" in ran.stdout
        assert "no such luck" in ran.stderr
        assert "enable-linger" in ran.stderr
        assert not gateway.unit.exists()
        gateway.extra["PATH"] = str(gateway.tools.parent)
        assert "There is no systemctl here" in gateway("install").stderr

    def test_a_unit_that_does_not_start(self, gateway: Service) -> None:
        """What systemd says of a failure is passed on."""
        gateway.extra["FAIL_ON"] = "restart"
        ran = gateway("install")
        assert ran.returncode == 6
        assert "no such luck" in ran.stderr
        assert "Traceback" not in ran.stderr

    def test_the_unit_of_another_folder_is_left_alone(self, gateway: Service) -> None:
        """A service of that name that is for another node's folder is not this node's: no command touches it."""
        gateway.unit.parent.mkdir(parents=True)
        gateway.unit.write_text("[Unit]\nX-ClaudeMail-Folder=/elsewhere\n")
        assert json.loads(gateway("status", "--json").stdout)["service"] is None
        gateway("stop")
        gateway("uninstall")
        assert gateway.calls() == []
        assert gateway.unit.exists()


@pytest.fixture
def strange(member: Member, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A node whose paths have in them what systemd and property lists give a meaning."""
    folder = member.folder / "a \"b\" $HOME %h 'c' \\d & <e> ü"
    folder.mkdir()
    path = folder / "config.json"
    path.write_text(member.config_path.read_text())
    monkeypatch.setenv(configuration.CONFIG_ENV, str(path))
    python = member.folder / "$HOME %h 100% & <e> ü" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    return configuration.load()


class TestText:
    """What service managers are given."""

    def test_unit_of_systemd(self, strange: Config, tmp_path: Path) -> None:
        """No fault is found with the unit, and its paths are read as they are."""
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            pytest.skip("there is no systemd here")
        systemd = Systemd(Definition(strange))
        text = systemd.text()
        assert systemd.folder_of(text) == strange.state_dir
        path = tmp_path / "claudemail-solo.service"
        path.write_text(text)
        assert self.verdict(analyze, path) == ""
        # A path that is not there is found fault with: so it was read as it is.
        path.write_text(text.replace("python", "pythoff"))
        assert sys.executable.replace("python", "pythoff") in self.verdict(analyze, path)

    @pytest.mark.parametrize("char", ["'", '"', "\\", "\n"])
    def test_a_program_that_systemd_does_not_take(
        self, strange: Config, monkeypatch: pytest.MonkeyPatch, char: str
    ) -> None:
        """What systemd would refuse is refused with a reason."""
        monkeypatch.setattr(sys, "executable", f"/opt/it{char}s/python")
        with pytest.raises(ServiceUnavailable):
            Systemd(Definition(strange)).text()

    def verdict(self, analyze: str, path: Path) -> str:
        """Return what systemd finds fault with in a unit."""
        place = path.parent / "runtime"
        place.mkdir(mode=0o700, exist_ok=True)
        done = subprocess.run(
            [analyze, "--user", "verify", str(path)],
            env={**os.environ, "XDG_RUNTIME_DIR": str(place)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def test_private_tmp_is_not_used(self, strange: Config) -> None:
        """Sockets of long paths are in /tmp, where sessions look for them."""
        assert "PrivateTmp" not in Systemd(Definition(strange)).text()

    def test_agent_of_launchd(self, strange: Config) -> None:
        """The property list has the command, the environment and the log, word for word."""
        launchd = Launchd(Definition(strange))
        data = plistlib.loads(launchd.text().encode())
        assert data["Label"] == "claudemail-solo"
        assert data["ProgramArguments"] == [sys.executable, "-P", "-m", "claudemail", "gateway", "run"]
        assert data["EnvironmentVariables"][configuration.CONFIG_ENV] == strange.path
        assert data["EnvironmentVariables"][configuration.NODE_ENV] == "solo"
        assert data["StandardErrorPath"] == os.path.join(strange.state_dir, "gateway.log")
        assert (data["RunAtLoad"], data["KeepAlive"]) == (True, True)
        assert launchd.folder_of(launchd.text()) == strange.state_dir
        assert launchd.folder_of("no list") is None

    def test_orders_to_launchd(self, gateway: Service, strange: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        """The agent is loaded, which starts it, and unloaded, which ends it for good."""
        monkeypatch.setenv("PATH", f"{gateway.tools}:{os.environ['PATH']}")
        monkeypatch.setenv("CALLS", str(gateway.calls_file))
        monkeypatch.setenv("FAIL_ON", "")
        launchd, here = Launchd(Definition(strange)), f"gui/{os.getuid()}"
        assert not launchd.is_installed()
        launchd.check()
        launchd.install()
        assert launchd.is_installed()
        assert gateway.calls() == [
            f"launchctl print {here}",
            f"launchctl bootout {here}/claudemail-solo",
            f"launchctl bootstrap {here} {launchd.path}",
        ]
        launchd.stop()
        launchd.uninstall()
        assert gateway.calls() == [f"launchctl bootout {here}/claudemail-solo"] * 2
        assert not launchd.is_installed()
        monkeypatch.setenv("FAIL_ON", "print")
        with pytest.raises(ServiceUnavailable):
            launchd.check()
