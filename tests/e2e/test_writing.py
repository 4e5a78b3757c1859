"""Writing in a real terminal: killed consoles lose no draft, send nothing twice, and lend the terminal to an editor."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from claudemail.office import Office
from claudemail.testing import Fleet, Member
from claudemail.tui.drafts import Drafts, KeptDraft
from claudemail.tui.writing import blank
from tests.e2e.terminal import Terminal, terminal


@pytest.fixture
def member(fleet: Fleet) -> Member:
    """A node; no gateway runs."""
    return fleet["server1"]


def drafts(member: Member) -> list[KeptDraft]:
    """The drafts that are on the disk."""
    return Drafts(member.config.state_dir).all()


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write(shown: Terminal, member: Member, title: str, body: str = "words") -> None:
    """Go on with a draft to alpha that has a title already, and type its body; return when that is on the disk."""
    Drafts(member.config.state_dir).keep(blank("alpha", 0).model_copy(update={"title": title}))
    shown.until(b"No mail yet.")
    shown.type(b"c")
    shown.until(title.encode())
    shown.type(title.encode() + b"\r")
    shown.until(b"To one mailbox: alpha")
    shown.type(body.encode())
    eventually(lambda: [one.body for one in drafts(member)] == [body])


def titles(member: Member) -> list[str]:
    """The titles of all briefs of the node."""
    with sqlite3.connect(member.config.db_path) as connection:
        found = [row[0] for row in connection.execute("SELECT title FROM briefs ORDER BY number")]
    connection.close()
    return found


def test_a_killed_console_loses_no_draft(member: Member) -> None:
    """What was written a moment before SIGKILL is on the disk, and the next console offers it."""
    with terminal(member, "console") as shown:
        write(shown, member, "precious", "the words")
        shown.process.kill()
        shown.process.wait()
    with terminal(member, "console") as shown:
        shown.until(b"No mail yet.")
        shown.type(b"c")
        shown.until(b"precious")
        shown.type(b"prec\r")
        shown.until(b"the words")
        shown.type(b"\x13")
        shown.until(b"takes it back")
        shown.type(b"q")
        shown.until(b"")
        assert shown.process.wait(timeout=10) == 0
    assert titles(member) == ["precious"]
    assert drafts(member) == []


def test_a_console_that_is_killed_before_it_sent(member: Member) -> None:
    """A brief whose time had not come is a draft again, of which the next console tells."""
    with terminal(member, "console") as shown:
        write(shown, member, "not yet")
        shown.type(b"\x13")
        shown.until(b"takes it back")
        shown.process.kill()
        shown.process.wait()
    assert titles(member) == []
    with terminal(member, "console") as shown:
        shown.until(b"Not sent before the console ended")
        shown.type(b"q")
        shown.until(b"")


def test_a_console_that_is_killed_after_it_sent(member: Member) -> None:
    """A brief that was accepted, and whose draft could not be removed any more, is not sent again."""
    with terminal(member, "console") as shown:
        write(shown, member, "once")
        shown.type(b"\x13")
        shown.until(b"takes it back")
        [draft] = drafts(member)
        shown.type(b"q")
        shown.until(b"")
    Drafts(member.config.state_dir).keep(draft)  # as it is when the console dies between the two
    with terminal(member, "console") as shown:
        shown.until(b"once")
        eventually(lambda: drafts(member) == [])
        shown.type(b"q")
        shown.until(b"")

    async def count() -> int:
        async with await Office.open(member.config) as office:
            return (await office.status()).briefs

    assert asyncio.run(count()) == 1


def test_the_operators_editor(member: Member, tmp_path: Path) -> None:
    """It has the terminal and the body; what it leaves is taken, also where it fails; one that is not there is said."""
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\necho "EDITING $(cat "$1")"\nprintf " and more" >> "$1"\nexit "${CODE:-0}"\n')
    editor.chmod(0o755)
    with terminal(member, "console", VISUAL=f'"{editor}"', CODE="3") as shown:
        write(shown, member, "precious", "words")
        shown.type(b"\x05")
        shown.until(b"EDITING words")
        shown.until(b"ended with 3; what it left is taken.")
        eventually(lambda: [one.body for one in drafts(member)] == ["words and more"])
        eventually(lambda: len(list(Path(member.config.state_dir, "drafts").iterdir())) == 1)
        shown.type(b"\x13")
        shown.until(b"takes it back")
        shown.type(b"q")
        shown.until(b"")
    assert titles(member) == ["precious"]


def test_a_console_that_dies_while_an_editor_has_the_draft(member: Member, tmp_path: Path) -> None:
    """What the editor saved by then is the draft."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "saved in time" > "$1"\nkill -9 $PPID\n')
    editor.chmod(0o755)
    with terminal(member, "console", EDITOR=str(editor), VISUAL="") as shown:
        write(shown, member, "precious", "before")
        shown.type(b"\x05")
        shown.until(b"")
    assert [one.body for one in drafts(member)] == ["saved in time"]
