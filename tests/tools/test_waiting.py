"""claudemail_waiting: what a session waits for, and waiting for it across two nodes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from claudemail.testing import Fleet

Connect = Callable[..., Any]


def ref_of(answer: str) -> str:
    """Return the ref in the answer to a send."""
    match = re.match(r"Accepted: (\w+) \(\d+\)", answer)
    assert match, answer
    return match[1]


async def begin(session: Any, **arguments: Any) -> asyncio.Task[str]:
    """Start a wait, and return once the gateway has it: it has answered a call that came after."""
    waiting = asyncio.create_task(session("waiting", **{"wait_s": 60, **arguments}))
    for _ in range(2):
        await session("actions")  # the first lets the task begin, the second is behind it in the line
    return waiting


async def test_briefs_wait_until_they_are_read_and_answered(nodes: Fleet, connect: Connect) -> None:
    """A brief is listed with who has not read it, then as unanswered, and no more once it is both read and answered."""
    async with (
        connect(nodes["server1"]) as alpha,
        connect(nodes["server1"]) as bravo,
        connect(nodes["server2"]) as charlie,
    ):
        assert "You wait for nothing" in await alpha("waiting")
        ref = ref_of(await alpha("send", to="bravo, charlie", title="Plan?", action="Say yes"))
        await charlie.until("check", "1 unread brief")
        listed = await alpha.until("waiting", "charlie (server2): notified")
        assert (
            f'- {ref} (1) "Plan?": not read by 2 of 2: bravo (server1): delivered and charlie (server2): notified'
            in listed
        )
        assert re.search(r'What you asked for and is not done:\n- \w+ \(1\) "Say yes": pending, nobody\'s yet', listed)
        await bravo("digest")
        assert "not read by 1 of 2: charlie" in await alpha.until("waiting", "not read by 1")
        await bravo("send", reply_to=ref, title="Yes")
        assert "; somebody has answered" in await alpha.until("waiting", "answered")
        await charlie("read", ref=ref)
        await alpha.until("read", "ago by charlie", ref=ref)
        assert re.match(
            r"What you asked for and is not done:\n- \w+ \(1\) \"Say yes\": pending", await alpha("waiting")
        )
        other = ref_of(await alpha("send", to="charlie", title="And then?"))
        await charlie.until("search", "And then?", query="is:unread")
        await charlie("read", ref=other)
        await alpha.until("waiting", f'{other} (3) "And then?": read by all, no answer yet')
        await charlie("action_update", ref=1, status="dropped")
        await charlie("send", reply_to=other, title="Nothing")
        await alpha.until("waiting", "You wait for nothing")
        assert "You wait for nothing" not in await bravo("waiting")  # bravo's answer is unread


async def test_paging_visits_each_brief_that_waits_once(node: Fleet, connect: Connect) -> None:
    """Going on with the cursor of each page lists every brief once, newest first."""
    async with connect(node["server1"]) as alpha:
        for number in range(5):
            await alpha("send", to="charlie", title=f"brief {number}")
        seen: list[str] = []
        page: dict[str, str] = {}
        while True:
            answer = await alpha("waiting", limit=2, **page)
            seen += re.findall(r'"(brief \d)"', answer)
            more = re.search(r'call again with cursor="(\d+)"', answer)
            if more is None:
                break
            page = {"cursor": more[1]}
        assert seen == [f"brief {number}" for number in range(4, -1, -1)]


async def test_a_wait_ends_with_the_reply_that_comes_or_is_there(nodes: Fleet, connect: Connect) -> None:
    """A wait blocks until a reply comes, says which, and returns at once while that is unread; other mail does not end it."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        ref = ref_of(await alpha("send", to="charlie", title="Question"))
        await charlie.until("check", "1 unread brief")
        waiting = await begin(alpha)
        await charlie("send", to="alpha", title="Something else")
        await alpha.until("check", "1 unread brief")
        assert not waiting.done()
        reply = ref_of(await charlie("send", reply_to=ref, title="Answer", priority="high"))
        said = f'A reply has come: {reply} (3) "Answer" from charlie (server2), high, '
        assert said in (answer := await waiting)
        assert f"Read it with claudemail_read ref={reply}." in answer
        assert said in await alpha("waiting", wait_s=60)
        assert "2 unread briefs" in await alpha("check")  # waiting marks nothing read
        await alpha("read", ref=reply)
        assert "No reply within 0.1 s.\n" in await alpha("waiting", wait_s=0.1)


async def test_a_wait_for_one_thread_is_not_ended_by_another(nodes: Fleet, connect: Connect) -> None:
    """With a ref only a reply in that thread counts: neither one in another thread nor the end of an action does."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        first = ref_of(await alpha("send", to="charlie", title="First", action="Do it"))
        second = ref_of(await alpha("send", to="charlie", title="Second"))
        await charlie.until("check", "2 unread briefs")
        waiting = await begin(alpha, ref=first)
        await charlie("send", reply_to=second, title="To the second")
        await charlie("action_update", ref=1, status="done")
        await alpha.until("check", "1 unread brief")
        await alpha.until("action_list", '"Do it": done', status="done")
        assert not waiting.done()
        await charlie("send", reply_to=first, title="To the first")
        assert '"To the first" from charlie' in await waiting
        assert '"To the second" from charlie' in await alpha("waiting", wait_s=60, ref=second)


async def test_a_wait_ends_when_somebody_else_ends_what_one_asked_for(nodes: Fleet, connect: Connect) -> None:
    """An action that is done, dropped or blocked by another session ends the wait, with its note; begun, or one's own, not."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        for text in ("one", "two", "mine"):
            await alpha("action_create", text=text, assignee="charlie")
        await charlie.until("actions", "mine")
        waiting = await begin(alpha)
        await charlie("action_update", ref=1, status="wip")
        await alpha("action_update", ref=3, status="dropped")
        await charlie("action_create", text="not asked by alpha", assignee="me")
        await charlie("action_update", ref=4, status="done")
        await alpha.until("action_list", "not asked by alpha", status="done")
        assert not waiting.done()
        await charlie("action_update", ref=1, status="done", note="took an hour")
        ended = await waiting
        assert re.match(
            r'An action that you asked for is done: \w+ \(1\) "one": done, for charlie; note: "took an hour"\.$', ended
        )
        waiting = await begin(alpha)
        await charlie("action_update", ref=2, status="blocked")
        assert "An action that you asked for is blocked: " in await waiting


async def test_a_wait_tells_of_its_progress_and_ends_with_the_list(node: Fleet, connect: Connect) -> None:
    """A client that asks for it hears how long the wait goes on; the session's other calls are answered meanwhile."""
    heard: asyncio.Queue[tuple[float, float | None, str | None]] = asyncio.Queue()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        heard.put_nowait((progress, total, message))

    async with connect(node["server1"]) as alpha:
        await alpha("send", to="charlie", title="Question")
        call = alpha.client.call_tool("claudemail_waiting", {"wait_s": 6}, progress_callback=note)
        waiting = asyncio.create_task(call)
        assert "You are alpha" in await alpha("roster")
        hearing = asyncio.create_task(heard.get())
        await asyncio.wait({waiting, hearing}, return_when=asyncio.FIRST_COMPLETED)
        assert not waiting.done()
        result = await waiting
        progress, total, message = await hearing
        assert 0 < progress < 6
        assert total == 6
        assert message is not None
        assert message.startswith("no reply yet, ")
        assert not result.is_error
        assert result.content[0].text.startswith("No reply within 6 s.\nYour briefs of the last 14 days")
        assert '"Question": not read by 1 of 1: charlie' in result.content[0].text


async def test_a_wait_whose_gateway_is_killed_says_to_call_again(nodes: Fleet, connect: Connect) -> None:
    """The call ends with an error that says to call again; that works by itself, and finds the reply that came meanwhile."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        ref = ref_of(await alpha("send", to="charlie", title="Question"))
        await charlie.until("check", "1 unread brief")
        waiting = asyncio.create_task(alpha.refused("waiting", wait_s=60))
        for _ in range(2):
            await alpha("actions")
        nodes["server1"].kill()
        error = await waiting
        assert "The ClaudeMail gateway of this node stopped" in error
        assert "Call again" in error
        waiting = asyncio.create_task(alpha("waiting", wait_s=60))
        await charlie("send", reply_to=ref, title="Answer")
        assert '"Answer" from charlie (server2)' in await waiting


async def test_a_ref_narrows_the_list_as_well(node: Fleet, connect: Connect) -> None:
    """With a ref and no wait only that thread is listed, and an unknown ref is an error."""
    async with connect(node["server1"]) as alpha:
        ref = ref_of(await alpha("send", to="charlie", title="First"))
        await alpha("send", to="charlie", title="Second")
        assert "no brief 'zzzz'" in await alpha.refused("waiting", ref="zzzz")
        assert "Second" not in await alpha("waiting", ref=ref)


async def test_a_last_page_does_not_deny_the_pages_before(nodes: Fleet, connect: Connect) -> None:
    """Where only the first page had a brief that waits, the second does not say that all are answered."""
    async with connect(nodes["server1"]) as alpha, connect(nodes["server2"]) as charlie:
        ref = ref_of(await alpha("send", to="charlie", title="Old"))
        await charlie.until("check", "1 unread brief")
        await charlie("read", ref=ref)
        await charlie("send", reply_to=ref, title="Answer")
        await alpha.until("waiting", "You wait for nothing")
        await alpha("send", to="charlie", title="New")
        first = await alpha("waiting", limit=1)
        assert '"New"' in first
        more = re.search(r'call again with cursor="(\d+)"', first)
        assert more is None or "You wait for nothing" not in await alpha("waiting", limit=1, cursor=more[1])


async def test_a_wrong_cursor_is_told_before_the_wait(node: Fleet, connect: Connect) -> None:
    """A cursor that is none is refused at once, and not after an hour, or never where a reply comes."""
    async with connect(node["server1"]) as alpha, connect(node["server1"]) as bravo:
        await alpha("send", to="bravo", title="Question")
        await bravo("send", reply_to="1", title="Answer")
        assert "Call without a cursor" in await alpha.refused("waiting", wait_s=60, cursor="x")
