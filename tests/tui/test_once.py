"""The view as text and as data."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from claudemail.office import Office
from claudemail.tui.moments import to_minute
from claudemail.tui.needs import everyones_mail
from claudemail.tui.once import once, render, snapshot
from tests.tui.board import make
from tests.tui.conftest import Send


@pytest.mark.parametrize("width", [20, 40, 60, 80, 130])
async def test_view_as_text(office: Office, send: Send, width: int) -> None:
    """The text has what needs you, the newest briefs and the roster at any width."""
    await send("alpha", "bravo", "A title", priority="urgent")
    await make(office, "Sweep", "Mop")
    await make(office, "Dust", status="done")
    text = await once(office, width)
    first, second, third, fourth, _, *rest = text.splitlines()
    assert third == "actions    2 pending · 1 done"
    assert fourth.startswith("checkup    1 critical · 1 warning")
    assert first.startswith("ClaudeMail  server1")
    assert "1 unread" in first
    assert second.startswith("needs you  gateway down")
    assert any("● alpha" in line and "A title" in line and "!!" in line for line in rest)
    assert any(line.startswith("server2") and "stale, never heard" in line for line in rest)
    assert any("bravo" in line and "1 unread" in line for line in rest)


async def test_an_empty_node(office: Office) -> None:
    """A node without mail says so."""
    assert "No mail yet." in await once(office, 80)


async def test_many_briefs_are_cut(office: Office, send: Send) -> None:
    """Of many briefs the newest are listed, and the text says that there are more."""
    for number in range(25):
        await send("alpha", "bravo", f"brief {number}")
    text = await once(office, 80)
    assert "brief 24" in text
    assert "brief 4 " not in text
    assert "the newest 20" in text


async def test_view_as_data(office: Office, send: Send) -> None:
    """The data can be dumped as JSON, and holds status, needs, inbox and roster."""
    await send("alpha", "bravo, charlie", "A title")
    data = json.loads((await snapshot(office)).model_dump_json())
    assert data["status"]["node"] == "server1"
    assert data["findings"]["critical"] == 1
    assert data["needs"][0] == "gateway down, mail waits"
    assert data["inbox"]["rows"][0]["title"] == "A title"
    assert [node["node"] for node in data["roster"]["nodes"]] == ["server1", "server2"]


@pytest.mark.parametrize(("minutes", "words"), [(0, "● live, just came"), (4, "● live since 4m")])
async def test_how_long_a_session_is_there(office: Office, minutes: int, words: str) -> None:
    """A live session is shown with how long it has been there; one that has just come, with that."""
    await office.claim("alpha", "instance1", holder="h", pid=1, client_pid=1, session_id=None, project=None)
    status, mail, page, roster = (
        await office.status(), await everyones_mail(office), await office.inbox(None), await office.roster()
    )  # fmt: skip
    status = status.model_copy(update={"at": to_minute(status.at) + minutes * 60_000 + 59_999})
    here = roster.nodes[0].presences
    here[:] = [one.model_copy(update={"since": to_minute(status.at) - minutes * 60_000}) for one in here]
    assert any(words in line for line in render(status, mail, page, roster, 80).splitlines() if "alpha" in line)


def test_textual_is_not_loaded() -> None:
    """The view as text loads nothing of Textual."""
    code = "import sys, claudemail.tui.once; sys.exit(any(name.startswith('textual') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
