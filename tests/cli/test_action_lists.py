"""`claudemail action list` and `actions`: lists of what is to be done."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from claudemail.model.views import ActionPage, MyActions
from tests.cli.conftest import create, filled_by, listed


@pytest.fixture
def filled(node: Any) -> Any:
    """A node with actions of several people in several states."""
    return filled_by(node, fill)


def fill(node: Any) -> None:
    """Make the actions that the lists are of."""
    create(node, "Later", "--assignee", "alpha", "--priority", "low", "--due", "2100-01-01")
    create(node, "Late", "--assignee", "alpha", "--due", "2020-01-01", "--note", "waits for the migration")
    create(node, "Urgent", "--assignee", "charlie", "--priority", "urgent", "--as", "alpha")
    create(node, "Nobody", "--as", "bravo")
    create(node, "Mine", "--assignee", "operator")
    create(node, "Blocked", "--assignee", "bravo")
    create(node, "Done", "--assignee", "alpha", "--due", "2020-01-01")
    create(node, "Dropped", "--assignee", "instance1")
    node("action", "block", "6")
    node("action", "done", "7")
    node("action", "drop", "8")


class TestList:
    """`claudemail action list`."""

    @pytest.mark.parametrize(
        ("arguments", "texts"),
        [
            ([], ["Urgent", "Late", "Nobody", "Mine", "Blocked", "Later"]),
            (["--status", "open"], ["Urgent", "Late", "Nobody", "Mine", "Blocked", "Later"]),
            (["--status", "closed"], ["Dropped", "Done"]),
            (["--status", "all"], ["Urgent", "Late", "Nobody", "Mine", "Blocked", "Later", "Dropped", "Done"]),
            (["--status", "blocked"], ["Blocked"]),
            (["--status", "done"], ["Done"]),
            (["--status", "wip"], []),
            (["--assignee", "alpha"], ["Late", "Later"]),
            (["--assignee", "ALPHA"], ["Late", "Later"]),
            (["--assignee", "me", "--as", "alpha"], ["Late", "Later"]),
            (["--assignee", "me", "--as", "alpha", "--status", "all"], ["Late", "Later", "Dropped", "Done"]),
            (["--assignee", "me"], ["Mine"]),
            (["--assignee", "operator@server1"], ["Mine"]),
            (["--assignee", "none"], ["Nobody"]),
            (["--assignee", "charlie"], ["Urgent"]),
            (["--asker", "me", "--as", "bravo"], ["Nobody"]),
            (["--asker", "alpha"], ["Urgent"]),
            (["--asker", "operator", "--assignee", "alpha"], ["Late", "Later"]),
            (["--priority", "low"], ["Later"]),
            (["--overdue"], ["Late"]),
            (["--overdue", "--status", "all"], ["Late"]),
            (["--text", "late*"], ["Late", "Later"]),
            (["--text", "MIGRATION"], ["Late"]),
            (["--text", "late -migration"], []),
            (["--text", "migration", "--assignee", "bravo"], []),
        ],
    )
    def test_filters(self, filled: Any, arguments: list[str], texts: list[str]) -> None:
        """Filters leave what fits all of them, open before closed, the most pressing first, the closed latest first."""
        assert listed(filled, *arguments) == texts
        lines = filled("action", "list", *arguments).out.splitlines()
        assert len(lines) == max(len(texts), 1)
        assert lines == ["No action fits that."] or all(text in line for text, line in zip(texts, lines, strict=True))

    def test_lines(self, filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A line has ref, number, status, priority, whose, until when and whether that is past, what, and who asked."""
        monkeypatch.setenv("COLUMNS", "130")
        lines = filled("action", "list", "--status", "all").out.splitlines()
        rows = filled("action", "list", "--status", "all", "--json").json["rows"]
        for row, line in zip(rows, lines, strict=True):
            assert line.split()[:3] == [row["ref"], str(row["number"]), row["status"]]
            assert (row["assignee"] or "nobody") in line
            assert row["asker"] in line
            assert (f"due {row['due']}" in line) == bool(row["due"])
            assert ("late" in line.split()) == (row["text"] == "Late")
        assert len({line.index(row["text"]) for row, line in zip(rows, lines, strict=True)}) == 1

    @pytest.mark.parametrize("width", [60, 80, 130])
    def test_fits(self, node: Any, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
        """No line of a list is wider than the terminal, with wide characters in it too."""
        monkeypatch.setenv("COLUMNS", str(width))
        create(node, "短い" * 60, "--assignee", "operator@server2", "--priority", "urgent", "--due", "2020-01-01")
        create(node, "long " * 39, "--assignee", "alpha")
        for line in node("action", "list").out.splitlines():
            assert sum(2 if char in "短い" else 1 for char in line) <= width
            assert "…" in line

    @pytest.mark.parametrize("arguments", [["--status", "all"], ["--status", "closed"], ["--assignee", "alpha"], []])
    def test_pages(self, filled: Any, arguments: list[str]) -> None:
        """With the cursor that is printed, the pages together are all of the list, each action once."""
        whole = listed(filled, *arguments)
        seen: list[str] = []
        again: list[str] = []
        while True:
            lines = filled("action", "list", *arguments, "--limit", "2", *again).out.splitlines()
            seen += [line.split("  ")[0] for line in lines if "--cursor" not in line]
            if "--cursor" not in lines[-1]:
                break
            assert len(lines) == 3
            again = ["--cursor", lines[-1].split("--cursor ")[1]]
        refs = [row["ref"] for row in filled("action", "list", *arguments, "--json").json["rows"]]
        assert seen == refs
        assert len(refs) == len(whole)

    def test_json(self, filled: Any) -> None:
        """The JSON is the view, with the cursor of the next page."""
        page = ActionPage.model_validate(filled("action", "list", "--limit", "4", "--json").json)
        rest = ActionPage.model_validate(filled("action", "list", "--cursor", page.cursor or "", "--json").json)
        assert [row.text for row in page.rows + rest.rows] == listed(filled)
        assert rest.cursor is None

    def test_somebody_of_the_past(self, node: Any) -> None:
        """What is left of somebody whom the config no longer names is found by their name."""
        create(node, "A", "--assignee", "bravo")
        with closing(sqlite3.connect(node.config.db_path)) as connection, connection:
            connection.execute("UPDATE actions SET assignee = 'zulu'")
        assert listed(node, "--assignee", "zulu") == ["A"]

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--status", "late"], 2, ["pending", "closed", "all"]),
            (["--assignee", "charly"], 3, ["'charly'", "charlie"]),
            (["--asker", "charly"], 3, ["charlie"]),
            (["--asker", "all"], 2, ["is not one name"]),
            (["--priority", "now"], 2, ["urgent"]),
            (["--text", "***"], 2, ["no word to look for"]),
            (["--text", "-late"], 2, ["no word to look for"]),
            (["--text", "x" * 501], 2, ["500"]),
            (["--limit", "0"], 2, ["--limit"]),
            (["--limit", "1001"], 2, ["--limit", "1000"]),
            (["--cursor", "x"], 2, ["cursor is not one of this list", "without a cursor"]),
            (["--cursor", "c/1/1"], 2, ["cursor is not one of this list"]),
            (["--as", "charlie"], 3, ["server2"]),
            (["extra"], 2, ["extra"]),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """A wrong option or name is refused with its exit code and a reason."""
        ran = node("action", "list", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err


class TestMine:
    """`claudemail actions`."""

    def test_nothing(self, node: Any) -> None:
        """Who has nothing to do is told so."""
        ran = node("actions", "--as", "alpha")
        assert (ran.code, ran.out) == (0, "Nothing is pending or in work for alpha.\n")

    def test_what_is_theirs(self, node: Any) -> None:
        """It lists what is pending and in work, of a callsign and its instance, the most pressing first, and counts the rest."""
        create(node, "Pending", "--assignee", "alpha")
        create(node, "Instance", "--assignee", "instance1", "--priority", "high")
        create(node, "Begun", "--assignee", "alpha", "--priority", "urgent")
        create(node, "Blocked", "--assignee", "alpha")
        create(node, "Done", "--assignee", "alpha")
        create(node, "Another's", "--assignee", "bravo")
        node("action", "start", "3")
        node("action", "block", "4")
        node("action", "done", "5")
        *lines, last = node("actions", "--as", "alpha").out.splitlines()
        assert [text for line in lines for text in ("Begun", "Instance", "Pending") if text in line] == [
            "Begun",
            "Instance",
            "Pending",
        ]
        assert len(lines) == 3
        assert last == "1 more action blocked."

    def test_operator(self, node: Any) -> None:
        """Without --as it is what the operator has to do."""
        create(node, "Mine", "--assignee", "me")
        create(node, "Alpha's", "--assignee", "alpha")
        assert [row["text"] for row in node("actions", "--json").json["mine"]["rows"]] == ["Mine"]

    def test_what_nobody_took(self, node: Any) -> None:
        """What was asked of several and is nobody's yet is listed for each of them, until somebody takes it."""
        node.send("alpha,bravo", "Freeze", sender="operator", actions=["Say when you are done"])
        for name in ("alpha", "bravo"):
            lines = node("actions", "--as", name).out.splitlines()
            assert lines[0] == f"Nothing is pending or in work for {name}."
            assert lines[1] == "Nobody's yet:"
            assert "Say when you are done" in lines[2]
        node("action", "update", "1", "--assignee", "me", "--as", "bravo")
        assert node("actions", "--as", "alpha").out == "Nothing is pending or in work for alpha.\n"
        assert "Nobody's" not in node("actions", "--as", "bravo").out

    def test_many_that_nobody_took(self, node: Any) -> None:
        """Of many that are nobody's the first are listed, and how to list all is said."""
        node.send("alpha,bravo", "Freeze", sender="operator", actions=[f"Step {number}" for number in range(11)])
        lines = node("actions", "--as", "alpha").out.splitlines()
        assert len(lines) == 13
        assert lines[-1] == "and maybe more: claudemail action list --assignee none"

    def test_pages(self, node: Any) -> None:
        """With the cursor that is printed, the pages together are all of it, each action once."""
        refs = [create(node, f"Step {number}", "--assignee", "alpha").ref for number in range(5)]
        seen: list[str] = []
        again: list[str] = []
        while True:
            lines = node("actions", "--as", "alpha", "--limit", "2", *again).out.splitlines()
            seen += [line.split("  ")[0] for line in lines if "--cursor" not in line]
            if "--cursor" not in lines[-1]:
                break
            again = ["--cursor", lines[-1].split("--cursor ")[1]]
        assert seen == refs

    def test_json(self, node: Any) -> None:
        """The JSON is the view, in ASCII."""
        create(node, "Schlüssel", "--assignee", "alpha")
        node.send("alpha,bravo", "Freeze", actions=["Say so"])
        ran = node("actions", "--as", "alpha", "--json")
        found = MyActions.model_validate(ran.json)
        assert ran.out.isascii()
        assert [row.text for row in found.mine.rows] == ["Schlüssel"]
        assert ([row.text for row in found.offered], found.offered_more, found.blocked) == (["Say so"], False, 0)

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            (["--as", "charlie"], 3, "server2"),
            (["--as", "nobody"], 3, "'nobody'"),
            (["--limit", "0"], 2, "--limit"),
            (["--cursor", "x"], 2, "without a cursor"),
            (["--cursor", "c/1/1"], 2, "without a cursor"),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """A wrong option or name is refused with its exit code and a reason."""
        ran = node("actions", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err
