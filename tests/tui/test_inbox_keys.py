"""What is done to briefs from the inbox: marks, copies, answers, another try."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.message import Message

from claudemail.config import Config
from claudemail.model.parcel import Answer, Refusal
from claudemail.office import Office
from claudemail.tui.messages import Go, Write
from claudemail.tui.places import Place, Where
from tests.tui.conftest import NARROW, SMALL, WIDE, Console, Seen, Send
from tests.tui.test_hostile import NASTY


def _told(seen: Seen) -> list[str]:
    return [one.message for one in seen.app._notifications]


def _marked(seen: Seen, sign: str) -> set[str]:
    return {row.title for row, line in zip(seen.pane.listing.rows, seen.lines()[3:], strict=False) if sign in line[:60]}


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Seen], list[Message]]:
    """A function that has what the pane asks of the screen noted, and kept from it."""

    def listen(seen: Seen) -> list[Message]:
        noted: list[Message] = []
        post = seen.pane.post_message

        def note(message: Message) -> bool:
            if isinstance(message, Go | Write):
                noted.append(message)
                seen.app.ahead.release()  # no line to type into comes of it here
                return True
            return post(message)

        monkeypatch.setattr(seen.pane, "post_message", note)
        return noted

    return listen


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_stars(office: Office, console: Console, send: Send, size: tuple[int, int]) -> None:
    """The key s stars the brief under the cursor, those that are marked, or the one that is read; u takes that back."""
    for number in range(3):
        await send("alpha", "bravo", f"brief {number}", "text")
    async with console(office, size) as seen:
        await seen.press("s")
        await seen.until(lambda: [row.starred for row in seen.pane.listing.rows] == [True, False, False])
        assert any("★" in line and "brief 2" in line for line in seen.lines())
        assert any("Starred brief 2" in words for words in _told(seen))
        await seen.press("space", "space", "s")
        await seen.until(lambda: [row.starred for row in seen.pane.listing.rows] == [True, True, False])
        assert any("Starred 2 briefs" in words for words in _told(seen))
        await seen.press("u")
        await seen.until(lambda: [row.starred for row in seen.pane.listing.rows] == [True, False, False])
        await seen.press("escape")
        assert not seen.pane.listing.marked
        await seen.press("enter")
        await seen.until(lambda: seen.pane.reading and seen.shown == "brief 0")
        await seen.press("s")
        await seen.until(lambda: seen.pane.brief.view is not None and seen.pane.brief.view.starred)
        assert "★ brief 0" in seen.text()
        await seen.press("s", "escape")
        await seen.until(lambda: not seen.pane.listing.rows[2].starred)


async def test_unread_again(office: Office, console: Console, send: Send) -> None:
    """The key U makes one's own mail unread, which u takes back; of others' mail it is told that that cannot be."""
    await send("alpha", "bravo", "theirs")
    mine = await send("alpha", "operator", "mine", "text")
    async with console(office) as seen:
        await seen.press("U")
        await seen.until(lambda: any("mine: unread as it is" in words for words in _told(seen)))
        await seen.press("enter")
        await seen.until(lambda: "yours, read" in seen.text())
        await seen.press("U")
        await seen.until(lambda: "yours, unread" in seen.text() and "1 unread" not in seen.lines()[2])
        assert (await office.check(office.operator())).unread == 1
        assert "operator@server1 ✓ read" in seen.text()
        await seen.press("u")
        await seen.until(lambda: "yours, read" in seen.text())
        await seen.press("escape", "j", "U")
        await seen.until(lambda: any("Only your own mail" in words for words in _told(seen)))
        assert (await office.check(await office.party("bravo"))).unread == 1
    assert (await office.read(office.operator(), mine.ref)).mailboxes == ["operator"]


async def test_all_read(office: Office, console: Console, send: Send) -> None:
    """The key M marks all of one's own mail read; where that is much it asks; u takes it back."""
    await send("alpha", "bravo", "theirs")
    for number in range(3):
        await send("alpha", "operator", f"mine {number}")
    operator = office.operator()
    async with console(office, NARROW) as seen:
        await seen.press("M")
        await seen.until(lambda: seen.headline.state is not None and seen.headline.state.unread == 1)
        assert any("Marked 3 briefs read" in words for words in _told(seen))
        await seen.press("u")
        await seen.until(lambda: seen.headline.state is not None and seen.headline.state.unread == 4)
        for number in range(3, 21):
            await send("alpha", "operator", f"mine {number}")
        await seen.press("M")
        await seen.until(lambda: "Mark all 21 of your unread briefs read?" in seen.text())
        await seen.press("n", "enter")
        assert (await office.check(operator)).unread == 21
        await seen.press("M")
        await seen.until(lambda: len(seen.app.screen_stack) == 2)
        await seen.press("y", "enter")
        await seen.until(lambda: seen.headline.state is not None and seen.headline.state.unread == 1)
        await seen.press("M")
        await seen.until(lambda: any("All of your own mail is read." in words for words in _told(seen)))


async def test_copying(
    office: Office, console: Console, send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key y copies the text and Y the ref, scrubbed, to the terminal's clipboard and inside tmux to its buffer."""
    tool = tmp_path / "tmux"
    tool.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/buffer\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    await send("operator", "bravo", "no text")
    sent = await send("operator", "bravo", "title", "line one\nline \x1b]52;c;aGVsbG8=\x07two \u202eodd")
    async with console(office) as seen:
        await seen.press("y")
        await seen.until(lambda: any(f"Copied the text of {sent.ref}, " in words for words in _told(seen)))
        assert seen.app.clipboard == "line one\nline ]52;c;aGVsbG8=two odd"
        assert (tmp_path / "buffer").read_text() == seen.app.clipboard
        assert (tmp_path / "asked").read_text() == "load-buffer -w -\n"
        await seen.press("Y")
        await seen.until(lambda: f"Copied {sent.ref}." in _told(seen))
        assert (tmp_path / "buffer").read_text() == sent.ref
        await seen.press("j", "y")
        await seen.until(lambda: any("has no text to copy" in words for words in _told(seen)))
        tool.unlink()
        monkeypatch.setenv("PATH", str(tmp_path))
        await seen.press("Y")
        await seen.until(lambda: seen.app.clipboard not in (sent.ref, "") and len(seen.app.clipboard) == 4)


async def test_to_its_action(
    office: Office, console: Console, send: Send, posted: Callable[[Seen], list[Message]]
) -> None:
    """The key o leads to the action that a brief asks for, asks which where there are several, and says where there is none."""
    await send("alpha", "bravo", "nothing to do")
    await send("alpha", "bravo", "one", actions=[{"text": "Review it"}])
    await send("alpha", "bravo", "two", actions=[{"text": "First [/x]"}, {"text": "Second", "assignee": "alpha"}])
    actions = {
        action.text: action.ref
        for word in ("2", "3")
        for action in (await office.read(office.operator(), word)).actions
    }
    async with console(office) as seen:
        noted = posted(seen)
        await seen.press("o")
        await seen.until(lambda: "To which action?" in seen.text() and "First [/x]" in seen.text())
        await seen.press(*"second", "enter")
        await seen.until(lambda: noted == [Go(Place(Where.ACTIONS, actions["Second"]))])
        await seen.press("j", "o")
        await seen.until(lambda: noted[1:] == [Go(Place(Where.ACTIONS, actions["Review it"]))])
        await seen.press("j", "o")
        await seen.until(lambda: any("asks for no action" in words for words in _told(seen)))


async def test_writing(office: Office, console: Console, send: Send, posted: Callable[[Seen], list[Message]]) -> None:
    """The keys c, r, R and F ask for a new brief, an answer, one to everyone, and to pass it on; without mail only c does."""
    async with console(office) as seen:
        noted = posted(seen)
        await seen.press("r", "R", "F", "c", "s", "y", "Y", "o", "v", "i", "U", "ctrl+r", "J", "K", "n", "p")
        assert noted == [Write()]
        sent = await send("alpha", "bravo", "title")
        await seen.until(lambda: seen.title == "title")
        noted.clear()
        await seen.press("r", "R", "F")
        await seen.press("enter", "r")
        assert noted == [
            Write(about=sent.id), Write(about=sent.id, everyone=True), Write(about=sent.id, forward=True), Write(about=sent.id),
        ]  # fmt: skip


async def test_trying_again(office: Office, console: Console, send: Send) -> None:
    """A brief says why it waits and when it is tried again; ctrl+r tries at once, and sends what was given up again."""
    await send("alpha", "bravo", "here")
    await send("alpha", "charlie", "away")
    now = office.now()
    await office.transit.unreachable("server2", "connection refused", now + 90_000)
    async with console(office) as seen:
        seen.clock.now = now
        await seen.press("f", "f", "f")
        await seen.until(
            lambda: "charlie@server2 → queued now: connection refused; next try " in " ".join(seen.text().split())
        )
        before = await office.transit.retry_asked("server2")
        await seen.press("ctrl+r")
        await seen.until(lambda: "server2 tried now." in _told(seen))
        assert await office.transit.retry_asked("server2") == before + 1
        batch = await office.transit.next_batch("server2")
        assert batch is not None
        refused = [Refusal(seq=batch.parcels[-1].seq, code="odd", reason="no such [/x] name")]
        await office.transit.acknowledged("server2", batch, Answer(have=batch.parcels[-1].seq, refused=refused))
        await seen.until(lambda: "charlie@server2 × failed now: no such [/x] name" in seen.text())
        await seen.press("ctrl+r")
        await seen.until(lambda: "1 dead letter sent again. server2 tried now." in _told(seen))
        await seen.until(lambda: "→ queued" in seen.text())
        await seen.press("j", "ctrl+r")
        await seen.until(lambda: any("waits to be sent" in words for words in _told(seen)))


async def test_actions_say_what_has_become_of_them(office: Office, console: Console, send: Send) -> None:
    """The actions of a brief show their state as it is now, not only what was asked."""
    from claudemail.office.actions import ActionUpdate

    await send(
        "alpha", "bravo", "asks", "text",
        actions=[{"text": "Review it", "due": "2026-01-02", "priority": "high"}, {"text": "Close it"}],
    )  # fmt: skip
    operator = office.operator()
    first, second = (await office.read(operator, "1")).actions
    async with console(office) as seen:
        seen.clock.now = office.now()
        await seen.until(lambda: "□ Review it" in seen.text() and "pending" in seen.text())
        await office.update_action(
            operator, first.ref, ActionUpdate.model_validate({"status": "wip", "assignee": "charlie"})
        )
        await office.update_action(operator, second.ref, ActionUpdate.model_validate({"status": "done"}))
        await seen.until(lambda: "▶ Review it" in seen.text() and "✓ Close it" in seen.text())
        text = " ".join(seen.text().split())
        assert "charlie · ! high · overdue since 2026-01-02" in text
        assert "done now" in text


async def test_a_store_that_fails_is_told(config: Config, office: Office, console: Console, send: Send) -> None:
    """A star that cannot be stored is told, with what to do, and works again once the store does."""
    await send("alpha", "operator", "brief", "text")

    def rename(old: str, new: str) -> None:
        with sqlite3.connect(config.db_path) as connection:
            connection.execute(f"ALTER TABLE {old} RENAME TO {new}")
        connection.close()

    async with console(office) as seen:
        await seen.until(lambda: seen.shown == "brief")
        rename("stars", "gone")
        await seen.press("s")
        await seen.until(lambda: any("no such table: stars" in words for words in _told(seen)))
        assert seen.app.is_running
        rename("gone", "stars")
        await seen.press("s")
        await seen.until(lambda: seen.pane.listing.rows[0].starred)


async def test_nasty_titles_in_what_is_told(office: Office, console: Console, send: Send) -> None:
    """What is told of briefs, and asked about them, is text whatever they are called."""
    for text in NASTY[:5]:
        await send("alpha", "operator", text, text, actions=[{"text": text}, {"text": f"x {text}"}])
    async with console(office, NARROW) as seen:
        for _ in range(5):
            await seen.press("s", "U", "y", "o")
            await seen.until(lambda: len(seen.app.screen_stack) == 2)
            await seen.press("escape", "j")
        seen.app.refresh()
        await seen.pilot.pause()
        assert seen.app.is_running
