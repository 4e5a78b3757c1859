"""`claudemail action`: what is to be done, whose it is and until when, and who changed what of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest

from claudemail.cli import action as commands
from claudemail.clock import day_of
from claudemail.model.action import ActionStatus
from claudemail.model.brief import Priority
from claudemail.model.views import ActionHistory, ActionUpdated, ActionView
from claudemail.office import Office
from claudemail.office.actions import ActionUpdate
from tests.cli.conftest import HOSTILE, assert_harmless, create, listed


def on_the_day_of(action: ActionView, ahead: int) -> str:
    """Return the day so many days after an action was made."""
    return (day_of(action.created_at) + timedelta(days=ahead)).isoformat()


class TestCreate:
    """`claudemail action create`."""

    def test_line(self, node: Any) -> None:
        """It answers with a line that has the ref, the number and what was asked for."""
        ran = node(
            "action", "create", "Rotate the keys", "--assignee", "alpha", "--priority", "high", "--due", "2100-01-31"
        )
        [row] = node("action", "list", "--json").json["rows"]
        assert ran.code == 0, ran.err
        assert (
            ran.out
            == f'Created {row["ref"]} ({row["number"]}) "Rotate the keys": pending, high, for alpha, due 2100-01-31\n'
        )

    def test_json(self, node: Any) -> None:
        """The JSON is the view, in ASCII; what was not given is nobody's, normal and without a day."""
        ran = node("action", "create", "Schlüssel tauschen", "--json")
        assert ran.out.isascii()
        made = ActionView.model_validate(ran.json)
        assert (made.text, made.status, made.asker) == ("Schlüssel tauschen", ActionStatus.PENDING, "operator@server1")
        assert (made.assignee, made.priority, made.due, made.note, made.brief) == (
            None,
            Priority.NORMAL,
            None,
            None,
            None,
        )

    def test_every_option(self, node: Any) -> None:
        """Each option reaches the action, and who asked is the name acted as."""
        ref = node.send("alpha", "Deploy blocker")
        made = create(
            node, "Rotate the keys", "--assignee", "charlie", "--priority", "urgent", "--due", "2100-01-31",
            "--note", "the old ones leaked", "--brief", ref, "--as", "alpha",
        )  # fmt: skip
        assert (made.assignee, made.priority, made.due) == ("charlie", Priority.URGENT, "2100-01-31")
        assert (made.note, made.brief_ref, made.asker) == ("the old ones leaked", ref, "alpha@server1")

    @pytest.mark.parametrize(
        ("word", "ahead"), [("today", 0), ("tomorrow", 1), ("+3d", 3), ("+2w", 14), ("+0d", 0), ("TOMORROW", 1)]
    )
    def test_days_ahead(self, node: Any, word: str, ahead: int) -> None:
        """A day may be given by how far it is."""
        made = create(node, "A", "--due", word)
        assert made.due == on_the_day_of(made, ahead)

    @pytest.mark.parametrize(("word", "number"), [("fri", 4), ("monday", 0), ("Sund", 6)])
    def test_weekdays(self, node: Any, word: str, number: int) -> None:
        """A weekday is the next one after today."""
        made = create(node, "A", "--due", word)
        week = [on_the_day_of(made, ahead) for ahead in range(1, 8)]
        assert made.due == next(day for day in week if date.fromisoformat(day).weekday() == number)

    def test_the_last_day(self, node: Any) -> None:
        """The last day of the calendar is a day as well, or is refused; it is not dropped silently."""
        ran = node("action", "create", "A", "--due", "9999-12-31", "--json")
        assert ran.code == 2 or ran.json["due"] == "9999-12-31"

    @pytest.mark.parametrize(
        ("word", "arguments", "assignee"),
        [
            ("me", ["--as", "alpha"], "alpha"),
            ("ME", ["--as", "instance1"], "instance1"),
            ("me", [], "operator@server1"),
            ("operator@server2", [], "operator@server2"),
            ("CHARLIE", [], "charlie"),
            ("@bravo", [], "bravo"),
            ("none", ["--as", "alpha"], None),
            ("nobody", [], None),
        ],
    )
    def test_assignees(self, node: Any, word: str, arguments: list[str], assignee: str | None) -> None:
        """An assignee is any name of the fleet, `me` or `none`."""
        assert create(node, "A", "--assignee", word, *arguments).assignee == assignee

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            ([], 2, ["TEXT", "claudemail action create --help"]),
            (["A", "B"], 2, ["extra argument"]),
            ([""], 2, ["text"]),
            (["  \n "], 2, ["text"]),
            (["x" * 501], 2, ["text", "500"]),
            (["A", "--note", "x" * 2001], 2, ["note", "2000"]),
            (["A", "--due", "soon"], 2, ["'soon' is not a day", "2026-12-31", "fri", "+3d"]),
            (["A", "--due", "2026-02-30"], 2, ["2026-02-30"]),
            (["A", "--priority", "now"], 2, ["low", "urgent"]),
            (["A", "--assignee", "charly"], 3, ["'charly'", "charlie"]),
            (["A", "--assignee", "alpha@server9"], 3, ["'server9'", "server1"]),
            (["A", "--assignee", "all"], 2, ["'all' is not one name", "operator@node"]),
            (["A", "--assignee", "alpha,bravo"], 2, ["is not one name"]),
            (["A", "--assignee", "a b!"], 2, ["'b!' is not an address"]),
            (["A", "--brief", "zzzz"], 3, ["no brief 'zzzz'", "inbox"]),
            (["A", "--as", "charlie"], 3, ["server2"]),
            (["A", "--as", "alhpa"], 3, ["'alhpa'", "alpha"]),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """What does not fit is refused with its exit code, a reason and a way on, and nothing is made."""
        ran = node("action", "create", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err
        assert listed(node) == []

    @pytest.mark.parametrize("text", ["", "x" * 501])
    def test_mistakes_are_said_in_plain_words(self, node: Any, text: str) -> None:
        """A text that is empty or too long is said to be that, in characters."""
        err = node("action", "create", text).err
        assert "item" not in err
        assert "validation" not in err

    def test_another_s_brief(self, node: Any) -> None:
        """A brief that is neither from nor to somebody is no brief to them."""
        ref = node.send("alpha", "Hello", sender="operator")
        ran = node("action", "create", "A", "--brief", ref, "--as", "bravo")
        assert (ran.code, ran.out) == (3, "")
        assert "neither from nor to bravo" in ran.err

    def test_mistake_as_json(self, node: Any) -> None:
        """With --json a mistake is JSON on stdout, with a code that is stable."""
        ran = node("action", "create", "A", "--assignee", "charly", "--json")
        assert (ran.code, ran.err, ran.json["error"]["code"]) == (3, "", "unknown_name")
        assert "charlie" in ran.json["error"]["remedy"]

    def test_choices(self) -> None:
        """What the options offer is what the model knows."""
        assert list(Priority) == list(commands._PRIORITIES)
        assert list(ActionStatus) == list(commands._STATUSES)


class TestUpdate:
    """`claudemail action update`."""

    def test_line(self, node: Any) -> None:
        """It answers with the action as it is now, and what was other before."""
        made = create(node, "Rotate the keys", "--assignee", "alpha", "--due", "2100-01-31")
        ran = node("action", "update", made.ref, "--status", "wip", "--due", "2100-02-01", "--priority", "high")
        assert ran.code == 0
        assert ran.out == (
            f'{made.ref} ({made.number}) "Rotate the keys": wip, high, for alpha, due 2100-02-01'
            "  (status was pending, priority was normal, due was 2100-01-31)\n"
        )

    def test_json(self, node: Any) -> None:
        """The JSON is the view: the action, and the former values of what changed."""
        made = create(node, "Rotate the keys")
        ran = node("action", "update", made.ref, "--assignee", "me", "--note", "begun", "--as", "bravo", "--json")
        done = ActionUpdated.model_validate(ran.json)
        assert (done.action.assignee, done.action.note) == ("bravo", "begun")
        assert done.before == {"assignee": None, "note": None}

    def test_by_number_and_id(self, node: Any) -> None:
        """An action goes by its ref, in any case, its number and its id."""
        made = create(node, "A")
        for word in (made.ref, made.ref.upper(), str(made.number), f"#{made.number}", made.id):
            assert node("action", "update", word, "--note", word, "--json").json["action"]["note"] == word

    def test_so_already(self, node: Any) -> None:
        """What is so already is said to be, and is no change."""
        made = create(node, "A", "--assignee", "alpha")
        ran = node("action", "update", made.ref, "--assignee", "alpha", "--status", "pending")
        assert ran.out.startswith(f"It is so already: {made.ref} ")
        assert node("action", "update", made.ref, "--assignee", "alpha", "--json").json["before"] == {}
        assert len(node("action", "show", made.ref, "--json").json["changes"]) == 1

    @pytest.mark.parametrize("none", ["none", ""])
    def test_emptying(self, node: Any, none: str) -> None:
        """`none` takes assignee and day away, and an empty note is none."""
        made = create(node, "A", "--assignee", "alpha", "--due", "fri", "--note", "N")
        node("action", "update", made.ref, "--assignee", none, "--due", none, "--note", "")
        found = ActionHistory.model_validate(node("action", "show", made.ref, "--json").json).action
        assert (found.assignee, found.due, found.note) == (None, None, None)

    def test_text(self, node: Any) -> None:
        """The text of an action can be put in other words."""
        made = create(node, "Rotate the keys")
        assert '"Rotate all keys"' in node("action", "update", made.ref, "--text", "Rotate all keys").out

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            ([], 2, ["REF"]),
            (["1"], 2, ["Nothing is to be changed", "status"]),
            (["99", "--note", "N"], 3, ["no action '99'", "claudemail action list"]),
            (["zzzz", "--note", "N"], 3, ["no action 'zzzz'"]),
            (["", "--note", "N"], 3, ["no action"]),
            (["../../etc", "--note", "N"], 3, ["no action"]),
            (["1", "--status", "ready"], 2, ["pending", "dropped"]),
            (["1", "--due", "soon"], 2, ["'soon' is not a day"]),
            (["1", "--assignee", "charly"], 3, ["charlie"]),
            (["1", "--text", ""], 2, ["text"]),
            (["1", "--note", "N", "--as", "charlie"], 3, ["server2"]),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """What does not fit is refused with its exit code, a reason and a way on, and nothing is changed."""
        create(node, "A")
        ran = node("action", "update", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err
        assert len(node("action", "show", "1", "--json").json["changes"]) == 1

    def test_a_ref_of_bytes(self, node: Any) -> None:
        """Bytes that are no text in the place of a ref are no ref, and no fault."""
        ran = node("action", "update", "\udcff" * 36, "--note", "N")
        assert (ran.code, ran.out) == (3, "")


class TestVerbs:
    """`claudemail action done`, `start`, `block` and `drop`."""

    @pytest.mark.parametrize(
        ("verb", "status"), [("done", "done"), ("start", "wip"), ("block", "blocked"), ("drop", "dropped")]
    )
    def test_one(self, node: Any, verb: str, status: str) -> None:
        """Each verb gives an action its status, with a note."""
        made = create(node, "A", "--assignee", "alpha")
        ran = node("action", verb, str(made.number), "--note", "so it is")
        assert ran.code == 0
        assert ran.out == f'{made.ref} ({made.number}) "A": {status}, for alpha  (status was pending, note was none)\n'
        found = node("action", "show", made.ref, "--json").json["action"]
        assert (found["status"], found["note"]) == (status, "so it is")

    def test_several(self, node: Any) -> None:
        """Several refs and numbers at once are answered line by line, in their order."""
        first, second, third = (create(node, text) for text in "ABC")
        lines = node("action", "done", third.ref, str(first.number)).out.splitlines()
        assert [line.split()[0] for line in lines] == [third.ref, first.ref]
        assert listed(node) == ["B"]
        assert second.status is ActionStatus.PENDING

    def test_several_as_json(self, node: Any) -> None:
        """With --json several are a list."""
        refs = [create(node, text).ref for text in "AB"]
        found = [ActionUpdated.model_validate(one) for one in node("action", "start", *refs, "--json").json]
        assert [(one.action.ref, one.action.status) for one in found] == [(ref, ActionStatus.WIP) for ref in refs]

    def test_by_whom(self, node: Any) -> None:
        """The change is that of the name acted as."""
        made = create(node, "A")
        node("action", "done", made.ref, "--as", "bravo")
        assert node("action", "show", made.ref, "--json").json["changes"][-1]["by"] == "bravo"

    def test_one_of_several_is_unknown(self, node: Any) -> None:
        """When one of several is no action, either nothing is changed, or what was is said."""
        made = create(node, "A")
        ran = node("action", "done", made.ref, "zzzz")
        assert ran.code == 3
        assert "'zzzz'" in ran.err
        assert listed(node) == ["A"] or made.ref in ran.out

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [
            ([], 2, ["REFS"]),
            (["zzzz"], 3, ["no action 'zzzz'", "claudemail action list"]),
            (["1", "--note", "x" * 2001], 2, ["note", "2000"]),
            (["1", "--status", "wip"], 2, ["--status"]),
            (["1", "--as", "nobody"], 3, ["'nobody'"]),
        ],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: list[str]) -> None:
        """What does not fit is refused with its exit code and a reason."""
        create(node, "A")
        ran = node("action", "done", *arguments)
        assert (ran.code, ran.out) == (code, "")
        for words in says:
            assert words in ran.err
        assert listed(node) == ["A"]

    @pytest.mark.parametrize("words", [["action", "finish"], ["actions", "list"]])
    def test_words_that_are_none(self, node: Any, words: list[str]) -> None:
        """A word that there is not is refused, with the way to those that there are."""
        ran = node(*words)
        assert (ran.code, ran.out) == (2, "")
        assert words[1] in ran.err
        assert f"`claudemail {words[0]} --help`" in ran.err

    @pytest.mark.parametrize("group", ["action", "rebuild"])
    def test_a_group_alone(self, node: Any, group: str) -> None:
        """A group without a verb shows its help as it is."""
        ran = node(group)
        assert (ran.out + ran.err).startswith("Usage: ")
        assert (ran.out + ran.err).rstrip() == node(group, "--help").out.rstrip()


class TestShow:
    """`claudemail action show`."""

    def test_history(self, node: Any) -> None:
        """It shows what is to be done, who asked, the note, the brief, and who changed what of it, oldest first."""
        ref = node.send("alpha", "Deploy blocker", actions=["Review the script"], sender="bravo")
        node("action", "start", "1", "--note", "half way", "--as", "alpha")
        node("action", "done", "1", "--note", "rolled out", "--as", "alpha")
        lines = node("action", "show", "1").out.splitlines()
        assert lines[0].startswith("Review the script  ")
        assert lines[1] == "done, for alpha"
        assert lines[2].startswith("asked ")
        assert lines[2].endswith(f" ago by bravo@server1 in brief {ref}")
        assert lines[3] == "Note: rolled out"
        assert lines[4].startswith(f'Brief: {ref} (1) "Deploy blocker" from bravo (server1)')
        assert lines[5] == "History"
        assert "bravo (server1): " in lines[6]
        assert "status pending" in lines[6]
        assert lines[7].endswith('alpha (server1): status wip, note "half way"')
        assert lines[8].endswith('alpha (server1): status done, note "rolled out"')
        assert len(lines) == 9

    def test_json(self, node: Any) -> None:
        """The JSON is the view."""
        ref = node.send("alpha", "Deploy blocker", actions=["Review the script"])
        found = ActionHistory.model_validate(node("action", "show", "1", "--json").json)
        assert (found.action.text, found.action.brief_ref) == ("Review the script", ref)
        assert found.brief is not None
        assert found.brief.title == "Deploy blocker"
        assert [change.by for change in found.changes] == ["bravo"]

    def test_changes_of_others_are_labelled(self, node: Any, peer: Any) -> None:
        """A change that came from a node whose key is not known is called unverified, and those of this node are not."""
        node.send("charlie", "Deploy blocker", actions=["Review the script"])
        peer.fetch()

        async def update(office: Office) -> None:
            await office.update_action(await office.party("charlie"), "1", ActionUpdate(status=ActionStatus.DONE))

        peer.work(update)
        peer.give()
        *_, first, last = node("action", "show", "1").out.splitlines()
        assert "charlie (server2), UNVERIFIED: status done" in last
        assert "UNVERIFIED" not in first
        changes = node("action", "show", "1", "--json").json["changes"]
        assert [(change["node"], change["verified"]) for change in changes] == [("server1", True), ("server2", False)]

    def test_brief_of_others(self, node: Any) -> None:
        """What was asked in a brief that somebody may not see is shown without its title to them."""
        node.send("alpha", "Between us", actions=["Do it"], sender="operator")
        ran = node("action", "show", "1", "--as", "bravo")
        assert ran.code == 0
        assert "Do it" in ran.out
        assert "Between us" not in ran.out

    @pytest.mark.parametrize(
        ("arguments", "code", "says"),
        [(["zzzz"], 3, "no action 'zzzz'"), ([], 2, "REF"), (["1", "2"], 2, "extra"), (["1", "--as", "x"], 3, "'x'")],
    )
    def test_mistakes(self, node: Any, arguments: list[str], code: int, says: str) -> None:
        """What there is not is refused with its exit code and a reason."""
        create(node, "A")
        ran = node("action", "show", *arguments)
        assert (ran.code, ran.out) == (code, "")
        assert says in ran.err


class TestHostile:
    """Texts that would act on a terminal."""

    COMMANDS = (
        ["actions"], ["action", "list"], ["action", "list", "--status", "all"], ["action", "show", "1"],
        ["action", "start", "1"], ["action", "update", "1", "--priority", "high"],
    )  # fmt: skip

    def test_as_they_come_in(self, node: Any) -> None:
        """Neither text nor note of an action can act on the terminal, nor pass for a line of its own."""
        made = node("action", "create", HOSTILE, "--note", HOSTILE, "--assignee", "me")
        assert_harmless(made.out)
        assert made.out.count("\n") == 1
        for arguments in self.COMMANDS:
            ran = node(*arguments)
            assert ran.code == 0, ran.err
            assert "gnp.exe" in ran.out
            assert_harmless(ran.out)
        assert len(node("action", "list").out.splitlines()) == 1

    @pytest.mark.parametrize("form", [[], ["--json"]])
    def test_as_they_may_stand_in_the_database(self, node: Any, form: list[str]) -> None:
        """Whatever stands in the database, what is printed is harmless, as text and as JSON."""
        create(node, "A", "--assignee", "me")
        with closing(sqlite3.connect(node.config.db_path)) as connection, connection:
            connection.execute("UPDATE actions SET text = ?1, note = ?1", (HOSTILE,))
        for arguments in self.COMMANDS:
            ran = node(*arguments, *form)
            assert ran.code == 0, ran.err
            assert "gnp.exe" in ran.out
            assert_harmless(ran.out)

    def test_in_mistakes(self, node: Any) -> None:
        """What was typed is repeated without what would act on the terminal."""
        for arguments in (
            ["show", HOSTILE],
            ["create", "A", "--due", HOSTILE],
            ["list", "--assignee", HOSTILE],
            [HOSTILE],
        ):
            ran = node("action", *arguments)
            assert ran.code in (2, 3)
            assert_harmless(ran.err)
