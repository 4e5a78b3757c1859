"""`claudemail setup`: what is the user's stays to the byte, and all of it can be undone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claudemail.claude_code import settings
from claudemail.claude_code.hook import EVENTS
from claudemail.config import standalone
from claudemail.running import own_command

Setup = Callable[..., str]


@pytest.fixture
def home() -> Path:
    """The HOME of the test, with a settings folder."""
    home = Path(os.environ["HOME"])
    (home / ".claude").mkdir(exist_ok=True)
    return home


@pytest.fixture
def setup(home: Path, tmp_path: Path) -> Setup:
    """Run `claudemail setup` in a project folder; return what it printed, or with `code` what it failed with."""
    project = tmp_path / "project"
    project.mkdir()

    def ran(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            own_command("setup", *arguments), cwd=project, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return ran


def test_a_new_user(setup: Setup, home: Path, tmp_path: Path) -> None:
    """Where there is nothing, all is made; again changes nothing; removing leaves nothing."""
    assert "nothing was changed" in setup("--dry-run").lower()
    assert not (home / ".claude.json").exists()
    assert "+++" in setup()
    server = json.loads((home / ".claude.json").read_text())["mcpServers"]["claudemail"]
    assert server["args"][-1] == "mcp"
    assert os.access(server["command"], os.X_OK)
    made = json.loads((home / ".claude" / "settings.json").read_text())
    assert made["permissions"]["allow"] == ["mcp__claudemail__*"]
    assert set(made["hooks"]) == set(EVENTS)
    assert made["hooks"]["FileChanged"][0]["hooks"][0]["asyncRewake"] is True
    assert "$CLAUDE_PID" in made["statusLine"]["command"]
    assert (home / ".claude" / "skills" / "mail" / "SKILL.md").exists()
    before = _all_files(home)
    assert "set up already" in setup()
    assert _all_files(home) == before
    setup("--remove")
    assert _all_files(home) == {}
    assert "Nothing of ClaudeMail" in setup("--remove")


def _all_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


TEXTS = [
    "{}",
    '{\n\t"model": "opus",\n\t"env": {"A": "1"}\n}\n',
    '{"statusLine": {"type": "command", "command": "date"}, "hooks": {"Stop": [{"hooks": [{"type":"command","command":"x"}]}]}}',
    '{\n  "permissions": { "allow": [ "Bash(ls)" , "mcp__other" ], "deny": [] },\n  "x": [1, 2.50, "\\u00e9", null]\n}',
    '{"hooks": {}, "permissions": {}}',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("meanwhile", ["untouched", "touched"])
def test_what_is_the_users_stays(setup: Setup, home: Path, text: str, meanwhile: str) -> None:
    """All that was there stays as it was written, and removing leaves the very text, also after the user changed it."""
    path = home / ".claude" / "settings.json"
    path.write_text(text)
    path.chmod(0o640)
    out = setup()
    made = json.loads(path.read_text())
    for key, value in json.loads(text).items():
        if key not in ("hooks", "permissions"):
            assert made[key] == value
    assert path.stat().st_mode & 0o777 == 0o640
    assert ("You have a status line" in out) is ("statusLine" in text)
    if meanwhile == "touched":  # as by Claude Code itself, or by hand
        path.write_text(path.read_text().rstrip() + "\n\n")
        setup("--remove")
        assert path.read_text() == text.rstrip() + "\n\n"
    else:
        setup("--remove")
        assert path.read_text() == text


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (".claude/settings.json", "{,}", "not valid JSON"),
        (".claude/settings.json", "[]", "not an object"),
        (".claude/settings.json", '{"hooks": []}', "hooks is not an object"),
        (".claude/settings.json", '{"hooks": {"Stop": {}}}', "hooks.Stop is not a list"),
        (".claude/settings.json", '{"permissions": {"allow": "all"}}', "permissions.allow is not a list"),
        (".claude.json", '{"mcpServers": 3}', "mcpServers is not an object"),
        (".claude.json", "\ufeff{}\ud800", "not UTF-8"),
    ],
)
def test_what_is_not_understood_is_left_alone(setup: Setup, home: Path, name: str, text: str, why: str) -> None:
    """A file that is malformed is named with the mistake, and no file is changed."""
    (home / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    before = _all_files(home)
    said = setup(code=1)
    assert str(home / name) in said
    assert why in said
    assert _all_files(home) == before


def test_a_project_gets_what_all_can_share(setup: Setup, home: Path, tmp_path: Path) -> None:
    """With the project's scope its files are written, with commands that are found by name, and nothing of the user's."""
    project = tmp_path / "project"
    setup("--scope", "project")
    assert _all_files(home / ".claude") == {}
    assert json.loads((project / ".mcp.json").read_text())["mcpServers"]["claudemail"] == {
        "type": "stdio", "command": "claudemail", "args": ["mcp"],
    }  # fmt: skip
    text = (project / ".claude" / "settings.json").read_text()
    assert json.loads(text)["statusLine"]["command"] == "claudemail statusline"
    assert str(Path.home()) not in text
    setup("--scope", "project", "--remove")
    assert _all_files(project) == {}
    assert project.exists()


def test_a_link_stays_a_link(setup: Setup, home: Path, tmp_path: Path) -> None:
    """Settings that are a link, as into a repository of dotfiles, are changed where they are."""
    real = tmp_path / "dotfiles.json"
    real.write_text('{"model": "opus"}')
    (home / ".claude" / "settings.json").symlink_to(real)
    setup()
    assert (home / ".claude" / "settings.json").is_symlink()
    assert "hooks" in json.loads(real.read_text())
    setup("--remove")
    assert real.read_text() == '{"model": "opus"}'


def test_a_skill_of_the_users_stays(setup: Setup, home: Path) -> None:
    """A skill /mail that the user wrote stays, through setup and removal."""
    skill = home / ".claude" / "skills" / "mail" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("mine")
    assert "You have a skill /mail of your own" in setup()
    setup("--remove")
    assert skill.read_text() == "mine"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_hook = st.fixed_dictionaries({"type": st.just("command"), "command": st.text(max_size=20)})
_entry = st.fixed_dictionaries({"hooks": st.lists(_hook, max_size=2)}, optional={"matcher": st.text(max_size=5)})
_hooks = st.dictionaries(st.sampled_from([*EVENTS, "PreToolUse"]), st.lists(_entry, max_size=2), max_size=3)
_settings = st.builds(
    lambda others, hooks, allow: others | hooks | allow,
    st.dictionaries(
        st.text(max_size=8).filter(lambda key: key not in ("hooks", "permissions", "statusLine")), _json, max_size=3
    ),
    st.fixed_dictionaries({}, optional={"hooks": _hooks}),
    st.fixed_dictionaries(
        {}, optional={"permissions": st.fixed_dictionaries({"allow": st.lists(st.text(), max_size=3)})}
    ),
)


@given(
    data=_settings, indent=st.sampled_from([None, 0, 1, 2, 4, "\t"]), separators=st.sampled_from([None, (" , ", " : ")])
)
def test_any_settings_come_back(
    data: dict[str, Any], indent: int | str | None, separators: tuple[str, str] | None
) -> None:
    """For all settings: adding ours keeps the rest, adding twice is adding once, and taking it out gives the text back."""
    text = json.dumps(data, indent=indent, separators=separators, ensure_ascii=False)
    config = standalone("here")
    added = settings.add_settings(text, config, shared=False).text
    assert settings.add_settings(added, config, shared=False).text == added
    assert {
        key: value for key, value in json.loads(added).items() if key in data and key not in ("hooks", "permissions")
    } == {key: value for key, value in data.items() if key not in ("hooks", "permissions")}
    back = settings.remove_settings(added, data).text
    assert json.loads(back) == data
