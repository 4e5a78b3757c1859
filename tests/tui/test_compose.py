"""Writing a brief: recipients, fields, preview, drafts, sending and taking back."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from claudemail.config import Config
from claudemail.errors import GatewayUnavailable
from claudemail.model.brief import MAX_BRIEF_BYTES, Draft, Priority
from claudemail.model.views import BriefView
from claudemail.office import Office
from claudemail.tui.app import ConsoleApp
from claudemail.tui.drafts import Drafts, KeptDraft
from claudemail.tui.messages import Write
from claudemail.tui.screens.compose import ComposeScreen
from claudemail.tui.writing import blank
from tests.tui.conftest import NARROW, SMALL, WIDE, Clock, Console, Seen, Send
from tests.tui.hand import Hand
from tests.tui.test_hostile import NASTY, _check
from tests.tui.test_quiet import Counting


@pytest.fixture
def drafts(config: Config) -> Drafts:
    """The drafts that are kept."""
    return Drafts(config.state_dir)


@pytest.fixture
def at_once(office: Office) -> Office:
    """An office whose console sends without delay."""
    office.config.console.send_delay_s = 0
    return office


@pytest.fixture
def later(office: Office) -> Office:
    """An office whose console sends after so long that no test waits for it."""
    office.config.console.send_delay_s = 60
    return office


def writing(seen: Seen) -> ComposeScreen:
    """The screen on which a brief is being written."""
    screen = seen.app.screen
    assert isinstance(screen, ComposeScreen)
    return screen


def toasts(seen: Seen) -> str:
    """What the console has notified of, which tests do not draw."""
    return "\n".join(one.message for one in seen.app._notifications)


async def begin(seen: Seen, **wanted: object) -> ComposeScreen:
    """Begin a brief as a pane does, and wait until the names are known."""
    seen.app.screen_stack[0].post_message(Write(**wanted))  # type: ignore[arg-type]
    await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen) and writing(seen)._directory is not None)
    return writing(seen)


async def fill(seen: Seen, to: str, title: str, body: str = "") -> ComposeScreen:
    """Begin a brief and fill it in."""
    screen = await begin(seen, to=to)
    screen._title.value = title
    screen._text.load_text(body)
    await seen.pilot.pause()
    return screen


async def last(office: Office) -> BriefView:
    """The newest brief of the node."""
    number = (await office.status()).briefs
    return await office.read(office.operator(), str(number))


@pytest.mark.parametrize("size", [WIDE, NARROW, SMALL])
async def test_a_brief_from_the_first_key_to_its_delivery(
    at_once: Office, console: Console, drafts: Drafts, size: tuple[int, int]
) -> None:
    """Names are taken from what is offered, fields follow each other, and the sent brief says how far it has come."""
    async with console(at_once, size) as seen:
        await seen.press("c")
        await seen.until(lambda: "alpha" in seen.text() and "no session yet" in seen.text())
        await seen.press(*"ALP", "tab", *"cha")
        assert "Nobody" not in seen.text()
        await seen.press("enter", "enter", *"Deploy", "enter", *"fri", "enter", *"- [ ] look", "ctrl+t")
        assert writing(seen).draft.to == "alpha, charlie,"
        await seen.until(lambda: "To 2 mailboxes: alpha (no" in " ".join(seen.text().split()))
        assert "! high" in seen.text()
        await seen.press("ctrl+s")
        await seen.until(lambda: re.search(r"Sent \w+ ", seen.lines()[-2]) is not None)
        if size == WIDE:
            assert "alpha ✓ delivered · charlie → queued" in seen.lines()[-2]
        view = await last(at_once)
        assert (view.brief.title, view.brief.to, view.brief.priority) == ("Deploy", ["alpha", "charlie"], "high")
        assert [action.text for action in view.brief.actions] == ["look"]
        assert view.brief.due is not None
        assert drafts.all() == []
        await seen.press("q")
        assert not seen.app.is_running


async def test_recipients_are_offered_with_who_is_there(office: Office, console: Console) -> None:
    """Each name has its node, its project and whether it is there; groups have how many they are; names at fault are said."""
    await office.claim("bravo", "instance1", holder="h", pid=1, client_pid=1, session_id=None, project="[/web]")
    async with console(office) as seen:
        screen = await begin(seen)
        await seen.until(lambda: "bravo" in seen.text())
        [line] = [line for line in seen.lines() if "bravo" in line]
        assert "● live · server1 · [/web]" in line
        assert any("charlie" in line and "· no session yet · server2" in line for line in seen.lines())
        await seen.press("a", "l", "l")
        assert any("all" in line and "everyone: 3" in line for line in seen.lines())
        await seen.press("tab")
        assert screen._title.has_focus
        assert "To 3 mailboxes:" in seen.text()
        screen._to.value = "@server2, nonesuch"
        await seen.until(lambda: "Nobody is called 'nonesuch'" in seen.text())
        screen._to.value = "oper"
        screen._to.focus()
        await seen.press("end")
        await seen.until(
            lambda: any("operator@server2" in line and "the operator of server2" in line for line in seen.lines())
        )


async def test_choosing_among_the_names(office: Office, console: Console) -> None:
    """Arrows go through what is offered, a click takes a name, escape puts them away before it leaves."""
    async with console(office) as seen:
        screen = await begin(seen)
        await seen.press("down", "down", "up", "tab")
        first = screen._to.value
        assert first.endswith(", ")
        await seen.press("s", "down", "tab")
        assert screen._to.value.startswith(first)
        assert len(screen._to.value) > len(first)
        await seen.press("c", "h")
        assert screen._to.is_offering
        await seen.pilot.click("#offered", offset=(14, 0))
        assert screen._to.value.endswith("charlie, ")
        await seen.press("a", "escape")
        assert not screen._to.is_offering
        assert seen.app.screen is screen
        await seen.press("down")
        assert screen._title.has_focus
        await seen.press("shift+tab", "backspace", "up")
        assert screen._to.has_focus


async def test_preview_and_priority(config: Config, office: Office, console: Console) -> None:
    """The preview shows head, signature, actions and Markdown, and is left by its key or escape; the priority goes round."""
    office.config.signatures["operator"] = "// out"
    async with console(office, NARROW) as seen:
        screen = await fill(
            seen, "charlie", "Plan", "# Head\n\n- [ ] Look @alpha !high due:2030-01-02\n\n" + "text\n\n" * 30
        )
        for words in ("! high", "!! urgent", "↓ low", "normal"):
            await seen.press("ctrl+t")
            assert words in seen.text()
        await seen.pilot.click("#priority")
        assert "! high" in seen.text()
        await seen.press("ctrl+p")
        await seen.until(lambda: "to charlie@server2" in seen.text())
        assert "□ Look  alpha · ! high · due 2030-01-02" in seen.text()
        for keys, seen_at_end in ((("G",), True), (("g",), False), (("end",), True), (("ctrl+u", "ctrl+u", "home"), False),
                                  (("ctrl+d",) * 9, True), (("k",), True)):  # fmt: skip
            await seen.press(*keys)
            assert ("// out" in seen.text()) == seen_at_end, keys
        await seen.press("j", "ctrl+p")
        assert screen._text.has_focus
        await seen.press("ctrl+p", "escape")
        assert seen.app.screen is screen
        assert screen._text.has_focus


WRONG = [
    ("", "t", "", "to nobody yet"),
    ("alpha", "", "", "has no title"),
    ("nonesuch", "t", "", "Nobody is called 'nonesuch'"),
    ("al/pha", "t", "", "is not an address"),
    ("alpha", "t", "someday", "'someday' is no day"),
]


async def test_what_is_wrong_is_said_and_nothing_is_lost(office: Office, console: Console, drafts: Drafts) -> None:
    """A brief that the office would not take stays on the screen with the reason, and on the disk."""
    async with console(office, NARROW) as seen:
        screen = await begin(seen)
        for to, title, due, said in WRONG:
            screen._to.value, screen._title.value, screen._due.value = to, title, due
            for key in ("ctrl+p", "ctrl+s"):
                await seen.press(key)
                await seen.until(lambda said=said: said in " ".join(seen.text().split()))  # type: ignore[misc]
        screen._due.value = ""
        screen._text.load_text("x" * MAX_BRIEF_BYTES)
        await seen.press("ctrl+s")
        await seen.until(lambda: "the limit is 256 KiB" in " ".join(seen.text().split()))
        await seen.until(lambda: len(drafts.all()) == 1 and len(drafts.all()[0].body) == MAX_BRIEF_BYTES)
        assert (await office.status()).briefs == 0


async def test_a_store_that_fails_while_sending(
    config: Config, at_once: Office, console: Console, drafts: Drafts
) -> None:
    """A brief that the store could not take is on the screen again with the reason, and is sent once the store can."""
    async with console(at_once) as seen:
        await fill(seen, "alpha", "precious", "words")
        with sqlite3.connect(config.db_path) as connection:
            connection.execute("ALTER TABLE send_keys RENAME TO gone")
        await seen.press("ctrl+s")
        await seen.until(lambda: "It was not sent." in seen.text() and "send_keys" in seen.text())
        assert [(one.title, one.body) for one in drafts.all()] == [("precious", "words")]
        with sqlite3.connect(config.db_path) as connection:
            connection.execute("ALTER TABLE gone RENAME TO send_keys")
        connection.close()
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sent " in seen.lines()[-2])
        assert (await last(at_once)).brief.title == "precious"
        assert drafts.all() == []


async def test_a_disk_that_takes_no_draft(config: Config, office: Office, console: Console) -> None:
    """Where drafts cannot be written that is said, and the screen is not left with words that are nowhere else."""
    Path(config.state_dir, "drafts").write_text("in the way")
    async with console(office, NARROW) as seen:
        screen = await fill(seen, "alpha", "title", "words")
        await seen.press("escape", "escape")
        await seen.until(lambda: "The draft cannot be kept" in seen.text())
        assert seen.app.screen is screen
        await seen.press("ctrl+q")
        assert seen.app.is_running


async def test_answers(config: Config, at_once: Office, console: Console, send: Send) -> None:
    """A reply goes to the sender, one to all to its other people, a forward to whoever is named, with the brief quoted."""
    asked = await send("alpha", "bravo, operator, charlie", "Question", "first\nsecond")
    async with console(at_once) as seen:
        screen = await begin(seen, about=asked.id)
        assert (screen.draft.to, screen.draft.title, screen.draft.body) == ("alpha", "Re: Question", "")
        assert "Reply to alpha: Question" in seen.text()
        assert screen._text.has_focus
        await seen.press(*"yes", "ctrl+s")
        await seen.until(lambda: "Sent " in seen.text())
        assert (await last(at_once)).brief.reply_to == asked.id
        screen = await begin(seen, about=asked.id, everyone=True)
        assert screen.draft.to == "alpha, bravo, charlie"
        await seen.press("escape")
        screen = await begin(seen, about=asked.id, forward=True)
        assert (screen.draft.to, screen.draft.title) == ("", "Fwd: Question")
        assert re.search(r'From alpha \(server1\), .*: "Question"\n\n> first\n> second\n', screen.draft.body)
        await seen.press(*"charlie", "enter", "ctrl+s")
        await seen.until(lambda: len(seen.app.screen_stack) == 1)
        await seen.until(lambda: "Sent " in seen.text())
        sent = await last(at_once)
        assert (sent.brief.title, sent.brief.reply_to) == ("Fwd: Question", None)


async def test_what_was_sent_is_taken_back(later: Office, console: Console, drafts: Drafts) -> None:
    """For some seconds a sent brief can be taken back, by key and by mouse, and is then written on as if nothing had been."""
    async with console(later, NARROW) as seen:
        await fill(seen, "alpha", "too early", "words")
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sends in 60 s" in seen.lines()[-2] or "Sends in 59 s" in seen.lines()[-2])
        assert "u takes it back" in seen.lines()[-2]
        assert [one.sent for one in drafts.all()] == [True]
        await seen.press("u")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        assert (writing(seen).draft.title, writing(seen).draft.body) == ("too early", "words")
        assert (await later.status()).briefs == 0
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sends in" in seen.lines()[-2])
        await seen.pilot.click("#sent")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        await seen.press("escape")
        assert "Sends in" not in seen.text()
        assert [one.sent for one in drafts.all()] == [False]


async def test_quitting_sends_what_waits(later: Office, console: Console, drafts: Drafts) -> None:
    """A console that is left while a brief waits for its time sends it first, once."""
    async with console(later) as seen:
        await fill(seen, "alpha", "on its way")
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sends in" in seen.text())
        await seen.press("q")
        await seen.until(lambda: not seen.app.is_running)
    assert (await later.status()).briefs == 1
    assert drafts.all() == []


async def test_drafts_are_taken_up_again(office: Office, console: Console, drafts: Drafts, send: Send) -> None:
    """A draft that was left is offered by `c`, one of an answer is taken up by answering again, and `q` asks once."""
    asked = await send("alpha", "operator", "Question")
    async with console(office) as seen:
        await begin(seen, about=asked.id)
        await seen.press(*"half", "escape")
        await fill(seen, "bravo", "the other")
        await seen.press("escape")
        assert {one.title for one in drafts.all()} == {"Re: Question", "the other"}
        await seen.press("c")
        await seen.until(lambda: "New brief" in seen.text())
        assert any("the other" in line and "to bravo · now" in line for line in seen.lines())
        await seen.press(*"other", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        assert writing(seen).draft.to == "bravo"
        await seen.press("escape")
        assert (await begin(seen, about=asked.id)).draft.body == "half"
        await seen.press("escape", "q")
        await seen.until(lambda: "2 drafts kept, not sent." in toasts(seen))
        assert seen.app.is_running
        await seen.press("q")
        assert not seen.app.is_running
    async with console(office) as seen:
        await seen.press("q")
        assert not seen.app.is_running


async def test_throwing_a_draft_away(office: Office, console: Console, drafts: Drafts) -> None:
    """An untouched brief goes at once; one with words is asked for, and gone then; what is kept by saying no stays."""
    async with console(office) as seen:
        await begin(seen)
        await seen.press("ctrl+g")
        assert len(seen.app.screen_stack) == 1
        screen = await fill(seen, "alpha", "title")
        await seen.press("ctrl+g", "escape")
        assert seen.app.screen is screen
        await seen.press("ctrl+g", *"keep", "enter")
        assert seen.app.screen is screen
        assert await screen.keep()
        assert len(drafts.all()) == 1
        await seen.press("ctrl+g", *"disc", "enter")
        await seen.until(lambda: len(seen.app.screen_stack) == 1)
        assert drafts.all() == []
        await begin(seen)
        await seen.press("escape", "q")
        assert not seen.app.is_running


async def test_no_editor_in_a_terminal_that_cannot_lend_itself(office: Office, console: Console) -> None:
    """Where no program can be given the terminal, that is said and the draft is as it was; so it is where there is none."""
    async with console(office) as seen:
        screen = await fill(seen, "alpha", "title", "words")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VISUAL", "true")
            await seen.press("ctrl+e")
            await seen.until(lambda: "No editor can be opened" in seen.text())
            for value, said in (("/nonesuch/vim -x", "'/nonesuch/vim -x' is not there"), ('"', "cannot be run")):
                patch.setenv("VISUAL", value)
                await seen.press("ctrl+e")
                await seen.until(lambda said=said: said in seen.text())  # type: ignore[misc]
        assert screen.draft.body == "words"


def _sent(clock: Clock, title: str) -> KeptDraft:
    return blank("alpha", clock()).model_copy(update={"title": title, "sent": True})


async def test_a_console_that_was_killed_before_it_could_send(
    at_once: Office, console: Console, drafts: Drafts, clock: Clock
) -> None:
    """The next one says which brief was not sent, and it can be; one that had been accepted is gone, and sent no second time."""
    lost, accepted = _sent(clock, "not accepted"), _sent(clock, "accepted")
    drafts.keep(lost)
    drafts.keep(accepted)
    await at_once.send(at_once.operator(), Draft(to=["alpha"], title="accepted", key=accepted.key))
    async with console(at_once) as seen:
        await seen.until(lambda: "Not sent before the console ended: not accepted." in toasts(seen))
        assert [one.title for one in drafts.all()] == ["not accepted"]
        await seen.press("c")
        await seen.until(lambda: "was not sent" in seen.text())
        await seen.press("down", "down", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sent " in seen.lines()[-2])
        assert (await at_once.status()).briefs == 2


async def test_a_draft_that_was_accepted_and_then_changed(
    at_once: Office, console: Console, drafts: Drafts, clock: Clock
) -> None:
    """A changed draft of a brief that had been accepted is not sent for the same: that is said, and it goes as a new one."""
    draft = _sent(clock, "title").model_copy(update={"sent": False})
    drafts.keep(draft)
    await at_once.send(at_once.operator(), Draft(to=["alpha"], title="title", key=draft.key))
    async with console(at_once) as seen:
        await seen.press("c", "down", "down", "enter")
        await seen.until(lambda: isinstance(seen.app.screen, ComposeScreen))
        writing(seen)._title.value = "changed"
        await seen.press("ctrl+s")
        await seen.until(lambda: "It was not sent." in seen.text() and "already stands for brief" in seen.text())
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sent " in seen.lines()[-2])
        assert (await at_once.status()).briefs == 2
        assert drafts.all() == []


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_hostile_text_while_writing(
    later: Office, console: Console, send: Send, drafts: Drafts, size: tuple[int, int]
) -> None:
    """Whatever a brief that is answered or a draft holds, it is text in every part of the screen, and in what is said of it."""
    body = "\n\n".join(NASTY)
    for index, text in enumerate(NASTY[:6]):
        asked = await send("alpha", "operator", text, body)
        drafts.keep(blank("alpha", index).model_copy(update={"title": text, "body": body, "sent": True}))
    async with console(later, size) as seen:
        _check(seen)
        await seen.press("c")
        await seen.until(lambda: "was not sent" in seen.text() or "now" in seen.text())
        _check(seen)
        await seen.press("escape")
        screen = await begin(seen, about=asked.id, forward=True)
        _check(seen)
        screen._to.value = "[/x], \x1b[31m"
        await seen.press("ctrl+s")
        _check(seen)
        screen._to.value = "alpha"
        screen._due.value = "[@click=app.quit]"
        await seen.press("ctrl+s")
        await seen.until(lambda: "is no day" in " ".join(seen.text().split()))
        _check(seen)
        screen._due.value = ""
        await seen.press("ctrl+p")
        await seen.until(lambda: screen._preview.display)
        for part in ("#preview-head", "#preview-body"):
            await seen.pilot.click(part)
        _check(seen)
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sends in" in seen.text())
        _check(seen)
        assert seen.app.is_running


async def test_the_line_follows_the_brief_and_leads_to_it(at_once: Office, console: Console) -> None:
    """What was sent says when it has been read, and a click goes to it."""
    async with console(at_once) as seen:
        await fill(seen, "alpha", "follow me")
        await seen.press("ctrl+s")
        await seen.until(lambda: "alpha ✓ delivered" in seen.lines()[-2])
        view = await last(at_once)
        await at_once.shown(await at_once.party("alpha"), [view.number])
        await seen.until(lambda: "alpha ✓ read" in seen.lines()[-2])
        await seen.press("2")
        await seen.pilot.click("#sent")
        await seen.until(lambda: seen.app.screen_stack[0].query_one("#inbox").display)


async def test_a_brief_as_long_as_any_is_quick_to_keep(office: Office, console: Console, drafts: Drafts) -> None:
    """What is typed is on the disk a moment later, without a key for that, also in a long brief."""
    async with console(office) as seen:
        await begin(seen, to="alpha")
        await seen.press(*"Title")
        await seen.until(lambda: [one.title for one in drafts.all()] == ["Title"] and "kept" in seen.lines()[0])
        assert drafts.all()[0].priority is Priority.NORMAL


async def test_mail_for_other_nodes_is_carried(at_once: Office, clock: Clock) -> None:
    """The gateway is started for mail to other nodes only, and one that does not start is told; the brief is safe."""
    started: list[str] = []

    def start() -> None:
        started.append("tried")
        raise GatewayUnavailable("no room [/x].")

    app = ConsoleApp(at_once, wall=clock, start_gateway=start)
    async with app.run_test(size=WIDE):
        seen = Seen(app, Hand(app), clock)
        await fill(seen, "alpha", "here")
        await seen.press("ctrl+s")
        await seen.until(lambda: "Sent " in seen.lines()[-2])
        assert started == []
        await fill(seen, "charlie", "there")
        await seen.press("ctrl+s")
        await seen.until(lambda: "this node's gateway could not be started. no room [/x]." in toasts(seen))
        assert started == ["tried"]
        assert (await at_once.status()).briefs == 2


async def test_nothing_is_written_while_nobody_types(office: Office, console: Console) -> None:
    """A brief that is being written draws nothing by itself: no cursor blinks, and keeping what is kept shows nothing."""
    async with console(office, NARROW, kind=Counting) as seen:
        await fill(seen, "alpha", "title", "words")
        await seen.until(lambda: "kept" in seen.lines()[0])
        assert isinstance(seen.app, Counting)
        await seen.pilot.pause()
        seen.app.frames = 0
        asked = seen.app.asked
        seen.app.ask_again()
        await seen.until(lambda: seen.app.asked > asked)
        await seen.pilot.pause(1.2)  # longer than a blink of Textual's cursor
        assert seen.app.frames == 0
