"""Attention: the terminal's title and its bell, in what is written and in a real terminal."""

from __future__ import annotations

import asyncio
import re

import pytest

from claudemail.model.brief import Draft, Priority
from claudemail.office import Office
from claudemail.testing import Fleet
from claudemail.tui.attention import BELL, GIVE_TITLE_BACK, KEEP_TITLE, Attention
from tests.e2e.terminal import terminal


class Tty:
    """What was written, and a clock that the test sets."""

    def __init__(self, *, bell: bool = True) -> None:
        self.written: list[str] = []
        self.now = 1_000.0
        self.attention = Attention("server1", self.written.append, lambda: self.now, bell=bell)

    def new(self, unread: int, urgent: int) -> list[str]:
        """Return what is written when so much is unread."""
        self.written.clear()
        self.attention.see(unread, urgent)
        return list(self.written)


def _title(text: str) -> str:
    return f"\x1b]0;{text}\a"


def test_the_title_is_written_when_it_changes() -> None:
    """It says how much is unread and how much of it is urgent, and nothing is written while that stays so."""
    tty = Tty()
    tty.attention.begin()
    assert tty.written == [KEEP_TITLE, _title("ClaudeMail server1")]
    assert tty.new(0, 0) == []
    assert tty.new(7, 0) == [_title("ClaudeMail server1 - 7 unread")]
    assert tty.new(7, 0) == []
    assert tty.new(9, 2) == [_title("(2!) ClaudeMail server1 - 9 unread")]
    assert tty.new(0, 0) == [_title("ClaudeMail server1")]
    tty.written.clear()
    tty.attention.end()
    assert tty.written == [GIVE_TITLE_BACK]


@pytest.mark.parametrize(
    ("focus", "idle_s", "rings"),
    [(True, 10_000, False), (False, 0, True), (None, 100, False), (None, 181, True)],
)
def test_the_bell_rings_when_nobody_looks(focus: bool | None, idle_s: float, rings: bool) -> None:  # noqa: FBT001
    """A terminal says whether it has the focus; one that does not is left alone after three minutes without a key."""
    tty = Tty()
    tty.attention.touched()
    if focus is not None:
        tty.attention.focus(has=focus)
    tty.new(0, 0)
    tty.now += idle_s
    assert (BELL in tty.new(1, 1)) == rings


def test_the_bell_rings_for_what_is_new_and_at_most_once_a_minute() -> None:
    """What was there from the beginning, what is read, and what is not urgent ring no bell; ten at once ring one."""
    tty = Tty()
    tty.attention.focus(has=False)
    rung = []
    for after_s, unread, urgent in ((0, 3, 3), (1, 9, 3), (1, 10, 4), (1, 11, 5), (59, 12, 6), (61, 8, 2), (1, 9, 3)):
        tty.now += after_s
        rung.append(BELL in tty.new(unread, urgent))
    assert rung == [False, False, True, False, True, False, True]
    tty.attention.bell = False
    tty.now += 1_000
    assert BELL not in tty.new(20, 20)
    assert Tty(bell=False).attention.bell is False


def test_in_a_real_terminal(fleet: Fleet) -> None:
    """Without the focus, urgent mail rings the bell once and is in the title, once; on leaving the title is given back."""
    member = fleet["server1"]

    async def send(count: int) -> None:
        async with await Office.open(member.config) as office:
            for _ in range(count):
                await office.send(
                    await office.party("bravo"), Draft(to=["operator"], title="now", priority=Priority.URGENT)
                )

    with terminal(member, "console") as shown:
        shown.until(_title("ClaudeMail server1").encode())
        shown.until(b"0 unread")
        shown.type(b"\x1b[O")
        asyncio.run(send(2))
        shown.until(_title("(2!) ClaudeMail server1 - 2 unread").encode())
        shown.type(b"\x1b[I")
        asyncio.run(send(1))
        shown.until(_title("(3!) ClaudeMail server1 - 3 unread").encode())
        shown.type(b"q")
        shown.until(b"")
        assert shown.process.wait(timeout=10) == 0
        rest = re.sub(rb"\x1b\][^\a]*\a", b"", shown.written)
        assert rest.count(BELL.encode()) == 1
        assert shown.written.count(KEEP_TITLE.encode()) == shown.written.count(GIVE_TITLE_BACK.encode()) == 1
