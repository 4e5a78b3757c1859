"""`claudemail waiting`: what somebody waits for, and waiting for the next answer."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest

from claudemail.cli import waiting
from claudemail.clock import wall_ms
from claudemail.model.brief import Draft
from claudemail.model.views import WaitEnd, WaitingView
from claudemail.office import Office
from claudemail.office import waiting as office_waiting
from claudemail.sockets import socket_folder
from claudemail.testing import until

DAY_MS = 86_400_000
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe \U000e0041tag\nsecond"


def assert_harmless(text: str) -> None:
    """Assert that a terminal does nothing but show the text."""
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
    assert "\u202e" not in text
    assert "\U000e0041" not in text


def titles(node: Any, *arguments: str) -> list[str]:
    """Return the titles of the briefs that are waited for."""
    return [brief["row"]["title"] for brief in node("waiting", *arguments, "--json").json["briefs"]]


class TestList:
    """What is still out."""

    def test_nothing(self, node: Any) -> None:
        """Who waits for nothing is told so; mail and actions of others are none of it."""
        node.send("alpha", "Hello", actions=["Do it"])
        ran = node("waiting", "--as", "alpha")
        assert (ran.code, ran.out) == (0, "alpha waits for nothing.\n")

    def test_unread(self, node: Any) -> None:
        """A brief that is unread is listed with how many have not read it, and how far it has come to each of those."""
        ref = node.send("alpha,charlie", "Deploy blocker")
        node("read", ref, "--as", "alpha")
        first, second = node("waiting", "--as", "bravo").out.splitlines()
        assert first == f"{ref} Deploy blocker  unread by 1 of 2, no answer yet"
        assert second.startswith("  charlie (server2)  queued ")

    def test_unanswered(self, node: Any) -> None:
        """What all have read and nobody has answered is listed still, and no longer once it is answered."""
        ref = node.send("alpha", "Deploy blocker")
        node("read", ref, "--as", "alpha")
        assert node("waiting", "--as", "bravo").out == f"{ref} Deploy blocker  read by all, no answer yet\n"
        node.send("bravo", "Re: Deploy blocker", "alpha", reply_to=ref)
        assert node("waiting", "--as", "bravo").out == "bravo waits for nothing.\n"
        assert titles(node, "--as", "alpha") == ["Re: Deploy blocker"]

    def test_answered_by_some(self, node: Any) -> None:
        """What somebody answered and another has not read is listed as both."""
        ref = node.send("alpha,charlie", "Deploy blocker")
        node("read", ref, "--as", "alpha")
        node.send("bravo", "Re: Deploy blocker", "alpha", reply_to=ref)
        assert "unread by 1 of 2, answered by some" in node("waiting", "--as", "bravo").out.splitlines()[0]

    def test_actions(self, node: Any) -> None:
        """What somebody asked for is listed until it is done or dropped."""
        node("action", "create", "Rotate the keys", "--assignee", "alpha", "--as", "bravo")
        node("action", "create", "Rotate the logs", "--assignee", "alpha", "--as", "bravo")
        head, first, second = node("waiting", "--as", "bravo").out.splitlines()
        assert head == "Asked for, and not done:"
        assert "Rotate the keys" in first
        assert "Rotate the logs" in second
        node("action", "done", "1", "--as", "alpha")
        node("action", "drop", "2", "--as", "alpha")
        assert node("waiting", "--as", "bravo").out == "bravo waits for nothing.\n"

    def test_many_actions(self, node: Any) -> None:
        """Of many actions the first are listed, and how to list all is said."""
        node.send("alpha", "Plan", "operator", actions=[f"Step {number}" for number in range(21)])
        lines = node("waiting").out.splitlines()
        assert len([line for line in lines if "Step " in line]) == 20
        assert lines[-1] == "and more: claudemail action list --asker me"

    def test_operator(self, node: Any) -> None:
        """Without --as it is what the operator waits for."""
        node.send("alpha", "Mine", "operator")
        node.send("alpha", "Bravo's")
        assert titles(node) == ["Mine"]

    def test_days(self, node: Any) -> None:
        """Two weeks are looked back, or as many days as are asked for."""

        async def send_long_ago() -> None:
            async with await Office.open(node.config, wall=lambda: wall_ms() - 20 * DAY_MS) as office:
                await office.send(await office.party("bravo"), Draft(to=["alpha"], title="Long ago"))

        asyncio.run(send_long_ago())
        node.send("alpha", "Today")
        assert titles(node, "--as", "bravo") == ["Today"]
        assert titles(node, "--as", "bravo", "--days", "21") == ["Today", "Long ago"]

    def test_pages(self, node: Any) -> None:
        """With the cursor that is printed, the pages together are all of it, newest first, each brief once."""
        refs = [node.send("alpha", f"Brief {number}") for number in range(5)]
        node("read", refs[2], "--as", "alpha")
        node.send("bravo", "Re: Brief 2", "alpha", reply_to=refs[2])
        seen: list[str] = []
        again: list[str] = []
        while True:
            lines = node("waiting", "--as", "bravo", "--limit", "2", *again).out.splitlines()
            seen += [line.split()[2] for line in lines if " Brief " in line]
            if "--cursor" not in lines[-1]:
                break
            again = ["--cursor", lines[-1].split("--cursor ")[1]]
        assert seen == ["4", "3", "1", "0"]

    def test_json(self, node: Any) -> None:
        """The JSON is the view, in ASCII, and nothing is marked read."""
        node.send("alpha", "Schlüssel", actions=["Tauschen"])
        ran = node("waiting", "--as", "bravo", "--json")
        found = WaitingView.model_validate(ran.json)
        assert ran.out.isascii()
        assert [(brief.row.title, brief.answered) for brief in found.briefs] == [("Schlüssel", False)]
        assert [action.text for action in found.actions.rows] == ["Tauschen"]
        assert (found.cursor, found.days, node.unread("alpha")) == (None, 14, 1)


class TestWait:
    """`--wait`."""

    @pytest.fixture
    def ref(self, node: Any) -> str:
        """The ref of a brief that bravo sent."""
        sent: str = node.send("alpha,charlie", "Deploy blocker")
        return sent

    def test_an_answer_that_is_there(self, node: Any, ref: str) -> None:
        """An answer that nobody has read yet ends the wait at once, and stays unread."""
        answer = node.send("bravo", "Re: Deploy blocker", "alpha", reply_to=ref)
        ran = node("waiting", "--as", "bravo", "--wait", "3600")
        assert ran.code == 0
        assert ran.out.startswith(f'Answer: {answer} (2) "Re: Deploy blocker" from alpha (server1), ')
        assert node.unread("bravo") == 1

    def test_json(self, node: Any, ref: str) -> None:
        """The JSON is the view, in ASCII."""
        answer = node.send("bravo", "Schlüssel", "alpha", reply_to=ref)
        ran = node("waiting", "--as", "bravo", "--wait", "3600", "--json")
        found = WaitEnd.model_validate(ran.json)
        assert ran.out.isascii()
        assert found.reply is not None
        assert (found.reply.ref, found.action) == (answer, None)

    def test_the_oldest_answer_first(self, node: Any, ref: str) -> None:
        """Of several answers the oldest ends the wait, and the next one once that is read."""
        for number in range(2):
            node.send("bravo", f"Re: {number}", "alpha", reply_to=ref)
        assert '"Re: 0"' in node("waiting", "--as", "bravo", "--wait", "3600").out
        node("read", "2", "--as", "bravo")
        assert '"Re: 1"' in node("waiting", "--as", "bravo", "--wait", "3600").out

    def test_nothing_comes(self, node: Any, ref: str) -> None:
        """When no answer comes the exit code is 7, and how to see what is still out is said."""
        node.send("bravo", "Something else", "alpha")
        ran = node("waiting", "--as", "bravo", "--wait", "0.01")
        assert (ran.code, ran.out) == (7, "")
        assert ran.err == "claudemail: No answer came within 0.01 s. `claudemail waiting` shows what is still out.\n"
        assert ref

    def test_nothing_comes_for_long(self, node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """However long it is, a wait looks now and then, and does not keep a processor busy."""
        looks: list[object] = []
        look = office_waiting._Watch.look

        def counted(*given: Any) -> Any:
            looks.append(given)
            return look(*given)

        monkeypatch.setattr(office_waiting._Watch, "look", counted)
        monkeypatch.setattr(office_waiting, "_TELL_EVERY_S", 0.05)
        assert node("waiting", "--as", "bravo", "--wait", "0.5").code == 7
        assert 1 < len(looks) < 15

    def test_nothing_comes_as_json(self, node: Any) -> None:
        """With --json that is JSON on stdout."""
        ran = node("waiting", "--wait", "0.01", "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (7, "", "not_yet")

    def test_what_was_read_is_no_answer(self, node: Any, ref: str) -> None:
        """An answer that has been read ends no wait."""
        answer = node.send("bravo", "Re: Deploy blocker", "alpha", reply_to=ref)
        node("read", answer, "--as", "bravo")
        assert node("waiting", "--as", "bravo", "--wait", "0.01").code == 7

    def test_for_one_brief(self, node: Any, ref: str) -> None:
        """With --for only an answer in the thread of that brief counts; any brief of the thread will do."""
        other = node.send("alpha", "Other")
        answer = node.send("bravo", "Re: Other", "alpha", reply_to=other)
        assert '"Re: Other"' in node("waiting", "--as", "bravo", "--wait", "3600").out
        assert node("waiting", "--as", "bravo", "--wait", "0.01", "--for", ref).code == 7
        for word in (other, answer, "2"):
            assert '"Re: Other"' in node("waiting", "--as", "bravo", "--wait", "3600", "--for", word).out

    def test_until_it_comes(self, node: Any, ref: str) -> None:
        """A wait ends as soon as another process has sent the answer."""
        with node.start("waiting", "--as", "bravo", "--wait", "30") as process:
            node.send("bravo", "Re: Deploy blocker", "alpha", reply_to=ref)
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert '"Re: Deploy blocker"' in out

    def test_from_another_node(self, node: Any, peer: Any, ref: str) -> None:
        """A wait ends as soon as the answer has come from another node."""
        peer.fetch()
        peer.send("bravo", "Re: Deploy blocker", "charlie", reply_to=ref)
        with node.start("waiting", "--as", "bravo", "--wait", "30", "--json") as process:
            peer.give()
            out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert json.loads(out)["reply"]["sender"]["name"] == "charlie"

    def test_an_action_that_is_done(self, node: Any) -> None:
        """What was asked for and is done meanwhile ends the wait as well."""
        node("action", "create", "Rotate the keys", "--assignee", "alpha", "--as", "bravo")
        with node.start("waiting", "--as", "bravo", "--wait", "30") as process:
            while process.poll() is None:  # what is done before the wait has begun does not end it
                node("action", "done", "1", "--as", "alpha")
                node("action", "drop", "1", "--as", "alpha")
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert out.split(": ")[0] in ("Done", "Dropped")
        assert '"Rotate the keys"' in out

    def test_what_was_done_before(self, node: Any) -> None:
        """What was done before the wait began ends none."""
        node("action", "create", "Rotate the keys", "--assignee", "alpha", "--as", "bravo")
        node("action", "done", "1", "--as", "alpha")
        assert node("waiting", "--as", "bravo", "--wait", "0.01").code == 7

    def test_interrupted(self, node: Any) -> None:
        """Ctrl-C ends a wait with exit code 130 and without a traceback."""
        bells = Path(socket_folder(node.config.state_dir, "claudemail.db.bells"))
        with node.start("waiting", "--wait", "30") as process:
            until(lambda: list(bells.iterdir()), "the wait has begun")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert err.strip() == ""


class TestMistakes:
    """What is refused."""

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--wait", "-1"], 2, "--wait"),
            (["--wait", "86401"], 2, "86400"),
            (["--wait", "soon"], 2, "soon"),
            (["--wait", "1", "--for", "zzzz"], 3, "no brief 'zzzz'"),
            (["--wait", "1", "--for", "1", "--as", "bravo"], 3, "neither from nor to bravo"),
            (["--days", "0"], 2, "--days"),
            (["--limit", "0"], 2, "--limit"),
            (["--cursor", "x"], 2, "'x' is not where a list ended"),
            (["--as", "charlie"], 3, "server2"),
            (["--as", "nobody"], 3, "'nobody'"),
            (["extra"], 2, "extra"),
        ],
    )
    def test_with_code_and_reason(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """A wrong option or name is refused with its exit code and a reason."""
        node.send("alpha", "Hello", sender="operator")
        ran = node("waiting", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err

    def test_no_number(self) -> None:
        """A wait for a time that is no number is refused."""
        with pytest.raises(click.UsageError):
            waiting.command.make_context("waiting", ["--wait", "nan"])

    def test_for_without_wait(self, node: Any) -> None:
        """A brief that there is not is refused without --wait as well."""
        ran = node("waiting", "--for", "zzzz")
        assert (ran.code, ran.out) != (0, "operator waits for nothing.\n")

    def test_no_time(self, node: Any) -> None:
        """A wait of no time looks whether there is an answer, and exits with 7 when there is none."""
        assert node("waiting", "--wait", "0").code == 7


class TestHostile:
    """Mail and actions that would act on a terminal."""

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_in_every_form(self, node: Any, form: list[str]) -> None:
        """Neither titles nor texts of actions can act on the terminal, whatever stands in the database."""
        ref = node.send("alpha", "Hello", actions=["Do it"])
        node.send("bravo", "Re: Hello", "alpha", reply_to=ref)
        with closing(sqlite3.connect(node.config.db_path)) as connection, connection:
            connection.execute("UPDATE briefs SET title = ?", (HOSTILE,))
            connection.execute("UPDATE actions SET text = ?", (HOSTILE,))
        for arguments in (["--as", "bravo"], ["--as", "bravo", "--wait", "3600"]):
            ran = node("waiting", *arguments, *form)
            assert ran.code == 0, ran.err
            assert "gnp.exe" in ran.out
            assert_harmless(ran.out)
