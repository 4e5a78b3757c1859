"""A console at rest writes nothing to its terminal, and little for a little news."""

from __future__ import annotations

import asyncio

import pytest

from claudemail.model.brief import Draft
from claudemail.office import Office
from claudemail.office.actions import NewAction
from claudemail.testing import Fleet, Member
from tests.e2e.terminal import Terminal, terminal

ENOUGH_FOR_A_BRIEF = 6_000
"""Bytes for thirteen lines that moved, the headline and the counts."""
COMMITS, REFRESH_S = 8, 0.15
"""So many commits, and how long the console may take to ask after each; it asks ten times a second at most."""


@pytest.fixture
def member(fleet: Fleet) -> Member:
    """A node with some mail and actions; no gateway runs."""

    async def fill() -> None:
        async with await Office.open(fleet["server1"].config) as office:
            for number in range(12):
                await office.send(
                    await office.party("alpha"), Draft(to=["operator"], title=f"brief {number}", body="x")
                )
                await office.create_action(office.operator(), NewAction(text=f"action {number}", assignee="me"))

    asyncio.run(fill())
    return fleet["server1"]


async def nothing_new(member: Member, shown: Terminal) -> bytes:
    """Have the office commit again and again, each time for as long as the console takes to ask; return what is written."""
    before = len(shown.written)
    async with await Office.open(member.config) as office:
        for _ in range(COMMITS):
            await office._desk.mail.write(lambda connection: connection.execute("UPDATE meta SET value = value"))
            shown.read_for(REFRESH_S)
    return shown.written[before:]


async def test_a_console_at_rest_writes_nothing(member: Member) -> None:
    """On no pane does anything reach the terminal when the office is asked and has nothing new; a brief is a few lines."""
    with terminal(member, "console") as shown:
        shown.until(b"brief 11")
        for key, sign in (
            (b"2", b"action 0"),
            (b"3", b"alpha"),
            (b"4", b"server2"),
            (b"5", b"snooze"),
            (b"1", b"brief 11"),
        ):
            shown.type(key)
            shown.until(sign)
            shown.until_still()
            assert await nothing_new(member, shown) == b"", key
        before = len(shown.written)
        async with await Office.open(member.config) as office:
            await office.send(await office.party("alpha"), Draft(to=["operator"], title="the thirteenth", body="x"))
        shown.until(b"the thirteenth")
        shown.until_still()
        assert len(shown.written) - before < ENOUGH_FOR_A_BRIEF
        shown.type(b"q")
        shown.until(b"")


def test_a_console_goes_with_its_terminal(member: Member) -> None:
    """A console whose terminal is closed under it ends, without a signal too; it would read the end of it for ever."""
    with terminal(member, "console") as shown:
        shown.until(b"brief 11")
        shown.hang_up()
        shown.process.wait(timeout=30)
