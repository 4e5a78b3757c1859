"""`claudemail search`, `thread`, `star` and `clean`: finding mail again, keeping it, and putting it away."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claudemail.clock import day_of, wall_ms
from claudemail.model.brief import Draft
from claudemail.model.views import CleanView, SearchPage, StarView, ThreadView
from claudemail.office import Office

DAY_MS = 86_400_000
HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b2J \u202egnp.exe \U000e0041tag\nsecond"


def assert_harmless(text: str) -> None:
    """Assert that a terminal does nothing but show the text."""
    assert not [char for char in text if (ord(char) < 32 and char != "\n") or 0x7F <= ord(char) < 0xA0]
    assert "\u202e" not in text
    assert "\U000e0041" not in text


def plant(node: Any, title: str) -> None:
    """Put a title into the database as no face would."""
    with closing(sqlite3.connect(node.config.db_path)) as connection, connection:
        connection.execute("UPDATE briefs SET title = ?", (title,))


def send_ago(node: Any, days: float, to: str, title: str, sender: str = "bravo", **fields: Any) -> str:
    """Send a brief by a clock that is some days behind; return its ref."""

    async def work() -> str:
        async with await Office.open(node.config, wall=lambda: wall_ms() - int(days * DAY_MS)) as office:
            return (await office.send(await office.party(sender), Draft(to=[to], title=title, **fields))).ref

    return asyncio.run(work())


def days_ago(days: int) -> str:
    """Return a day of the past."""
    return (day_of(wall_ms()) - timedelta(days=days)).isoformat()


def titles(node: Any, *arguments: str) -> list[str]:
    """Return the titles of what a search finds."""
    ran = node("search", "--json", *arguments)
    assert ran.code == 0, ran.out
    return [hit["row"]["title"] for hit in ran.json["hits"]]


FILES = ("claudemail.db", "node.key")
made: dict[str, bytes] = {}
"""The files of a node that is filled, so that it is filled once and copied for each test."""


@pytest.fixture
def filled(node: Any) -> Any:
    """A node with mail of three people, of several days, some of it read, starred and archived."""
    folder = Path(node.config.state_dir)
    if not made:
        fill(node)
        made.update({name: (folder / name).read_bytes() for name in FILES})
    for name, content in made.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    return node


def fill(node: Any) -> None:
    """Send, read, star and archive what the tests look for."""
    send_ago(node, 60, "alpha", "Old news", body="Long gone.")
    first = send_ago(
        node, 10, "alpha", "Deploy blocker", body="It adds a NOT NULL column. Existing rows fail.", priority="high"
    )
    send_ago(node, 2, "bravo", "Re: Deploy blocker", "alpha", body="Give it a default.", reply_to=first)
    send_ago(node, 1, "alpha", "Between us", "operator", body="The migration is yours. Null and not void.")
    node.send("operator", "Nightly report", body="The migrations ran on staging.")
    node("read", "1", "--as", "alpha")
    node("read", "2", "--as", "alpha")
    node("star", "2")
    node("clean", "--as", "alpha", "--apply")


class TestSearch:
    """`claudemail search`."""

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            (["migration"], ["Between us"]),
            (["MIGRATION"], ["Between us"]),
            (["migration*"], ["Nightly report", "Between us"]),
            (["migr*", "staging"], ["Nightly report"]),
            (["migration*", "-staging"], ["Between us"]),
            (["--", "-staging", "migration*"], ["Between us"]),
            (["deploy", "blocker"], ["Re: Deploy blocker", "Deploy blocker"]),
            (["deploy blocker"], ["Re: Deploy blocker", "Deploy blocker"]),
            (["null", "not"], ["Between us", "Deploy blocker"]),
            (["not null"], ["Deploy blocker"]),
            (['"not null"'], ["Deploy blocker"]),
            (["null", '-"not null"'], ["Between us"]),
            (["gone"], ["Old news"]),
            (["alpha"], ["Re: Deploy blocker"]),
            (["from:alpha"], ["Re: Deploy blocker"]),
            (["from:ALPHA"], ["Re: Deploy blocker"]),
            (["from:bravo@server1"], ["Nightly report", "Deploy blocker", "Old news"]),
            (["from:bravo@server2"], []),
            (["from:@server1", "deploy"], ["Re: Deploy blocker", "Deploy blocker"]),
            (["from:@server2"], []),
            (["from:bravo deploy"], ["Deploy blocker"]),
            (["thread:2"], ["Re: Deploy blocker", "Deploy blocker"]),
            (["thread:2", "default"], ["Re: Deploy blocker"]),
            (["is:starred"], ["Deploy blocker"]),
            (["is:archived"], ["Old news"]),
            (["is:unread"], ["Nightly report", "Between us", "Re: Deploy blocker"]),
            (["is:read"], ["Deploy blocker", "Old news"]),
            (["is:current", "is:read"], ["Deploy blocker"]),
            (["nothing", "like", "it"], []),
        ],
    )
    def test_words(self, filled: Any, words: list[str], found: list[str]) -> None:
        """All words, phrases, starts, excluded words and filters of a query are gone by, the newest first."""
        assert titles(filled, *words) == found

    @pytest.mark.parametrize(
        ("option", "inline"),
        [
            (["--from", "bravo"], ["from:bravo"]),
            (["--from", "bravo@server1"], ["from:bravo@server1"]),
            (["--thread", "2"], ["thread:2"]),
            (["--unread"], ["is:unread"]),
            (["--read"], ["is:read"]),
            (["--starred"], ["is:starred"]),
            (["--archived"], ["is:archived"]),
            (["--current"], ["is:current"]),
            (["--from", "bravo", "--read", "news"], ["from:bravo", "is:read", "news"]),
        ],
    )
    def test_options(self, filled: Any, option: list[str], inline: list[str]) -> None:
        """A filter finds the same as an option and in the query."""
        found = titles(filled, *option)
        assert found == titles(filled, *inline)
        assert 0 < len(found) < 5

    def test_days(self, filled: Any) -> None:
        """What was sent on a day or later, and what was before one, is found by option and in the query."""
        two, ten = days_ago(2), days_ago(10)
        for after, before in ((["--after", two], ["--before", two]), ([f"after:{two}"], [f"before:{two}"])):
            assert titles(filled, *after) == ["Nightly report", "Between us", "Re: Deploy blocker"]
            assert titles(filled, *before) == ["Deploy blocker", "Old news"]
        assert titles(filled, "--after", ten, "--before", two) == ["Deploy blocker"]
        assert titles(filled, "after:today") == ["Nightly report"]
        assert titles(filled, "--after", "tomorrow") == []

    def test_options_come_before_the_query(self, filled: Any) -> None:
        """Where both say something of the same, the option is gone by."""
        assert titles(filled, "from:alpha", "--from", "operator") == ["Between us"]

    def test_lines(self, filled: Any) -> None:
        """Each brief has a line with its marks, ref, title, sender and time, and one with the part where the words are."""
        ran = filled("search", "from:bravo")
        lines = ran.out.splitlines()
        rows = [hit["row"] for hit in filled("search", "from:bravo", "--json").json["hits"]]
        assert ran.code == 0
        assert lines[0].startswith(f"● {rows[0]['ref']} Nightly report  bravo (server1), ")
        assert lines[1] == "  The migrations ran on staging. // bravo, clear"
        assert lines[2].startswith(f"★ {rows[1]['ref']} Deploy blocker  bravo (server1), ")
        assert lines[4].startswith(f"(archived) {rows[2]['ref']} Old news  ")
        assert len(lines) == 6

    def test_excerpt(self, node: Any) -> None:
        """Of a long body the part is shown where the first of the words stands."""
        node.send("operator", "Long", body="word " * 500 + "needle" + " word" * 500)
        excerpt = node("search", "needle").out.splitlines()[1]
        assert "needle" in excerpt
        assert len(excerpt) < 200
        assert excerpt.startswith("  …")
        assert excerpt.endswith("…")

    def test_unverified(self, node: Any, peer: Any) -> None:
        """Mail of a node whose key is not known is marked."""
        peer.send("alpha", "Trust me", sender="charlie")
        peer.give()
        assert "charlie (server2) (?)" in node("search", "trust").out

    def test_marks_nothing_read(self, filled: Any) -> None:
        """Searching marks nothing read, for nobody."""
        before = [filled.unread(name) for name in ("alpha", "bravo", "operator")]
        filled("search", "from:bravo", "--as", "alpha")
        filled("search", "nightly")
        assert [filled.unread(name) for name in ("alpha", "bravo", "operator")] == before == [1, 1, 1]

    def test_whose_mail(self, filled: Any) -> None:
        """The operator finds all mail of the node; a name finds what is from or to it, and no more."""
        filled.send("bravo", "Not for alpha", sender="operator")
        everything = ["--after", days_ago(100)]
        ours = ["Re: Deploy blocker", "Deploy blocker", "Old news"]
        assert titles(filled, *everything) == ["Not for alpha", "Nightly report", "Between us", *ours]
        assert titles(filled, *everything, "--as", "alpha") == ["Nightly report", "Between us", *ours]
        assert titles(filled, *everything, "--as", "bravo") == ["Not for alpha", "Nightly report", *ours]
        assert titles(filled, "between", "--as", "bravo") == []
        assert titles(filled, "is:starred", "--as", "alpha") == []

    def test_pages(self, node: Any) -> None:
        """With the cursor that is printed, the pages together are all that is found, each brief once."""
        refs = [node.send("alpha", f"Report {number}") for number in range(7)]
        node.send("alpha", "Something else")
        for query in (["report"], ["report", "is:unread"], ["report", "is:current"], ["from:bravo", "-else"]):
            seen: list[str] = []
            again: list[str] = []
            while True:
                lines = node("search", *query, "--limit", "3", *again).out.splitlines()
                seen += [line.split()[1] for line in lines if line.startswith("●")]
                if "--cursor" not in lines[-1]:
                    break
                again = ["--cursor", lines[-1].split("--cursor ")[1].removesuffix(".")]
            assert seen == refs[::-1]

    def test_nothing_found(self, filled: Any) -> None:
        """When nothing is found, that is said, and it is no failure."""
        ran = filled("search", "nowhere")
        assert (ran.code, ran.out) == (0, "Nothing found.\n")

    def test_json(self, filled: Any) -> None:
        """The JSON is the view, in ASCII, with the cursor of the next page."""
        filled.send("alpha", "Schlüssel für alle")
        ran = filled("search", "from:bravo", "--limit", "1", "--json")
        page = SearchPage.model_validate(ran.json)
        assert ran.out.isascii()
        assert [hit.row.title for hit in page.hits] == ["Schlüssel für alle"]
        rest = SearchPage.model_validate(filled("search", "from:bravo", "--cursor", str(page.cursor), "--json").json)
        assert [hit.row.title for hit in rest.hits] == ["Nightly report", "Deploy blocker", "Old news"]
        assert rest.cursor is None

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            ([], 2, ["nothing to search for", "from:alpha", "is:unread"]),
            ([""], 2, ["nothing to search for"]),
            (["***"], 2, ["nothing to search for"]),
            (["--"], 2, ["nothing to search for"]),
            (["is:here"], 2, ["is:here", "unread", "archived"]),
            (["after:soon"], 2, ["'soon' is not a day", "2026-12-31"]),
            (["x", "--after", "soon"], 2, ["'soon' is not a day"]),
            (["x", "--before", "2026-02-30"], 2, ["2026-02-30"]),
            (["thread:zzzz"], 3, ["no brief 'zzzz'"]),
            (["x", "--thread", "zzzz"], 3, ["no brief 'zzzz'", "inbox"]),
            (["thread:1", "--as", "bravo"], 3, ["neither from nor to bravo"]),
            (["x" * 501], 2, ["501", "500"]),
            ([str(number) for number in range(33)], 2, ["33", "32"]),
            (["x", "--limit", "0"], 2, ["--limit"]),
            (["x", "--cursor", "y"], 2, ["'y' is not where a list ended"]),
            (["x", "--as", "charlie"], 3, ["server2"]),
            (["x", "--as", "nobody"], 3, ["'nobody'"]),
            (["from:charly"], 3, ["'charly'", "charlie"]),
            (["x", "--from", "charly"], 3, ["'charly'", "charlie"]),
            (["x", "--from"], 2, ["--from"]),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """What is no query, and a wrong option, is refused with its exit code, a reason and a way on."""
        node.send("alpha", "Hello", sender="operator")
        ran = node("search", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err

    def test_mistake_as_json(self, node: Any) -> None:
        """With --json a mistake is JSON on stdout."""
        ran = node("search", "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (2, "", "invalid")

    @pytest.mark.parametrize("option", ["--jsno", "--form", "--stared"])
    def test_mistyped_option(self, filled: Any, option: str) -> None:
        """An option that there is not is refused, and not taken for a word that must not be found."""
        ran = filled("search", "deploy", option)
        assert (ran.code, ran.out) == (2, "")
        assert option in ran.err

    @pytest.mark.parametrize("word", ["-that", "-hello", "-cash"])
    def test_excluded_words_with_an_h(self, filled: Any, word: str) -> None:
        """A word that must not be there may have any letters."""
        assert titles(filled, "deploy", word) == ["Re: Deploy blocker", "Deploy blocker"]

    @pytest.mark.parametrize(
        "value",
        ["nobody", "x y", "*", "(", "from:alpha", "@", "@server9", "@server1@server1", "", "'", "x" * 200, "移行"],
    )
    def test_odd_senders(self, filled: Any, value: str) -> None:
        """Whatever is given for a sender, nobody's mail is found, or it is refused in words."""
        ran = filled("search", "--from", value)
        assert (ran.code, ran.out) == (0, "Nothing found.\n") or ran.code in (2, 3)

    @pytest.mark.parametrize(
        "value",
        [
            'al"pha',
            '"',
            '") OR who : ("ыa',
            "\udcff",
        ],
    )
    def test_senders_with_quotes(self, filled: Any, value: str) -> None:
        """A quote in a sender is none of the index's syntax, and bytes that are no text are no fault."""
        ran = filled("search", "--from", value)
        assert (ran.code, ran.out) == (0, "Nothing found.\n") or ran.code in (2, 3)

    @pytest.mark.parametrize("word", ["ыa", "ыtalpha", "ыfbravo"])
    def test_words_of_the_index(self, filled: Any, word: str) -> None:
        """The words by which the index knows whose mail is are in no mail, and so are not found."""
        assert titles(filled, word) == []

    @pytest.mark.parametrize(
        "words",
        [
            ['"'], ['""'], ['"not null'], ['a"b'], ["NEAR(a b)"], ["a AND b OR NOT c"], ["title:x"], ["who : alpha"], ["a*b*c"],
            ["^a"], ["{title}: x"], ["(((", "x"], ["-"], ["--x"], ["from:"], ["from:", "alpha"], ["is:"], ["-is:unread"],
            ["-from:alpha"], ["x:y:z"], ["from:a", "from:b"], ["移行"], ["😀"], ["\udcff"], ["\x00x"], ["%"],
            ["'; DROP TABLE briefs"],
            ['from:"alpha"'], ["thread:"], ["+", "x"], ["a\nb"], ["\u202e\u200b"], ["before:0001-01-01"], ["after:9999-12-31"],
        ],
    )  # fmt: skip
    def test_odd_queries(self, filled: Any, words: list[str]) -> None:
        """Whatever is looked for, there is an answer, or it is refused as input that does not fit."""
        ran = filled("search", "--", *words)
        assert ran.code == 0 or (ran.code in (2, 3) and ran.out == "" and len(ran.err.splitlines()) == 1)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.text(st.sampled_from("ab \"'*:-()^.#@移\x00\u0301") | st.characters(), max_size=12), max_size=4))
    def test_any_query(self, node: Any, words: list[str]) -> None:
        """Any words of a command line are a query, or are refused as input that does not fit."""
        ran = node("search", "--json", "--", *words)
        assert ran.err == ""
        if ran.code != 0:
            assert (ran.code, ran.json["error"]["code"]) in [(2, "invalid"), (3, "not_found"), (3, "unknown_name")]
            assert ran.json["error"]["remedy"]


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
