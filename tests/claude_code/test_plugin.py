"""The plugin says what `claudemail setup` says, and what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from claudemail import __version__, claude_code
from claudemail.claude_code import settings
from claudemail.config import standalone
from claudemail.tools.server import TOOLS

ROOT = Path(claude_code.__file__).parent / "plugin"
PLUGIN = ROOT / "claudemail"


def _json(*parts: str) -> Any:
    return json.loads(PLUGIN.joinpath(*parts).read_text())


def test_the_plugin_is_the_set_up() -> None:
    """Its server and its hooks are those that are set up for a project, whose commands are found by name."""
    assert _json(".mcp.json") == json.loads(settings.add_server("", shared=True).text)
    made = json.loads(settings.add_settings("", standalone("here"), shared=True).text)
    assert _json("hooks", "hooks.json")["hooks"] == made["hooks"]


def test_the_plugin_has_this_version() -> None:
    """It says which version it is of, and its marketplace leads to it."""
    assert _json(".claude-plugin", "plugin.json")["version"] == __version__
    [listed] = json.loads((ROOT / ".claude-plugin" / "marketplace.json").read_text())["plugins"]
    assert (ROOT / listed["source"]).resolve() == PLUGIN
    assert listed["name"] == _json(".claude-plugin", "plugin.json")["name"]


def test_the_skill_names_tools_that_there_are() -> None:
    """Every tool is in the skill, and none that there is not."""
    skill = (PLUGIN / "skills" / "mail" / "SKILL.md").read_text()
    named = set(re.findall(r"`(claudemail_\w+)`", skill))
    assert named == {tool.name for tool in TOOLS}
