"""Fencing: a session whose callsign another one has taken over writes nothing in that name any more."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from claudemail.office import Office
from claudemail.testing import Fleet, Member

Connect = Callable[..., Any]
LOST = (
    "This session is no longer {}: another session holds that callsign now."
    " Nothing was done. Ask the user to restart this session, to be given a callsign of its own."
)


async def take_over(member: Member, callsign: str) -> None:
    """Have somebody else hold a callsign of instance1."""
    async with await Office.open(member.config) as office:
        await office.claim(
            callsign, "instance1", holder="f" * 32, pid=os.getpid(), client_pid=1, session_id=None, project=None
        )


async def test_a_session_that_has_lost_its_callsign_changes_nothing(nodes: Fleet, connect: Connect) -> None:
    """Every tool that writes is refused with who has the callsign and what to do; what is shown or counted marks nothing."""
    async with (
        connect(nodes["server1"]) as alpha,
        connect(nodes["server1"]) as bravo,
        connect(nodes["server2"]) as charlie,
    ):
        old = (await charlie("send", to="alpha", title="old")).split()[1]
        await alpha.until("check", "1 unread brief")
        await alpha("read", ref=old)
        await charlie.until("read", "ago by alpha", ref=old)
        await charlie("action_create", text="Do it", assignee="alpha")
        await alpha.until("actions", "Do it")
        await take_over(nodes["server1"], "alpha")
        new = (await charlie("send", to="alpha", title="new")).split()[1]
        await alpha.until("search", '"new"', query="is:unread")
        before = (await bravo("status")).splitlines()[1:4]
        assert before == [
            "This node holds 2 briefs: 1 unread in all mailboxes, 0 sent from here.",
            "Archived: 0. Starred: 0.",
            "Actions in the fleet: 1 pending.",
        ]
        for tool, arguments in (
            ("send", {"to": "bravo, charlie", "title": "x"}),
            ("send", {"reply_to": old, "title": "x", "action": "y", "key": "k"}),
            ("star", {"ref": old}),
            ("action_update", {"ref": 1, "status": "done"}),
            ("action_update", {"ref": 1, "assignee": "me"}),
            ("action_create", {"text": "x"}),
            ("clean", {"days": 0}),
            ("clean", {"days": 0, "apply": True}),
            ("digest", {}),
            ("read", {"ref": new}),
        ):
            assert await alpha.refused(tool, **arguments) == LOST.format("alpha"), (tool, arguments)
        for _ in range(2):
            assert "1 unread brief for alpha" in await alpha("check")
            with pytest.raises(MCPError, match="no longer alpha"):
                await alpha.client.read_resource(f"mail://brief/{new}")
        for tool in ("actions", "action_list", "status", "roster", "checkup", "waiting"):
            await alpha(tool)  # who has lost the name may look on; whatever was shown before has been dealt with by now
        assert (await bravo("status")).splitlines()[1:4] == before
        await bravo("send", to="charlie", title="after all receipts")
        await charlie.until("check", "1 unread brief")
        assert "alpha (server1): delivered" in await charlie("read", ref=new)
        assert '"Do it": pending, for alpha' in await charlie("action_list")


async def test_a_session_that_has_lost_its_callsign_harms_no_other(node: Fleet, connect: Connect) -> None:
    """Others go on writing, and the end of the old session does not end the lease of the new one."""

    class Chosen(Member):
        @property
        def environment(self) -> dict[str, str]:
            return {**super().environment, "CLAUDEMAIL_INSTANCE": "instance3"}

    async with connect(node["server1"]) as alpha:
        async with connect(node["server1"]) as bravo:
            await take_over(node["server1"], "bravo")
            assert await bravo.refused("action_create", text="x") == LOST.format("bravo")
            assert "Accepted" in await alpha("send", to="bravo", title="to whoever it is")
        async with connect(Chosen(node["server1"].config_path)) as delta:
            assert "You are delta" in await delta("roster")
        roster = await alpha.until(
            "roster", "delta, of instance instance3: away"
        )  # so the end of bravo was noted as well
        assert "bravo, of instance instance1: live" in roster


async def test_a_digest_does_not_claim_to_have_marked_what_it_may_not(node: Fleet, connect: Connect) -> None:
    """A session that has lost its callsign is not told that its mail is marked read now."""
    async with connect(node["server1"]) as alpha, connect(node["server1"]) as bravo:
        await take_over(node["server1"], "alpha")
        await bravo("send", to="alpha", title="new")
        digest, _ = await alpha.outcome("digest")
        assert "These are now marked read." not in digest
