"""What really reaches a terminal, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.testing import Fleet, Member
from tests.e2e.terminal import terminal

TITLE = "[/foo] \x1b]52;c;aGk=\x07"
BODY = "\x1b]52;c;aGk=\x07\x9b31m\x1b[2J\x1bPq\x1b\\ [@click=app.quit]x[/] \u202e" + "word " * 40_000
# Sequences that a console has no use for: they write the clipboard, retitle, answer back or load images.
DANGEROUS = re.compile(rb"\x1b\](?:52|0|2|8|9|1337);|\x1bP|\x9b|\x1b\[\d*[ci]|\x1b_|\x1b\^")


@pytest.fixture
def member(fleet: Fleet) -> Member:
    """A node with a hostile brief for its operator; no gateway runs."""

    async def send() -> None:
        async with await Office.open(fleet["server1"].config) as office:
            await office.send(await office.party("bravo"), Draft(to=["operator"], title=TITLE, body=BODY))

    asyncio.run(send())
    return fleet["server1"]


def own_sequences(member: Member) -> set[bytes]:
    """Return the sequences of the dangerous kinds that the console writes for itself, with no mail to show."""
    with contextlib.ExitStack() as stack:
        shown = stack.enter_context(terminal(member, "console"))
        shown.until(b"ClaudeMail")
        shown.type(b"q")
        shown.until(b"")
        return set(DANGEROUS.findall(shown.written))


def test_the_console_passes_nothing_of_a_hostile_brief_to_the_terminal(fleet: Fleet, member: Member) -> None:
    """With a brief of escapes and markup in the list and opened, only sequences are written that the console has anyway."""
    own = own_sequences(fleet["server2"])
    with terminal(member, "console") as shown:
        shown.until(b"aGk=")
        shown.type(b"\r")
        shown.until(b"word")
        shown.type(b"G")
        shown.until(b"word")
        shown.type(b"q")
        shown.until(b"")
        assert set(DANGEROUS.findall(shown.written)) <= own
        assert shown.process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    "arguments", [("inbox",), ("read", "1"), ("digest",), ("console", "--once"), ("read", "1", "--raw")]
)
def test_a_command_passes_nothing_of_a_hostile_brief_to_the_terminal(
    member: Member, arguments: tuple[str, ...]
) -> None:
    """On a terminal, where commands are coloured, the only escapes are those colours."""
    with terminal(member, *arguments) as shown:
        shown.until(b"")
        assert shown.process.wait(timeout=10) == 0
        assert b"]52;c;aGk=" in shown.written
        rest = re.sub(rb"\x1b\[[0-9;]*m", b"", shown.written)
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", rest)
        assert not DANGEROUS.search(rest)


@pytest.mark.parametrize(("theme", "background"), [("dark", b"48;2;19;22;27"), ("light", b"48;2;250;250;250")])
def test_the_console_opens_in_the_theme_that_is_asked_for(member: Member, theme: str, background: bytes) -> None:
    """`--theme` chooses the colours that are written."""
    with terminal(member, "console", "--theme", theme) as shown:
        shown.until(b"aGk=")
        shown.type(b"q")
        shown.until(b"")
        assert background in shown.written
