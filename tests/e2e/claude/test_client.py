"""ClaudeMail in the real Claude Code client: what the model is shown, what the screen shows, and what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.claude.client import Home, Terminal
from tests.e2e.claude.model import Call, Model, Shown

report = sys.stderr.write
pytestmark = pytest.mark.client
WAIT_S = 30.0


def _tool(name: str) -> str:
    return f"mcp__claudemail__claudemail_{name}"


def _results(shown: list[Shown]) -> list[str]:
    return [part.text for part in shown if part.kind == "tool_result"]


def _ready(terminal: Terminal, callsign: str = "alpha") -> None:
    """Wait for the prompt, and for the status line, which is there once the session is attended to."""
    terminal.until(lambda screen: "❯" in screen and f"✉ {callsign}" in screen, 60)


def _until(true: Callable[[], Any], seconds: float = WAIT_S) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.05)
    return value


def test_every_tool_reaches_the_model_as_text(home: Home, model: Model) -> None:
    """The client connects, and the result of each tool comes to the model as text."""
    assert "Connected" in home.run("mcp", "list").stdout
    ref = re.search(r"Sent (\w+)", home.mail("send", "--to", "main", "--title", "A title", "--body", "A body"))
    assert ref is not None
    action = home.mail_json("action", "create", "Do it", "--assignee", "main")["ref"]
    calls = {
        "check": {}, "read": {"ref": ref[1]}, "star": {"ref": ref[1]}, "digest": {},
        "send": {"to": "operator", "title": "Hi", "body": "there"},
        "actions": {}, "action_create": {"text": "Another"}, "action_update": {"ref": action, "status": "wip"},
        "action_list": {}, "status": {}, "roster": {}, "checkup": {}, "waiting": {}, "clean": {},
        "search": {"query": "title"},
    }  # fmt: skip
    model.when("all the tools", *(Call(_tool(name), arguments) for name, arguments in calls.items()), "That was all.")
    assert "That was all." in home.ask("call all the tools")
    results = dict(zip(calls, _results(model.turns()[-1]), strict=True))
    assert "unread" in results["check"]
    assert "A body" in results["read"]
    assert "wip" in results["action_update"]
    for name, text in results.items():
        assert text.strip(), name
        assert not text.lstrip().startswith("{"), (name, text)
        assert "error" not in text.lower()[:60], (name, text)


def test_two_idle_sessions_wake_each_other(pair: Callable[[], tuple[Home, Home]], model: Model) -> None:
    """A brief wakes the idle session of another node, which reads and answers it; the answer wakes its sender; receipts tell."""
    one, two = pair()
    model.when(
        "write to bravo", Call(_tool("send"), {"to": "bravo", "title": "Ping", "body": "Are you there?"}), "Sent."
    )
    model.when(
        r"1 new brief from alpha \(server1\) for bravo",
        Call(_tool("read"), {"ref": "1"}),
        Call(_tool("send"), {"to": "alpha", "title": "Re: Ping", "body": "I am.", "reply_to": "1"}),
        "Answered.",
    )
    model.when(r"1 new brief from bravo \(server2\) for alpha", Call(_tool("digest"), {}), "Good.")
    with Terminal(one) as first, Terminal(two) as second:
        _ready(first)
        _ready(second, "bravo")
        first.type("write to bravo")
        asked = model.wait_for(r"Accepted: \w+")
        woken = model.wait_for(r"1 new brief from alpha \(server1\) for bravo", WAIT_S)
        model.wait_for("I am\\.", WAIT_S)
        answered = model.wait_for(r"1 new brief from bravo \(server2\) for alpha", WAIT_S)
        second.until("Answered.")
        first.until("Good.")
    report(f"woken {woken.at - asked.at:.2f} s after the send, by the answer after {answered.at - woken.at:.2f} s\n")
    sent = one.mail_json("read", "1")
    [state] = sent["recipients"]
    assert state["state"] == "read"
    assert state["name"] == "bravo"
    notices = [part for part in model.turns()[-1] if "1 new brief" in part.text and part.role == "user"]
    assert len(notices) == 1, "a session is told of a brief once"


def test_a_session_is_told_at_the_start_at_prompts_and_after_clear(home: Home, model: Model) -> None:
    """Unread mail is told at the start, what is new at the next prompt, and all again after /clear and /compact; once each."""
    home.mail("send", "--to", "main", "--title", "secret title", "--body", "first")
    config = home.folder / ".claudemail" / "config.json"
    config.write_text(json.dumps(_lone(home) | {"wake": "never"}))

    def told(turn: list[Shown]) -> list[str]:
        return [
            part.text for part in turn if part.role == "system" and "ClaudeMail:" in part.text and part.kind == "text"
        ]

    with Terminal(home) as terminal:
        _ready(terminal)
        terminal.type("the first prompt")
        model.wait_for("the first prompt")
        [start] = told(model.turns()[-1])
        assert "this session is alpha" in start
        assert "1 unread brief from operator" in start
        assert "secret" not in start
        terminal.until("● OK")
        home.mail("send", "--to", "main", "--title", "another", "--body", "second")
        terminal.type("the second prompt")
        model.wait_for("the second prompt")
        assert len(told(model.turns()[-1])) == 2
        assert "1 new brief from operator" in told(model.turns()[-1])[1]
        _until(lambda: terminal.screen.count("● OK") >= 2)
        terminal.type("the third prompt")
        model.wait_for("the third prompt")
        assert len(told(model.turns()[-1])) == 2, "nothing is told twice"
        _until(lambda: terminal.screen.count("● OK") >= 3)
        terminal.type("/clear")
        terminal.until(lambda screen: "● OK" not in screen)
        terminal.type("after the clearing")
        model.wait_for("after the clearing")
        [again] = told(model.turns()[-1])
        assert "this session is alpha" in again
        assert "2 unread briefs from operator" in again
        terminal.until("● OK")
        asked = model.asked
        terminal.type("/compact")
        _until(lambda: model.asked > asked)
        terminal.until("ompacted")
        terminal.type("after the compaction")
        model.wait_for("after the compaction")
        [after] = [text for text in told(model.turns()[-1]) if "this session is alpha" in text]
        assert "2 unread briefs" in after
    assert not (home.folder / ".claudemail" / "hooks.log").exists()


def test_a_session_without_an_inbox_is_woken_by_its_ping_file(home: Home, model: Model) -> None:
    """Where a session's inbox cannot be reached, Claude Code is woken by the hook that watches its ping file, once."""
    state = home.folder / ".claude.json"
    data = json.loads(state.read_text())
    data["mcpServers"]["claudemail"]["env"] = {"CLAUDE_CODE_MESSAGING_SOCKET": ""}
    state.write_text(json.dumps(data))
    with Terminal(home) as terminal:
        _ready(terminal)
        home.mail("send", "--to", "main", "--title", "T", "--body", "B")
        began = time.monotonic()
        woken = model.wait_for("1 new brief from operator")
        report(f"woken by the ping file {woken.at - began:.2f} s after the send\n")
        terminal.until("● OK")
        _until(lambda: home.mail_json("read", "1")["recipients"][0]["state"] == "notified")
        assert model.asked == 1 or len([turn for turn in model.turns() if turn]) == 1


def _lone(home: Home) -> dict[str, Any]:
    """Return the configuration that a node without a file has, as a file."""
    node = home.mail_json("status")["node"]
    return {"nodes": [{"id": node, "ip": "127.0.0.1"}], "instances": [{"id": "main", "node_id": node}]}


def test_urgent_mail_holds_a_session_back_once(home: Home, model: Model) -> None:
    """A session does not end its turn before it was told of unread urgent mail, and is let go the second time."""
    config = home.folder / ".claudemail" / "config.json"
    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps(_lone(home) | {"wake": "never"}))
    with Terminal(home) as terminal:
        _ready(terminal)
        home.mail("send", "--to", "main", "--title", "T", "--body", "B", "--priority", "urgent")
        terminal.type("do something")
        model.wait_for("urgent unread brief from operator")
        terminal.until(lambda screen: screen.count("● OK") == 2)
        terminal.type("something more")
        model.wait_for("something more")
        terminal.until(lambda screen: screen.count("● OK") == 3)
        held = [
            part for part in model.turns()[-1] if "You are held back only once" in part.text and part.role == "user"
        ]
        assert len(held) == 1


def test_the_status_line_follows_while_idle(home: Home) -> None:
    """The line at the foot of the screen changes when mail comes to an idle session, soon."""
    config = home.folder / ".claudemail" / "config.json"
    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps(_lone(home) | {"wake": "never"}))
    with Terminal(home) as terminal:
        _ready(terminal)
        terminal.until("✉ alpha · no mail")
        home.mail("send", "--to", "main", "--title", "T", "--body", "B", "--priority", "urgent")
        began = time.monotonic()
        terminal.until("✉ alpha · 1 unread · 1 urgent")
        report(f"the status line changed {time.monotonic() - began:.2f} s after the send\n")


def test_set_up_used_and_removed(bare: Home, model: Model) -> None:
    """After setup, use and removal the settings are byte for byte what they were, and so is what else stands in the others."""
    text = '{\n    "model": "opus", "unknown": [1,2 ,3],\n  "hooks": {"Stop": [ {"hooks": []} ]}, "permissions": {"allow": []}}'
    bare.settings.write_text(text)
    state = bare.folder / ".claude.json"
    others = {"mine": {"type": "stdio", "command": "true", "args": []}}
    state.write_text(json.dumps({**json.loads(state.read_text()), "mcpServers": others}))
    shown = bare.mail("setup", "--dry-run")
    assert "mcp__claudemail__*" in shown
    assert bare.settings.read_text() == text
    bare.mail("setup")
    once = bare.settings.read_bytes()
    bare.mail("setup")
    assert bare.settings.read_bytes() == once
    model.when("count", Call(_tool("check"), {}), "Counted.")
    assert "Counted." in bare.ask("count my mail")
    assert "this session is" in "".join(part.text for part in model.shown)
    bare.mail("setup", "--remove")
    assert bare.settings.read_text() == text
    assert json.loads(state.read_text())["mcpServers"] == others
    assert not (bare.folder / ".claude" / "skills").exists()
    assert "claudemail" not in bare.run("mcp", "list").stdout


def test_the_readme_word_for_word(bare: Home, model: Model) -> None:
    """What the README says of Claude Code works in a fresh HOME, line by line."""
    setup, plugin = (_block(name) for name in ("claude code", "plugin"))
    bare.environment["PATH"] = f"{Path(bare.claude).parent}:{bare.environment['PATH']}"
    assert setup[0].endswith("--dry-run")
    assert setup[-1].endswith("--remove")
    before = bare.settings.exists()
    for line in setup[:-1]:
        said = _shell(bare, line)
    assert "claudemail" in said
    assert "Connected" in said
    model.when("any new mail", Call(_tool("check"), {}), "There is none.")
    assert "There is none." in bare.ask("any new mail?")
    _shell(bare, setup[-1])
    assert bare.settings.exists() is before
    for line in plugin:
        _shell(bare, line)
    tool = "mcp__plugin_claudemail_claudemail__claudemail_check"
    model.when("/mail", Call(tool, {}), "Still none.")
    assert "Still none." in bare.ask("/mail", "--allowedTools", tool)


def _block(name: str) -> list[str]:
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    found = re.search(rf"```sh\n# {name}\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    return found[1].strip().splitlines()


def _shell(home: Home, line: str) -> str:
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=home.project,
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("way", ["install", "plugin-dir"])
def test_the_plugin(bare: Home, model: Model, way: str) -> None:
    """The plugin is valid, and brings tools, hooks and /mail, which reaches a tool; installed, or from its folder."""
    folder = bare.mail("plugin").strip()
    for part in ("", "claudemail"):
        checked = bare.run("plugin", "validate", str(Path(folder, part)))
        assert checked.returncode == 0, checked.stdout
    arguments = ["--plugin-dir", str(Path(folder, "claudemail"))]
    if way == "install":
        arguments = []
        for words in (("marketplace", "add", folder), ("install", "claudemail@claudemail")):
            done = bare.run("plugin", *words)
            assert done.returncode == 0, done.stdout + done.stderr
    bare.mail("send", "--to", "main", "--title", "T", "--body", "The body of it")
    tool = "mcp__plugin_claudemail_claudemail__claudemail_digest"
    model.when("/mail digest", Call(tool, {}), "That is all.")
    assert "That is all." in bare.ask("/mail digest", "--allowedTools", tool, *arguments)
    [result] = _results(model.turns()[-1])
    assert "The body of it" in result
    assert any("this session is alpha" in part.text for part in model.turns()[-1])


def test_killed_processes_are_no_matter(home: Home, model: Model) -> None:
    """After kill -9 of the gateway the next tool call works; after that of the session process its callsign is free at once."""
    model.when("count", Call(_tool("check"), {}), "Counted.")
    with Terminal(home) as terminal:
        _ready(terminal)
        terminal.type("count once")
        terminal.until("Counted.")
        gateway = home.mail_json("gateway", "status")["pid"]
        os.kill(gateway, signal.SIGKILL)
        terminal.type("count twice")
        _until(lambda: terminal.screen.count("Counted.") == 2)
        assert "unread" in _results(model.turns()[-1])[-1]
        [session] = _sessions(home)
        os.kill(session, signal.SIGKILL)
        with Terminal(home) as other:
            _ready(other)
            assert "alpha" in other.screen


def _sessions(home: Home) -> list[int]:
    """Return the PIDs of the session processes of a HOME."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            if len(words) > 1 and words[-2].endswith(b"claudemail") and words[-1] == b"mcp":
                variables = (process / "environ").read_bytes().split(b"\0")
                if f"HOME={home.folder}".encode() in variables:
                    found.append(int(process.name))
    return found


def test_who_is_who(home: Home, model: Model) -> None:
    """Two sessions in one project have a callsign each; one keeps it through /clear, and its next process through --resume."""
    model.when("count", Call(_tool("check"), {}), "Counted.")
    with Terminal(home) as first:
        _ready(first)
        with Terminal(home) as second:
            _ready(second, "bravo")
            second.type("count once")
            second.until("Counted.")
            second.type("/clear")
            second.until(lambda screen: "Counted." not in screen)
            second.type("count twice")
            second.until("Counted.")
            assert any("this session is bravo" in part.text for part in model.turns()[-1])
            record = next(path for path in _records(home) if json.loads(path.read_text())["callsign"] == "bravo")
            session = json.loads(record.read_text())["session_id"]
            second.type("/exit")
            _until(lambda: not record.exists())
        with Terminal(home, "--resume", session) as third:
            _ready(third, "bravo")


def _records(home: Home) -> list[Path]:
    folder = home.folder / ".claudemail" / "callsigns" / "clients"
    return [path for path in folder.iterdir() if path.name.isdecimal()]
