"""`claudemail thread`, `star` and `clean`: a whole thread, keeping mail, and putting it away."""

from __future__ import annotations

from typing import Any

import pytest

from claudemail.model.views import CleanView, StarView, ThreadView
from tests.cli.conftest import HOSTILE, assert_harmless, plant, send_ago, titles


class TestThread:
    """`claudemail thread`."""

    @pytest.fixture
    def refs(self, node: Any) -> list[str]:
        """A thread of four between alpha and bravo, and a brief beside it; the refs of the four."""
        refs = [node.send("alpha", "Deploy blocker", body="It fails.", actions=["Review it"])]
        for number, sender in enumerate(("alpha", "bravo", "alpha"), start=1):
            to = "bravo" if sender == "alpha" else "alpha"
            refs.append(
                node.send(to, f"Re: Deploy blocker {number}", sender, body=f"Answer {number}", reply_to=refs[-1])
            )
        node.send("alpha", "Something else")
        return refs

    def test_in_full(self, node: Any, refs: list[str]) -> None:
        """Any brief of it shows the whole thread, oldest first, with senders, actions and bodies."""
        outs = [node("thread", ref).out for ref in (*refs, "2")]
        assert len(set(outs)) == 1
        heads = [line for line in outs[0].splitlines() if any(line.endswith(f"  {ref}") for ref in refs)]
        assert [line.split()[-1] for line in heads] == refs
        assert all(line.startswith(("Deploy", "Re: ")) for line in heads)
        assert "bravo (server1), verified, to alpha, " in outs[0]
        assert '(1) "Review it": pending, for alpha' in outs[0]
        assert [outs[0].index(f"Answer {number}") for number in (1, 2, 3)] == sorted(
            outs[0].index(f"Answer {number}") for number in (1, 2, 3)
        )
        assert "Something else" not in outs[0]

    def test_marks_read(self, node: Any, refs: list[str]) -> None:
        """What was shown is read for the name acted as, and only for that; what is beside the thread stays unread."""
        assert (node.unread("alpha"), node.unread("bravo")) == (3, 2)
        node("thread", refs[0])
        assert (node.unread("alpha"), node.unread("bravo")) == (3, 2)
        first = node("thread", refs[0], "--as", "alpha").out
        assert first.count("● ") == 2
        assert (node.unread("alpha"), node.unread("bravo")) == (1, 2)
        assert "●" not in node("thread", refs[0], "--as", "alpha").out

    def test_own_mail_of_the_operator(self, node: Any) -> None:
        """The operator's own mail is read by them as anybody's."""
        ref = node.send("operator,alpha", "Hello")
        node("thread", ref)
        assert (node.unread("operator"), node.unread("alpha")) == (0, 1)

    def test_limit(self, node: Any, refs: list[str]) -> None:
        """Of a long thread the latest are shown, how many are left out is said, and those stay unread."""
        out = node("thread", refs[0], "--limit", "2", "--as", "alpha").out
        assert out.startswith("2 older briefs left out; --limit shows more.\n\n")
        assert "Answer 1" not in out
        assert "Answer 2" in out
        assert "Answer 3" in out
        assert node.unread("alpha") == 2

    def test_starred(self, node: Any, refs: list[str]) -> None:
        """A star is shown on what has been read."""
        node("star", refs[0], "--as", "alpha")
        node("thread", refs[0], "--as", "alpha")
        assert node("thread", refs[0], "--as", "alpha").out.startswith("★ Deploy blocker  ")

    def test_json(self, node: Any, refs: list[str]) -> None:
        """The JSON is the view, in ASCII, and what it holds is marked as well."""
        ran = node("thread", refs[0], "--limit", "3", "--as", "alpha", "--json")
        found = ThreadView.model_validate(ran.json)
        assert ran.out.isascii()
        assert ([view.brief.ref for view in found.briefs], found.left_out) == (refs[1:], 1)
        assert node.unread("alpha") == 2

    def test_not_marked_when_not_shown(self, node: Any, refs: list[str]) -> None:
        """When the reader of the output is gone, nothing is marked, and the exit code is 141."""
        with node.start("thread", refs[0], "--as", "alpha") as process:
            process.stdout.close()
            err = process.stderr.read()
        assert (process.returncode, err) == (141, "")
        assert node.unread("alpha") == 3

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["zzzz"], 3, "no brief 'zzzz'"),
            ([""], 3, "no brief"),
            ([], 2, "REF"),
            (["1", "--limit", "0"], 2, "--limit"),
            (["1", "--limit", "201"], 2, "200"),
            (["1", "--as", "bravo"], 3, "neither from nor to bravo"),
            (["1", "--as", "charlie"], 3, "server2"),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """What there is not, or is another's, is refused with its exit code and a reason."""
        node.send("alpha", "Hello", sender="operator")
        ran = node("thread", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err


class TestStar:
    """`claudemail star`."""

    def test_toggles(self, node: Any) -> None:
        """A brief is starred, and the next time no longer; each time that is said."""
        ref = node.send("alpha", "Keep this")
        ran = node("star", ref, "--as", "alpha")
        assert (ran.code, ran.out) == (0, f"★ starred {ref} Keep this\n")
        assert node("star", "1", "--as", "alpha").out == f"no longer starred {ref} Keep this\n"
        assert node("search", "is:starred").out == "Nothing found.\n"

    def test_in_the_inbox(self, node: Any) -> None:
        """The inbox shows the star of what has been read, and nothing is marked read by starring."""
        ref = node.send("alpha", "Keep this")
        node("star", ref, "--as", "alpha")
        assert node.unread("alpha") == 1
        node("read", ref, "--as", "alpha")
        assert node("inbox", "--as", "alpha").out.startswith(f"★  {ref}")
        [row] = node("inbox", "--as", "alpha", "--json").json["rows"]
        assert row["starred"]

    def test_unread_in_the_inbox(self, node: Any) -> None:
        """What is starred and unread has both marks in the inbox, as its help says."""
        ref = node.send("alpha", "Keep this")
        node("star", ref, "--as", "alpha")
        [line] = [line for line in node("inbox", "--as", "alpha").out.splitlines() if ref in line]
        assert "●" in line
        assert "★" in line

    def test_for_whom(self, node: Any) -> None:
        """A star is on the mailbox that holds the mail: another recipient has none, and sessions of an instance share theirs."""
        both = node.send("alpha,bravo", "Both", sender="operator")
        shared = node.send("instance1", "Shared", sender="operator")
        node("star", both, "--as", "alpha")
        node("star", shared, "--as", "alpha")
        assert titles(node, "is:starred", "--as", "alpha") == ["Shared", "Both"]
        assert titles(node, "is:starred", "--as", "bravo") == ["Shared"]
        assert titles(node, "is:starred") == ["Shared", "Both"]

    def test_what_one_sent(self, node: Any) -> None:
        """What somebody sent they can star as well."""
        ref = node.send("charlie", "On its way", "alpha")
        assert node("star", ref, "--as", "alpha").out.startswith("★ starred")
        assert titles(node, "is:starred", "--as", "alpha") == ["On its way"]

    def test_json(self, node: Any) -> None:
        """The JSON is the view, in ASCII."""
        ref = node.send("alpha", "Schlüssel")
        for starred in (True, False):
            ran = node("star", ref, "--as", "alpha", "--json")
            found = StarView.model_validate(ran.json)
            assert ran.out.isascii()
            assert (found.starred, found.row.starred, found.row.ref) == (starred, starred, ref)

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["zzzz"], 3, "no brief 'zzzz'"),
            ([], 2, "REF"),
            (["1", "2"], 2, "extra"),
            (["1", "--as", "bravo"], 3, "neither from nor to bravo"),
            (["1", "--as", "charlie"], 3, "server2"),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """What there is not, or is another's, is refused with its exit code and a reason, and nothing is starred."""
        node.send("alpha", "Hello", sender="operator")
        ran = node("star", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err
        assert titles(node, "is:starred") == []


class TestClean:
    """`claudemail clean`."""

    @pytest.fixture
    def old(self, node: Any) -> Any:
        """A node with old mail for alpha: one that can go, one starred, one with an open action, one unread; and a new one."""
        refs = [
            send_ago(node, 40, "alpha", "Old"),
            send_ago(node, 40, "alpha", "Starred"),
            send_ago(node, 40, "alpha", "To do", actions=["Do it"]),
            send_ago(node, 40, "bravo", "Bravo's", "alpha"),
            node.send("alpha", "New"),
        ]
        for ref, name in zip(refs, ("alpha", "alpha", "alpha", "bravo", "alpha"), strict=True):
            assert node("read", ref, "--as", name).code == 0
        send_ago(node, 40, "alpha", "Unread")
        node("star", refs[1], "--as", "alpha")
        return node

    def listed(self, node: Any, name: str) -> list[str]:
        """Return the titles in an inbox, oldest first."""
        return [row["title"] for row in node("inbox", "--as", name, "--json").json["rows"]][::-1]

    def test_dry_run(self, old: Any) -> None:
        """Without --apply it says what it would archive and what it would keep, and changes nothing."""
        before = self.listed(old, "alpha")
        ran = old("clean", "--as", "alpha")
        lines = ran.out.splitlines()
        assert ran.code == 0
        assert lines[0] == "Would archive 1 brief of alpha, read and older than 30 days:"
        assert '(1) "Old" from bravo (server1)' in lines[1]
        assert lines[2] == "Kept: 1 for starred and 1 for open actions."
        assert lines[3] == "Nothing was changed; --apply does it."
        assert len(lines) == 4
        assert self.listed(old, "alpha") == before
        assert old("status", "--json").json["archived"] == 0

    def test_apply(self, old: Any) -> None:
        """With --apply it archives just what the dry run said: it is listed no longer, and search finds it."""
        ran = old("clean", "--as", "alpha", "--apply")
        assert ran.code == 0
        assert ran.out.splitlines()[0] == "Archived 1 brief of alpha; `claudemail search --archived` lists them."
        assert "Nothing was changed" not in ran.out
        assert self.listed(old, "alpha") == ["Starred", "To do", "New", "Unread"]
        assert titles(old, "--archived", "--as", "alpha") == ["Old"]
        assert titles(old, "old") == ["Old"]
        assert self.listed(old, "bravo") == ["Bravo's"]
        assert old("clean", "--as", "alpha", "--apply", "--json").json["count"] == 0

    def test_all(self, old: Any) -> None:
        """With --all every mailbox of the node is cleaned up."""
        assert old("clean", "--all").out.startswith("Would archive 2 briefs of this node, ")
        old("clean", "--all", "--apply")
        assert self.listed(old, "bravo") == []
        assert titles(old, "is:archived") == ["Bravo's", "Old"]

    def test_what_keeps_is_over(self, old: Any) -> None:
        """What was kept for its star or its action goes once those are gone."""
        old("star", "2", "--as", "alpha")
        old("action", "done", "1")
        found = old("clean", "--as", "alpha", "--apply", "--json").json
        assert (found["count"], found["kept"]) == (3, {"starred": 0, "open actions": 0})

    def test_days(self, old: Any) -> None:
        """--days sets how old it has to be."""
        assert old("clean", "--as", "alpha", "--days", "41", "--json").json["count"] == 0
        assert old("clean", "--as", "alpha", "--days", "0", "--json").json["count"] == 2

    def test_operator(self, old: Any) -> None:
        """Without --as or --all it is the operator's own mailbox, in which there is nothing to archive."""
        assert old("clean").out == "Nothing to archive for operator: no read brief is older than 30 days.\n"

    def test_all_is_kept(self, node: Any) -> None:
        """When all that is old is kept, it is not said that there is none."""
        ref = send_ago(node, 40, "alpha", "Starred")
        node("read", ref, "--as", "alpha")
        node("star", ref, "--as", "alpha")
        out = node("clean", "--as", "alpha").out
        assert "1 for starred" in out
        assert "no read brief is older" not in out

    def test_many(self, node: Any) -> None:
        """Of many the oldest are listed, and how many more there are is said."""
        for number in range(23):
            send_ago(node, 60 - number, "operator", f"Brief {number}")
        while node("digest", "--json").json["items"]:
            pass
        lines = node("clean").out.splitlines()
        assert lines[0].startswith("Would archive 23 briefs of operator")
        assert ['"Brief 0"' in lines[1], '"Brief 19"' in lines[20]] == [True, True]
        assert lines[21] == "  and 3 more"

    def test_json(self, old: Any) -> None:
        """The JSON is the view, in ASCII."""
        ran = old("clean", "--as", "alpha", "--json")
        found = CleanView.model_validate(ran.json)
        assert ran.out.isascii()
        assert ([row.title for row in found.rows], found.count, found.applied, found.days) == (["Old"], 1, False, 30)
        assert found.kept == {"starred": 1, "open actions": 1}
        assert CleanView.model_validate(old("clean", "--as", "alpha", "--apply", "--json").json).applied

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--all", "--as", "alpha"], 2, "exclude each other"),
            (["--days", "-1"], 2, "--days"),
            (["--days", "soon"], 2, "--days"),
            (["--as", "charlie"], 3, "server2"),
            (["--as", "nobody"], 3, "'nobody'"),
            (["alpha"], 2, "alpha"),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """A wrong option or name is refused with its exit code and a reason."""
        ran = node("clean", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err


class TestHostile:
    """Mail that would act on a terminal."""

    @pytest.fixture
    def lines(self, node: Any) -> list[list[str]]:
        """Command lines that show a brief, and the one to clean up comes last."""
        ref = send_ago(node, 40, "operator", HOSTILE, body=HOSTILE, actions=[HOSTILE])
        return [["search", "gnp*"], ["search", "from:bravo"], ["star", ref], ["star", ref], ["thread", ref], ["clean"]]

    def test_as_it_comes_in(self, node: Any, lines: list[list[str]]) -> None:
        """Neither title nor body can act on the terminal, nor a title pass for a line of its own."""
        node("action", "done", "1")
        for arguments in lines:
            ran = node(*arguments)
            assert ran.code == 0, ran.err
            assert "gnp.exe" in ran.out
            assert_harmless(ran.out)
        assert len(node("star", "1").out.splitlines()) == 1

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_as_it_may_stand_in_the_database(self, node: Any, lines: list[list[str]], form: list[str]) -> None:
        """Whatever stands in the database, what is printed is harmless, as text and as JSON."""
        node("action", "done", "1")
        plant(node, HOSTILE)
        for arguments in lines:
            ran = node(*arguments, *form)
            assert ran.code == 0, ran.err
            assert "gnp.exe" in ran.out
            assert_harmless(ran.out)

    def test_in_mistakes(self, node: Any) -> None:
        """What was typed is repeated without what would act on the terminal."""
        for command in (["thread"], ["star"], ["search", "x", "--after"], ["search", "x", "--as"]):
            ran = node(*command, HOSTILE)
            assert ran.code in (2, 3)
            assert_harmless(ran.err)
