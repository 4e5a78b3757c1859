"""`claudemail send`: what goes in, what comes out, and how it waits."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from claudemail import running
from claudemail.cli import send
from claudemail.cli.composing import MAX_FILE
from claudemail.model.brief import MAX_BRIEF_BYTES, Priority
from claudemail.model.parcel import Answer, Refusal
from claudemail.model.receipt import DeliveryState
from claudemail.model.views import SendResult
from claudemail.office import Office
from claudemail.testing import until

BRIEF = """---
title: Deploy Blocker — DB Migration
from: someone else (elsewhere)
to: charlie (server2)
action: Review migration script before deploying
priority: high
---
The migration adds a NOT NULL column.
"""


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the process these bytes as its stdin."""

    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


class TestSource:
    """Where a brief comes from."""

    def test_options(self, node: Any) -> None:
        """Options alone make a brief, and the answer says its ref, its number and each recipient's state."""
        ran = node("send", "--to", "alpha", "--to", "charlie", "--title", "Hello", "--body", "Text", "--as", "bravo")
        assert ran.code == 0, ran.err
        page = node("inbox", "--as", "alpha", "--json").json
        [row] = page["rows"]
        assert (row["title"], row["sender"]["name"]) == ("Hello", "bravo")
        assert ran.out.startswith(f"Sent {row['ref']} ({row['number']}): Hello\n")
        assert "alpha (server1)" in ran.out
        assert "delivered" in ran.out
        assert "charlie (server2)" in ran.out
        assert "queued" in ran.out
        assert "no session yet" in ran.out

    def test_every_option(self, node: Any) -> None:
        """Each option reaches the brief."""
        ref = node.send("operator", "First")
        ran = node(
            "send", "--to", "alpha", "--title", "T", "--body", "B", "--action", "one", "--action", "two", "--priority", "urgent",
            "--due", "2026-12-01", "--reply-to", ref, "--label", "ci", "--label", "prod", "--json",
        )  # fmt: skip
        brief = node("read", ran.json["ref"], "--json").json["brief"]
        first = node("read", ref, "--json").json["brief"]
        assert [action["text"] for action in brief["actions"]] == ["one", "two"]
        assert (brief["priority"], brief["due"], brief["labels"]) == ("urgent", "2026-12-01", ["ci", "prod"])
        assert (brief["reply_to"], brief["thread"]) == (first["id"], first["thread"])

    def test_reply_needs_no_recipient(self, node: Any) -> None:
        """A reply without --to goes to whoever wrote the brief."""
        ref = node.send("operator", "First", sender="bravo")
        ran = node("send", "--reply-to", ref, "--title", "Re: First", "--json")
        assert [state["name"] for state in ran.json["recipients"]] == ["bravo"]

    def test_file(self, node: Any, tmp_path: Path) -> None:
        """A brief file is sent as it says; who it says it is from is not believed."""
        path = tmp_path / "brief.md"
        path.write_text(BRIEF)
        ran = node("send", str(path), "--as", "alpha", "--json")
        brief = node("read", ran.json["ref"], "--json").json["brief"]
        assert brief["title"] == "Deploy Blocker — DB Migration"
        assert brief["to"] == ["charlie@server2"]
        assert brief["sender"] == {"name": "alpha", "instance": "instance1", "node": "server1"}
        assert brief["body"] == "The migration adds a NOT NULL column.\n\n// alpha, over"
        assert brief["actions"][0]["text"] == "Review migration script before deploying"

    def test_options_override_the_file(self, node: Any, stdin: Any) -> None:
        """An option comes before the file's field, and the other fields stay."""
        stdin(BRIEF.encode())
        ran = node("send", "-", "--to", "bravo", "--priority", "low", "--json")
        brief = node("read", ran.json["ref"], "--json").json["brief"]
        assert (brief["to"], brief["priority"]) == (["bravo"], "low")
        assert brief["body"] == "The migration adds a NOT NULL column."

    def test_stdin(self, node: Any) -> None:
        """`-` reads a brief from a pipe; text without frontmatter is its body."""
        ran = node.process("send", "-", "--to", "alpha", "--title", "Log", "--json", input="line\nline\n")
        assert node("read", ran.json["ref"], "--json").json["brief"]["body"] == "line\nline"

    def test_stdin_is_left_alone(self, node: Any) -> None:
        """Without `-` an open pipe on stdin is not waited for."""
        with node.start("send", "--to", "alpha", "--title", "Hello", stdin=subprocess.PIPE) as process:
            assert process.wait(timeout=30) == 0
            process.stdin.close()

    def test_key(self, node: Any) -> None:
        """The same key sends nothing twice, and another brief under it is refused."""
        again = ["send", "--to", "alpha", "--title", "Once", "--key", "k1"]
        first = node(*again, "--json").json
        assert node(*again, "--json").json == {**first, "repeated": True}
        assert "already" in node(*again).out
        assert node.unread("alpha") == 1
        ran = node("send", "--to", "alpha", "--title", "Other", "--key", "k1")
        assert (ran.code, ran.out) == (1, "")
        assert "'k1'" in ran.err


class TestRefusals:
    """What is not sent."""

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--to", "alpha"], 2, ["no title", "--title"]),
            (["--title", "T"], 2, ["No recipient"]),
            (["--title", "T", "--to", "charly"], 3, ["'charly'", "Did you mean charlie?"]),
            (["--title", "T", "--to", "a!b"], 2, ["'a!b'"]),
            (["--title", "T", "--to", "@nowhere"], 3, ["'nowhere'"]),
            (["--title", "T", "--to", "alpha", "--due", "soon"], 2, ["'soon'", "2026-12-31"]),
            (["--title", "T", "--to", "alpha", "--due", "2026-02-30"], 2, ["2026-02-30"]),
            (["--title", "T", "--to", "alpha", "--priority", "now"], 2, ["low", "urgent"]),
            (["--title", "x" * 201, "--to", "alpha"], 2, ["title", "200"]),
            (["--title", "T", "--to", "alpha", "--reply-to", "zzzz"], 3, ["'zzzz'"]),
            (["--title", "T", "--to", "alpha", "--as", "charlie"], 3, ["server2", "not on this node"]),
            (["--title", "T", "--to", "alpha", "--as", "alhpa"], 3, ["'alhpa'", "alpha"]),
            (["--title", "T", "--to", "alpha", "--body", "x" * (MAX_BRIEF_BYTES + 1)], 2, ["256 KiB", "262144"]),
            (["no-such-file.md"], 2, ["no-such-file.md", "No such file"]),
            (["/"], 2, ["/", "directory"]),
        ],
    )  # fmt: skip
    def test_with_code_and_reason(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """What does not fit is refused with a reason on stderr, its exit code, and nothing sent."""
        ran = node("send", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err
        assert ran.err.startswith("claudemail: ")
        assert node("inbox", "--all", "--json").json["rows"] == []

    def test_mistake_in_a_file(self, node: Any, tmp_path: Path) -> None:
        """A mistake in a file is named by file, line and key."""
        path = tmp_path / "brief.md"
        path.write_text("---\ntitle: T\nprioritty: high\n---\n")
        ran = node("send", str(path))
        assert ran.code == 2
        assert f"{path}: Line 3: the key 'prioritty'" in ran.err

    @pytest.mark.parametrize(
        ("data", "says"),
        [(b"x" * (MAX_FILE + 1), "256 KiB"), (b"one\ntwo \xff", "line 2 is not UTF-8"), (b"a\n\0", "Line 2 has a NUL")],
    )
    def test_bytes_that_are_no_brief(self, node: Any, stdin: Any, data: bytes, says: str) -> None:
        """Too much, or what is not text, is refused with the reason."""
        stdin(data)
        ran = node("send", "-", "--to", "alpha", "--title", "T")
        assert ran.code == 2
        assert says in ran.err
        assert "stdin" in ran.err

    def test_endless_file(self, node: Any) -> None:
        """Of a file without end no more is read than could be sent."""
        assert "256 KiB" in node("send", "/dev/zero", "--to", "alpha", "--title", "T").err

    def test_json(self, node: Any) -> None:
        """With --json an error is JSON on stdout, with a code that is stable."""
        ran = node("send", "--to", "charly", "--title", "T", "--json")
        assert (ran.code, ran.err) == (3, "")
        assert ran.json["error"]["code"] == "unknown_name"
        assert "charly" in ran.json["error"]["message"]
        assert "charlie" in ran.json["error"]["remedy"]

    def test_choices(self) -> None:
        """What the options offer is what the model knows."""
        assert list(Priority) == list(send._PRIORITIES)
        assert set(send._GOALS) - {"reply"} < set(DeliveryState)


class TestWait:
    """`--wait`."""

    def test_reply(self, node: Any) -> None:
        """`--wait reply` shows the reply that comes, and without one ends with its own exit code and what to do."""
        ran = node("send", "--to", "alpha", "--title", "Ready?", "--wait", "reply", "--timeout", "0.1", "--json")
        assert ran.code == 7
        assert ran.json["reply"] is None
        assert "claudemail waiting" in ran.json["error"]["remedy"]
        with node.start("send", "--to", "alpha", "--title", "Well?", "--wait", "reply", "--timeout", "30") as asking:
            until(lambda: node.unread("alpha") == 2, "the question is there")
            assert node("send", "--as", "alpha", "--reply-to", "2", "--title", "Yes", "--body", "now").code == 0
            out, _ = asking.communicate(timeout=30)
        assert asking.returncode == 0
        assert "Reply: " in out
        assert '"Yes" from alpha (server1)' in out

    def test_delivered_here(self, node: Any) -> None:
        """Mail for this node is delivered at once."""
        ran = node("send", "--to", "alpha", "--title", "T", "--wait", "delivered", "--json")
        assert ran.code == 0
        assert [state["state"] for state in ran.json["recipients"]] == ["delivered"]

    def test_timeout(self, node: Any) -> None:
        """When the time is over the exit code is 7, who is missing is named, and the brief is on its way all the same."""
        ran = node("send", "--to", "alpha,charlie", "--title", "T", "--wait", "delivered", "--timeout", "0.05")
        assert ran.code == 7
        assert ran.out.startswith("Sent ")
        assert "charlie (server2)" in ran.err
        assert "alpha" not in ran.err
        assert node("status", "--json").json["lanes"][0]["waiting"] == 1

    def test_timeout_as_json(self, node: Any) -> None:
        """With --json the result is there, and the error beside it."""
        ran = node("send", "--to", "charlie", "--title", "T", "--wait", "read", "--timeout", "0", "--json")
        assert ran.code == 7
        error = ran.json.pop("error")
        assert error["code"] == "not_yet"
        result = {key: value for key, value in ran.json.items() if key != "error"}
        assert SendResult.model_validate(result).recipients[0].state == "queued"

    def test_read_by_another_process(self, node: Any) -> None:
        """A wait ends as soon as another process has shown the brief to its recipient."""
        with node.start("send", "--to", "alpha", "--title", "T", "--wait", "read", "--timeout", "30") as process:
            ref = process.stdout.readline().split()[1]
            assert node("read", ref, "--as", "alpha").code == 0
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert "by alpha" in out

    def test_delivered_by_the_mesh(self, node: Any, peer: Any) -> None:
        """A wait ends as soon as the other node has the brief."""
        with node.start("send", "--to", "charlie", "--title", "T", "--wait", "delivered", "--json") as process:
            running_until_queued(node)
            assert peer.fetch().refused == []
            out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert json.loads(out)["recipients"][0]["state"] == "delivered"

    def test_failed(self, node: Any) -> None:
        """A wait for what has gone to dead letters ends at once, with the reason."""
        again = ["send", "--to", "charlie", "--title", "T", "--key", "k"]
        node(*again)

        async def refuse(office: Office) -> None:
            batch = await office.transit.next_batch("server2")
            assert batch is not None
            refusal = Refusal(seq=1, code="unknown_name", reason="Nobody is called charlie.")
            await office.transit.acknowledged("server2", batch, Answer(have=1, refused=[refusal]))

        node.work(refuse)
        ran = node(*again, "--wait", "delivered", "--timeout", "3600")
        assert ran.code == 7
        assert "Nobody is called charlie." in ran.err

    def test_interrupted(self, node: Any) -> None:
        """Ctrl-C ends a wait with exit code 130 and without a traceback."""
        with node.start("send", "--to", "charlie", "--title", "T", "--wait", "read") as process:
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert err.strip() == ""


def running_until_queued(node: Any) -> None:
    """Return once a brief is in the outbox."""

    async def work(office: Office) -> None:
        import asyncio

        changed = asyncio.Event()
        unsubscribe = office.subscribe(changed.set)
        async with asyncio.timeout(30):
            while await office.transit.next_batch("server2") is None:
                await changed.wait()
                changed.clear()
        unsubscribe()

    node.work(work)


class TestGateway:
    """Sending has a gateway started."""

    def test_that_does_not_start(self, node: Any) -> None:
        """A gateway that cannot be started is a warning: the brief is safe."""
        os.mkdir(os.path.join(node.config.state_dir, running.LOG))
        os.unlink(os.path.join(node.config.state_dir, "gateway.lock"))
        ran = node("send", "--to", "charlie", "--title", "T")
        assert ran.code == 0
        assert "warning" in ran.err
        assert ran.out.startswith("Sent ")

    def test_that_is_not_needed(self, node: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A node without peers starts none."""
        monkeypatch.delenv("CLAUDEMAIL_CONFIG")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert node("send", "--to", "main", "--title", "T").code == 0
        assert (tmp_path / ".claudemail" / "claudemail.db").exists()
        assert not (tmp_path / ".claudemail" / running.LOG).exists()
