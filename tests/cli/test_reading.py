"""`claudemail check`, `inbox`, `read` and `digest`: what is shown, and what that marks."""

from __future__ import annotations

import os
from typing import Any

import pytest

from claudemail.model.views import BriefView, CheckView, DigestView, InboxPage

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe \U000e0041tag\nsecond"
"""A title that would set the terminal's, colour and clear it, read backwards, hide words and begin a line."""


def assert_harmless(text: str) -> None:
    """Assert that a terminal does nothing but show the text."""
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
    assert "\u202e" not in text
    assert "\U000e0041" not in text


class TestCheck:
    """`claudemail check`."""

    def test_nothing(self, node: Any) -> None:
        """An empty mailbox is said to be empty, with exit code 0."""
        ran = node("check", "--as", "alpha")
        assert (ran.code, ran.out) == (0, "No unread mail for alpha.\n")

    def test_counts(self, node: Any) -> None:
        """Unread mail is counted by priority and sender, and nothing is marked."""
        node.send("alpha", "One", priority="urgent")
        node.send("alpha", "Two")
        node.send("alpha", "Three", sender="operator")
        ran = node("check", "--as", "alpha")
        assert ran.code == 0
        assert ran.out.startswith("3 unread for alpha: 1 urgent, 2 normal. The oldest came ")
        assert "2  from bravo" in ran.out
        assert "1  from operator" in ran.out
        assert node.unread("alpha") == 3

    def test_json(self, node: Any) -> None:
        """The JSON is the view, field for field."""
        node.send("operator", "One", priority="high")
        found = CheckView.model_validate(node("check", "--json").json)
        assert (found.unread, found.by_priority, found.by_sender[0].count) == (1, {"high": 1}, 1)
        assert found.by_sender[0].sender.startswith("bravo")


class TestInbox:
    """`claudemail inbox`."""

    def test_own_mail_by_default(self, node: Any) -> None:
        """Without options it is the operator's own mailbox, and where the rest is found is said when it is empty."""
        node.send("alpha", "Not for me")
        ran = node("inbox")
        assert ran.out.startswith("No mail for operator.")
        assert "inbox --all" in ran.out

    def test_all(self, node: Any) -> None:
        """With --all every mailbox of the node is listed, newest first, and each line names its own."""
        node.send("alpha", "First")
        node.send("instance1", "Second", sender="operator")
        lines = node("inbox", "--all").out.splitlines()
        assert "Second" in lines[0]
        assert "instance1" in lines[0]
        assert "First" in lines[1]
        assert "alpha" in lines[1]
        assert node.unread("alpha") == 2  # alpha's own and the instance's: listing marks nothing

    def test_unread(self, node: Any) -> None:
        """What is unread has a dot, and with --unread the rest is left out."""
        ref = node.send("alpha", "Read")
        node.send("alpha", "Unread")
        node("read", ref, "--as", "alpha")
        unread, read, left = node("inbox", "--as", "alpha").out.splitlines()
        assert unread.startswith("●")
        assert not read.startswith("●")
        assert left == "1 unread for alpha."
        assert "Read" not in node("inbox", "--as", "alpha", "--unread").out.splitlines()[0].replace("Unread", "")
        assert [row["unread"] for row in node("inbox", "--as", "alpha", "--json").json["rows"]] == [True, False]

    def test_pages(self, node: Any) -> None:
        """What a page leaves out is said with the command that shows it, and the pages together are all of it."""
        for number in range(5):
            node.send("alpha", f"Brief {number}")
        arguments, seen = ["inbox", "--as", "alpha", "--limit", "2"], []
        while True:
            ran = node(*arguments)
            *lines, last = ran.out.splitlines()
            seen += [line.split("  ")[-1] for line in lines]
            if "there is more: " not in last:
                break
            arguments = last.split("there is more: claudemail ")[1].removesuffix(".").split()
        assert seen == [f"Brief {number}" for number in range(4, -1, -1)]

    def test_json(self, node: Any) -> None:
        """The JSON is the view, with the cursor of the next page."""
        for number in range(3):
            node.send("operator", f"Brief {number}")
        page = InboxPage.model_validate(node("inbox", "--limit", "2", "--json").json)
        rest = InboxPage.model_validate(node("inbox", "--before", str(page.cursor), "--json").json)
        assert [row.title for row in page.rows + rest.rows] == ["Brief 2", "Brief 1", "Brief 0"]
        assert rest.cursor is None

    @pytest.mark.parametrize("width", [40, 60, 100])
    def test_fits(self, node: Any, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        """No line of the list is wider than the terminal, and the columns stay aligned with wide characters in them."""
        monkeypatch.setenv("COLUMNS", str(width))
        node.send("operator", "短い" * 60, priority="urgent")
        node.send("operator", "long " * 39, actions=["one"])
        lines = node("inbox").out.splitlines()[:2]
        for line in lines:
            assert sum(2 if char in "短い" else 1 for char in line) <= width
            assert "…" in line

    def test_hostile_title(self, node: Any) -> None:
        """A title cannot act on the terminal, nor pass for a line of its own."""
        node.send("operator", HOSTILE)
        ran = node("inbox")
        assert_harmless(ran.out)
        assert len(ran.out.splitlines()) == 2

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--all", "--as", "alpha"], 2, "exclude each other"),
            (["--limit", "0"], 2, "--limit"),
            (["--before", "x"], 2, "'x' is not where a list ended"),
            (["--before", "0"], 2, "'0' is not where a list ended"),
            (["--before", "9" * 19], 2, "is not where a list ended"),
            (["--as", "charlie"], 3, "server2"),
            (["--as", "nobody"], 3, "nobody"),
            (["--what"], 2, "--what"),
            (["extra"], 2, "extra"),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """A wrong option or name is refused with its exit code and a reason."""
        ran = node("inbox", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err

    def test_mistake_as_json(self, node: Any) -> None:
        """With --json a wrong option is told as JSON too."""
        ran = node("inbox", "--limit", "0", "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (2, "", "invalid")


class TestRead:
    """`claudemail read`."""

    def test_in_full(self, node: Any) -> None:
        """All of a brief is shown: sender, recipients and how far it came, actions, thread, body."""
        first = node.send("alpha", "First")
        ref = node.send(
            "alpha", "Deploy blocker", sender="bravo", body="The migration fails.\nReally.", priority="urgent", due="2026-12-01",
            labels=["ci"], actions=[{"text": "Review it", "assignee": "alpha", "due": "2026-12-02"}], reply_to=first,
        )  # fmt: skip
        node("read", ref, "--as", "alpha")
        out = node("read", ref).out
        for words in (
            "Deploy blocker", "bravo (server1), verified", f"{ref} (2 on this node", "urgent", "2026-12-01", "ci",
            '"Review it": pending, urgent, for alpha, due 2026-12-02', f'{first} (1) "First" from bravo (server1)', "by alpha",
            "The migration fails.\nReally.\n\n// bravo, clear\n",
        ):  # fmt: skip
            assert words in out

    def test_by_number_and_id(self, node: Any) -> None:
        """A brief goes by its ref, its number and its id."""
        ref = node.send("operator", "Hello")
        found = BriefView.model_validate(node("read", ref, "--json").json)
        for word in (str(found.number), f"#{found.number}", found.brief.id, ref.upper()):
            assert node("read", word, "--json").json["brief"]["id"] == found.brief.id

    def test_peeking(self, node: Any) -> None:
        """The operator looks into the mail of others without marking it, and is told so."""
        ref = node.send("alpha", "Hello")
        assert "for alpha; looking marks nothing read" in node("read", ref).out
        assert node.unread("alpha") == 1

    def test_marks_read(self, node: Any) -> None:
        """With --as, and in the operator's own mailbox, what was shown is read."""
        ref = node.send("alpha,operator", "Hello")
        node("read", ref, "--as", "alpha")
        assert (node.unread("alpha"), node.unread("operator")) == (0, 1)
        node("read", ref)
        assert node.unread("operator") == 0

    def test_not_marked_when_not_shown(self, node: Any) -> None:
        """When the reader of the output is gone, nothing is marked, nothing is complained of, and the exit code is 141."""
        ref = node.send("alpha", "Hello")
        with node.start("read", ref, "--as", "alpha") as process:
            process.stdout.close()
            err = process.stderr.read()
        assert (process.returncode, err) == (141, "")
        assert node.unread("alpha") == 1

    def test_not_marked_when_lost(self, node: Any) -> None:
        """When the output could not be written, that is said, and nothing is marked."""
        ref = node.send("alpha", "Hello")
        full = os.open("/dev/full", os.O_WRONLY)
        ran = node.process("read", ref, "--as", "alpha", stdout=full)
        os.close(full)
        assert ran.code == 1
        assert "No space left" in ran.err
        assert node.unread("alpha") == 1

    def test_raw(self, node: Any, tmp_path: Any) -> None:
        """With --raw it is a file that can be sent again, and has the same in it."""
        ref = node.send("alpha", "Deploy: blocker", body="Text\n\n---\n\nMore", actions=["Do it"], priority="high")
        path = tmp_path / "brief.md"
        path.write_text(node("read", ref, "--raw").out)
        again = node("send", str(path), "--as", "bravo", "--json").json["ref"]
        first, second = (node("read", word, "--json").json["brief"] for word in (ref, again))
        for field in ("title", "body", "actions", "priority", "to"):
            assert first[field] == second[field]

    def test_unverified(self, node: Any, peer: Any) -> None:
        """Mail of a node whose key is not known is called unverified, in the list and in full."""
        peer.send("alpha", "Trust me", sender="charlie")
        peer.give()
        listed = node("inbox", "--as", "alpha").out
        assert "charlie (server2) (?)" in listed
        assert "not verified" in listed
        ref = node("inbox", "--as", "alpha", "--json").json["rows"][0]["ref"]
        assert "charlie (server2), UNVERIFIED" in node("read", ref).out

    def test_receipt_comes_back(self, node: Any, peer: Any) -> None:
        """The sender sees when and by whom a brief was read on another node."""
        ref = node("send", "--to", "charlie", "--title", "T", "--as", "alpha", "--json").json["ref"]
        peer.fetch()

        async def show(office: Any) -> None:
            party = await office.party("charlie")
            await office.shown(party, [(await office.read(party, ref)).number])

        peer.work(show)
        peer.give()
        [line] = [line for line in node("read", ref).out.splitlines() if "charlie (server2) " in line]
        assert "read " in line
        assert "by charlie" in line

    def test_hostile_body(self, node: Any) -> None:
        """Neither body nor title nor action can act on the terminal, in any form of output."""
        ref = node.send("operator", HOSTILE, body=HOSTILE, actions=[HOSTILE])
        for arguments in ([], ["--raw"], ["--json"]):
            assert_harmless(node("read", ref, *arguments).out)

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["zzzz"], 3, "no brief 'zzzz'"),
            (["99"], 3, "'99'"),
            (["../../etc/passwd"], 3, "no brief"),
            ([""], 3, "no brief"),
            ([], 2, "REF"),
            (["1", "--as", "bravo"], 3, "neither from nor to bravo"),
            (["1", "--as", "charlie"], 3, "server2"),
            (["1", "--raw", "--json"], 2, "exclude each other"),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """What there is not, or is another's, is refused with its exit code and a reason."""
        node.send("alpha", "Hello", sender="operator")
        ran = node("read", *arguments)
        assert ran.code == code
        assert says in ran.out + ran.err


class TestDigest:
    """`claudemail digest`."""

    def test_marks_what_it_shows(self, node: Any) -> None:
        """Exactly what was shown is marked read, the most pressing first, and how many remain is said."""
        for number in range(20):
            node.send("alpha", f"Brief {number}", body="x" * 590)
        node.send("alpha", "Pressing", priority="urgent", actions=["Do it"])
        out = node("digest", "--as", "alpha").out
        left = node.unread("alpha")
        shown = 21 - left
        assert '"Pressing"' in out.splitlines()[0]
        assert '"Do it": pending, urgent, for alpha' in out
        assert 1 < shown < 21
        assert out.splitlines()[-1] == f"{shown} briefs shown. {left} more unread: run it again."
        assert [f'"Brief {number}"' in out for number in range(20)] == [number < shown - 1 for number in range(20)]

    def test_until_nothing_is_left(self, node: Any) -> None:
        """The last digest says that nothing is left, and the next that there is nothing."""
        node.send("alpha", "Hello")
        assert "Nothing is left unread." in node("digest", "--as", "alpha").out
        assert node("digest", "--as", "alpha").out == "No unread mail for alpha.\n"

    def test_long_bodies_are_cut(self, node: Any) -> None:
        """A long body is cut, and the command that shows it in full is named."""
        ref = node.send("alpha", "Long", body="x" * 5_000)
        out = node("digest", "--as", "alpha").out
        assert f"claudemail read {ref}" in out
        assert len(out) < 1_000

    def test_json(self, node: Any) -> None:
        """The JSON is the view, and what it holds is marked as well."""
        node.send("operator", "Hello")
        found = DigestView.model_validate(node("digest", "--json").json)
        assert ([item.row.title for item in found.items], found.remaining) == (["Hello"], 0)
        assert node.unread("operator") == 0

    def test_not_marked_when_not_shown(self, node: Any) -> None:
        """When the reader of the output is gone, nothing is marked."""
        node.send("alpha", "Hello")
        with node.start("digest", "--as", "alpha") as process:
            process.stdout.close()
            assert process.wait(timeout=30) == 141
            process.stderr.close()
        assert node.unread("alpha") == 1
