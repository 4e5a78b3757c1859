"""The console as its operator has it: in tmux, on a node whose gateway runs, worked by keys, in windows of any size."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from claudemail.model.action import ActionStatus
from claudemail.model.brief import Draft
from claudemail.model.views import ActionView
from claudemail.office import Office
from claudemail.office.actions import NewAction, Wanted
from claudemail.running import own_command
from claudemail.testing import Fleet, Member, until
from claudemail.tui.drafts import Drafts

LOOK_S, LOOKS = 0.05, 600
"""How long between two looks at the window, and the most that are taken."""
T = TypeVar("T")
TITLE, BODY = "Deploy blocker: database migration", "Existing rows will fail. Backfill first."
TEXTS = ("Review the migration", "Warm the cache", "Trim the images")


@pytest.fixture
def member(fleet: Fleet) -> Member:
    """A node with a gateway, on which what is sent goes at once, with a brief and three actions for its operator."""
    for one in fleet.nodes.values():
        data = json.loads(one.config_path.read_text())
        one.config_path.write_text(json.dumps(data | {"console": {"send_delay_s": 0}}))
    member = fleet["server1"]

    async def fill(office: Office) -> None:
        await office.send(await office.party("alpha"), Draft(to=["operator"], title=TITLE, body=BODY))
        for text in TEXTS:
            await office.create_action(office.operator(), NewAction(text=text, assignee="me"))

    asked(member, fill)
    member.start()
    return member


def asked(member: Member, work: Callable[[Office], Awaitable[T]]) -> T:
    """Return what a node's office says, to a process other than the console's."""

    async def ask() -> T:
        async with await Office.open(member.config) as office:
            return await work(office)

    return asyncio.run(ask())


def action(member: Member, text: str) -> ActionView:
    """Return an action as the office has it."""

    async def find(office: Office) -> ActionView:
        page = await office.list_actions(office.operator(), Wanted(statuses=tuple(ActionStatus), text=text))
        (found,) = page.rows
        return found

    return asked(member, find)


class Window:
    """A window of tmux with the shell in which the console was started."""

    def __init__(self, socket: Path, member: Member) -> None:
        tmux = shutil.which("tmux")
        assert tmux, "tmux is needed to see the console"
        self._prefix = [tmux, "-u", "-f", "/dev/null", "-S", str(socket)]
        self._environment = {**member.environment, "PS1": "the shell$ ", "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR", "TMUX"):
            self._environment.pop(name, None)

    def __call__(self, *words: str) -> str:
        """Run a command of tmux, and return what it prints."""
        done = subprocess.run(
            [*self._prefix, *words], env=self._environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    def text(self) -> str:
        """What stands in the window."""
        return self("capture-pane", "-p")

    def shows(self, *words: str) -> None:
        """Return once all of that is to be seen.

        Raises:
            TimeoutError: it never is; the window's text is in the message.
        """
        for _ in range(LOOKS):
            text = self.text()
            if all(word in text for word in words):
                return
            time.sleep(LOOK_S)
        raise TimeoutError(f"never seen: {words}; the window:\n{text}")

    def press(self, *keys: str) -> None:
        """Press keys, by their names in tmux."""
        self("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Make the window larger or smaller."""
        self("resize-window", "-x", str(width), "-y", str(height))
        until(lambda: self("display", "-p", "#{pane_width}x#{pane_height}").strip() == f"{width}x{height}", "it has")


@pytest.fixture
def window(member: Member, tmp_path: Path) -> Iterator[Window]:
    """The console in a window of 130x40."""
    window = Window(tmp_path / "tmux", member)
    window("new-session", "-d", "-x", "130", "-y", "40", "bash", "--norc", "--noprofile")
    window.shows("the shell$")
    window.type(" ".join([*own_command("console")]))
    window.press("Enter")
    window.shows(TITLE, "? help")
    yield window
    window("kill-server")


def test_a_bit_of_work(member: Member, window: Window) -> None:
    """Actions are moved, given away, done and undone, a brief is answered and copied, and the terminal is given back."""
    window.press("2")
    window.shows("pending 3", f"▌    {TEXTS[0]}")
    window.press("L")
    window.shows("pending 2", "wip 1")
    until(lambda: action(member, "migration").status is ActionStatus.WIP, "it is in work")
    window.press("l", "a")
    window.shows("Give to whom")
    window.type("bra")
    window.press("Enter")
    until(lambda: action(member, "migration").assignee == "bravo", "it is bravo's")
    window.press("d")
    window.shows("wip 0", "done 1")
    until(lambda: action(member, "migration").status is ActionStatus.DONE, "it is done")
    window.press("u")
    window.shows("wip 1", "done 0", "bravo")
    until(lambda: action(member, "migration").status is ActionStatus.WIP, "it is in work again")

    window.press("1", "Enter")  # at once: the second key is for the pane that the first one shows
    window.shows(BODY, "esc back")
    window.press("y")
    window.shows("Copied")
    assert BODY in window("show-buffer")
    window.press("r")
    window.shows("Reply to alpha")
    window.type("Backfilled. Go on.")
    window.shows("Backfilled. Go on.")
    window.press("C-s")
    window.shows("alpha", "delivered")

    async def answer(office: Office) -> str:
        alpha = await office.party("alpha")
        page = await office.inbox(alpha.mailboxes)
        return (await office.read(office.operator(), page.rows[0].id)).brief.body

    assert "Backfilled. Go on." in asked(member, answer)

    window.press("q")
    window.shows("the shell$")
    flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{pane_dead}"
    until(lambda: window("display", "-p", flags).split() == ["0", "1", "0", "0"], "the terminal is as it was")
    window.type("stty -a | grep -o ' echo ' && echo $?")
    window.press("Enter")
    window.shows("\n echo\n0")
    assert "Traceback" not in window.text()


def test_any_size(member: Member, window: Window) -> None:
    """Smaller and larger again while a brief is read, written, and cards are looked at: all can be used, and nothing is lost."""
    window.press("Enter")
    window.shows(BODY, "esc back")
    for width, height in ((60, 20), (40, 12), (130, 40)):
        window.resize(width, height)
        window.shows("Deploy blocker", "? help")
        window.press("Escape")
        window.shows("enter open")
        window.press("Enter")
        window.shows("esc back")

    window.press("r")
    window.shows("Reply to alpha")
    for number, (width, height) in enumerate(((60, 20), (40, 12), (130, 40)), 1):
        window.type(f"line {number}")
        window.press("Enter")
        window.resize(width, height)
        window.shows("alpha", "Re: Deploy blocker", *(f"line {one}" for one in range(1, number + 1)))
    drafts = Drafts(member.config.state_dir)
    until(lambda: [one.body for one in drafts.all()] == ["line 1\nline 2\nline 3\n"], "it is on the disk")
    window.press("C-s")
    window.shows("delivered")

    window.press("2")
    window.shows("pending 3")
    for width, height in ((60, 20), (40, 12), (130, 40)):
        window.resize(width, height)
        window.shows("pending 3")
        for text in TEXTS:
            window.shows(f"▌    {text}")
            window.press("j")
        window.press("g")
    for key, word in (("3", "alpha"), ("4", "server2"), ("5", "enter open"), ("1", "Deploy blocker")):
        window.resize(40, 12)
        window.press(key)
        window.shows(word)
        window.resize(130, 40)
        window.shows(word, "q quit")
