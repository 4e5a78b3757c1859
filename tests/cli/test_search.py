"""`claudemail search`: finding mail again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claudemail.clock import day_of, wall_ms
from claudemail.model.views import SearchPage
from tests.cli.conftest import filled_by, send_ago, titles


def days_ago(days: int) -> str:
    """Return a day of the past."""
    return (day_of(wall_ms()) - timedelta(days=days)).isoformat()


@pytest.fixture
def filled(node: Any) -> Any:
    """A node with mail of three people, of several days, some of it read, starred and archived."""
    return filled_by(node, fill)


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
